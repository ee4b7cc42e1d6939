import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { loadMigrations, MIGRATIONS_FOLDER } from '../../artefacts/migrations.ts'
import { FfError } from '../../errors.ts'
import { listOrEmpty } from '../../files/read-or-null.ts'
import { toArtefactError } from '../../artefacts/artefact-error.ts'

const TEMPLATE = `-- What this changes, and why.

-- ff:up

-- ff:down
-- Where rows would be lost: RAISE EXCEPTION ... USING ERRCODE = 'FFM01'.
`

/** A folder of the repository that the installed package does not have. */
const SOURCES = 'src'

/**
 * `ff migrate new`: writes an empty migration, numbered after the last one, into the repository of ff. Returns its path
 * and the next step, as two lines for the user. Never overwrites a file.
 *
 * @param root the package folder: the repository, or the installed package, which the next install replaces
 * @throws FfError `migration_invalid` for a bad name and outside of the repository, `artefact_invalid` if a present
 *   migration is invalid; also errors of the write
 */
export async function newMigration(root: string, name: string): Promise<string> {
  if (!/^[a-z][a-z0-9_]{0,59}$/.test(name)) {
    throw new FfError(
      'migration_invalid',
      `"${name.slice(0, 120)}" is not a valid name of a migration.`,
      {
        hint: 'Use at most 60 lower-case letters, digits and underscores, the first a letter.',
      },
    )
  }
  if ((await listOrEmpty(join(root, SOURCES))).length === 0)
    throw new FfError(
      'migration_invalid',
      `A migration is part of ff: ${root} is an installed package, and the next install would remove the file.`,
      {
        hint: 'Run `ff migrate new` in the repository of ff, and install the version with the migration.',
      },
    )
  const known = await loadMigrations(root)
  if (!known.ok) throw toArtefactError(known.problems)
  const file = `${MIGRATIONS_FOLDER}/${String(known.loaded.length + 1).padStart(4, '0')}_${name}.sql`
  await writeFile(join(root, file), TEMPLATE, { flag: 'wx' })
  return `${file}\nWrite both parts, then add its name and its changes to contracts/persistence_schema.json.`
}
