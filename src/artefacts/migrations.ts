import { createHash } from 'node:crypto'
import { join } from 'node:path'
import type { Migration } from '../core/migrations/plan.ts'
import { findTransactionCommand, splitStatements } from '../core/migrations/statements.ts'
import { listOrEmpty } from '../files/read-or-null.ts'
import type { LoadResult } from './load.ts'
import type { ArtefactProblem } from './problem.ts'
import { readTextFile } from './read-text.ts'

export const MIGRATIONS_FOLDER = 'contracts/migrations'
const NAME = /^(\d{4})_[a-z0-9_]+$/
const PARTS = /^(?:(?!-- ff:).*\n)*-- ff:up\n([\s\S]*?)^-- ff:down\n([\s\S]*)$/m

/**
 * Reads the `NNNN_name.sql` files of `contracts/migrations`, numbered from 1 without a gap: version, name, SHA-256 of
 * the text with normal line ends, and the SQL of both parts. A bad name, an unreadable file, a missing part and a
 * statement that begins or ends a transaction are problems; a missing folder is an empty list.
 *
 * @throws the system's other errors of the folder
 */
export async function loadMigrations(root: string): Promise<LoadResult<readonly Migration[]>> {
  // A missing folder has no migrations; the rules of the contract then report each missing one.
  const names = (await listOrEmpty(join(root, MIGRATIONS_FOLDER)))
    .filter((name) => name.endsWith('.sql'))
    .sort()
  const read = await Promise.all(names.map((file, at) => loadMigration(root, file, at + 1)))
  const problems = read.flatMap((one) => (one.ok ? [] : one.problems))
  if (problems.length > 0) return { ok: false, problems }
  return { ok: true, loaded: read.flatMap((one) => (one.ok ? [one.loaded] : [])) }
}

async function loadMigration(
  root: string,
  file: string,
  version: number,
): Promise<LoadResult<Migration>> {
  const shown = `${MIGRATIONS_FOLDER}/${file}`
  const fail = (problem: Omit<ArtefactProblem, 'file' | 'pointer'>): LoadResult<Migration> => ({
    ok: false,
    problems: [{ file: shown, pointer: '', ...problem }],
  })
  const name = file.slice(0, -'.sql'.length)
  if (Number(NAME.exec(name)?.[1]) !== version) {
    return fail({
      code: 'migration_name_invalid',
      detail: `the name of migration ${version} must begin with ${String(version).padStart(4, '0')}_`,
    })
  }
  const read = await readTextFile(join(root, shown), shown)
  if (!read.ok) return { ok: false, problems: [read.problem] }
  const text = normalizeLineEnds(read.text)
  const [, up, down] = PARTS.exec(text) ?? []
  if (up === undefined || down === undefined) {
    return fail({
      code: 'migration_part_missing',
      detail: 'it needs a part "-- ff:up" followed by a part "-- ff:down"',
    })
  }
  for (const [part, sql] of Object.entries({ up, down })) {
    const command = findTransactionCommand(splitStatements(sql))
    if (command === null) continue
    const where = `statement ${command.number} of its part "-- ff:${part}"`
    return fail({
      code: 'migration_not_atomic',
      detail: `${where} is ${command.words}: a migration and its row in the ledger are one transaction, which ff ends`,
    })
  }
  const checksum = createHash('sha256').update(text).digest('hex')
  return { ok: true, loaded: { version, name, checksum, up, down } }
}

/** The text for the checksum: other line ends or trailing blanks do not count as an edit. */
const normalizeLineEnds = (text: string): string => `${text.replaceAll('\r\n', '\n').trimEnd()}\n`
