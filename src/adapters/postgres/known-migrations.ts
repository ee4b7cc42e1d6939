import type pg from 'pg'
import {
  type AppliedMigration,
  findHistoryFault,
  type Migration,
} from '../../core/migrations/plan.ts'
import { FfError } from '../../errors.ts'

/**
 * Checks that the ledger of a schema holds migrations of this program alone; some may be pending. A schema of a newer
 * version may keep what this one neither reads nor compares. Read-only.
 * @throws FfError `migration_unknown` for one that this version does not have, `migration_edited` for one of another
 * text (exit 2); the driver's error, unmapped, also if the schema or the ledger is missing
 */
export async function requireKnownMigrations(
  client: pg.ClientBase,
  schema: string,
  migrations: readonly Migration[],
): Promise<void> {
  const { rows } = await client.query<Record<keyof AppliedMigration, string>>(
    `SELECT version::text, name, checksum, applied_at::text FROM ONLY "${schema}".migration_ledger`,
  )
  const fault = findHistoryFault(
    rows.map((row) => ({ ...row, version: Number(row.version) })),
    migrations,
  )
  if (fault === null) return
  const known = migrations.at(-1)?.name ?? 'none'
  const what =
    fault.code === 'migration_unknown'
      ? `has the migration ${fault.name}, and this version of ff knows them up to ${known}`
      : `has another text of the migration ${fault.name} than this version of ff`
  throw new FfError(fault.code, `The schema ${schema} ${what}.`, {
    hint: 'Use the version of ff that migrated the database: `ff migrate status` and `ff version` show both.',
  })
}
