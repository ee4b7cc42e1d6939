import type { Catalogue } from '../core/migrations/catalogue.ts'
import type { AppliedMigration, Migration } from '../core/migrations/plan.ts'

/** One connection to a database whose schema is migrated. */
export interface MigrationSession {
  /** The ledger, oldest first. */
  applied(): Promise<readonly AppliedMigration[]>
  /** Makes roles, schema and ledger; returns the SQL of what this role was not allowed to make. */
  prepare(): Promise<readonly string[]>
  /** @throws FfError `lock_timeout`, `rows_would_be_lost`, or what the server said */
  apply(migration: Migration, direction: 'up' | 'down'): Promise<void>
  /** Grants what the contract grants, to the roles that exist. */
  grant(): Promise<void>
  /** What is there, and which of the contract's roles. */
  catalogue(): Promise<{ readonly found: Catalogue; readonly roles: ReadonlySet<string> }>
}
