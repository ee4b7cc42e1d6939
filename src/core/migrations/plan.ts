/** One file of `contracts/migrations`. */
export interface Migration {
  readonly version: number
  /** `0001_audit` */
  readonly name: string
  /** SHA-256 of the file with normalised line ends. */
  readonly checksum: string
  readonly up: string
  readonly down: string
}
/** One row of the ledger. */
export interface AppliedMigration {
  readonly version: number
  readonly name: string
  readonly checksum: string
  readonly applied_at: string
}

export type MigrationRefusal =
  /** A file was changed after it was applied. */
  | { readonly code: 'migration_edited'; readonly name: string }
  /** The database has a migration that these files lack, or another history, or the target version does not exist. */
  | { readonly code: 'migration_unknown'; readonly name: string }
export type MigrationPlan =
  | { readonly ok: true; readonly steps: readonly Migration[] }
  | { readonly ok: false; readonly refusal: MigrationRefusal }

/**
 * Lists the available migrations to apply, in order, to reach version `to`; null stands for the newest. No step is
 * left where all are applied. Refuses an applied migration that has another checksum (`migration_edited`) or another
 * name at its place (`migration_unknown`), and with `migration_unknown` a version that no file has.
 */
export function planUp(
  applied: readonly AppliedMigration[],
  available: readonly Migration[],
  to: number | null,
): MigrationPlan {
  const refusal = findHistoryFault(applied, available) ?? findVersionFault(available, to)
  if (refusal !== null) return { ok: false, refusal }
  const done = new Set(applied.map(({ version }) => version))
  return {
    ok: true,
    steps: available.filter(({ version }) => !done.has(version) && version <= (to ?? version)),
  }
}

/**
 * Lists the applied migrations to revert, newest first, to reach version `to` (0 reverts all); null stands for one
 * step. Refuses an applied migration that has another checksum (`migration_edited`) or another name at its place
 * (`migration_unknown`), and with `migration_unknown` a version other than 0 that no file has.
 */
export function planDown(
  applied: readonly AppliedMigration[],
  available: readonly Migration[],
  to: number | null,
): MigrationPlan {
  const refusal =
    findHistoryFault(applied, available) ?? (to === 0 ? null : findVersionFault(available, to))
  if (refusal !== null) return { ok: false, refusal }
  const done = new Set(applied.map(({ version }) => version))
  const newestFirst = available.filter(({ version }) => done.has(version)).toReversed()
  return {
    ok: true,
    steps:
      to === null ? newestFirst.slice(0, 1) : newestFirst.filter(({ version }) => version > to),
  }
}

/**
 * Checks that the applied migrations are the first available ones, unchanged. Null where they are; else the fault of
 * the first that is not, by version: `migration_unknown` for another name at its place, `migration_edited` for another
 * checksum.
 */
export function findHistoryFault(
  applied: readonly AppliedMigration[],
  available: readonly Migration[],
): MigrationRefusal | null {
  const inOrder = applied.toSorted((a, b) => a.version - b.version)
  for (const [at, { name, checksum }] of inOrder.entries()) {
    if (available[at]?.name !== name) return { code: 'migration_unknown', name }
    if (available[at].checksum !== checksum) return { code: 'migration_edited', name }
  }
  return null
}

const findVersionFault = (
  available: readonly Migration[],
  to: number | null,
): MigrationRefusal | null =>
  to === null || available.some(({ version }) => version === to)
    ? null
    : { code: 'migration_unknown', name: String(to) }
