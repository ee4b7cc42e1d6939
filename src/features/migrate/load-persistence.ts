import { type LoadedArtefact, loadArtefact, packagedArtefact } from '../../artefacts/load.ts'
import { loadMigrations } from '../../artefacts/migrations.ts'
import { findPersistenceProblems } from '../../artefacts/rules/persistence-rules.ts'
import type { Migration } from '../../core/migrations/plan.ts'
import { toArtefactError } from '../../artefacts/artefact-error.ts'

/** The persistence contract, its roles and its migrations. */
export interface DdlContract {
  readonly contract: LoadedArtefact<'persistence_schema'>['value']
  readonly versions: { readonly oldest: number; readonly newest: number }
  readonly roles: readonly string[]
  readonly migrations: readonly Migration[]
}

/**
 * Name of the last migration in the package folder; null if there is none, or if any of them is invalid or cannot be
 * read.
 *
 * @throws the system's error of the folder, unless it is missing
 */
export async function findNewestMigration(root: string): Promise<string | null> {
  const migrations = await loadMigrations(root)
  return (migrations.ok ? migrations.loaded.at(-1)?.name : null) ?? null
}

/**
 * Reads the persistence contract and all migrations of the package, and checks each against the other. Returns the
 * contract, its range of PostgreSQL versions, the names of its roles, and the migrations in order.
 *
 * @throws FfError `artefact_invalid` with every problem of the contract and the migrations
 */
export async function loadPersistence(root: string): Promise<DdlContract> {
  const [schema, migrations] = await Promise.all([
    loadArtefact('persistence_schema', packagedArtefact(root, 'persistence_schema')),
    loadMigrations(root),
  ])
  if (!schema.ok || !migrations.ok) {
    throw toArtefactError([schema, migrations].flatMap((one) => (one.ok ? [] : one.problems)))
  }
  const problems = findPersistenceProblems(schema.loaded, migrations.loaded)
  if (problems.length > 0) throw toArtefactError(problems)
  const { value } = schema.loaded
  return {
    contract: value,
    versions: value.postgres,
    roles: Object.keys(value.roles),
    migrations: migrations.loaded,
  }
}
