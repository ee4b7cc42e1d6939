import type { Catalogue } from '../core/migrations/catalogue.ts'
import type { AppliedMigration, Migration } from '../core/migrations/plan.ts'

/** A database session that migrates the schema `ff`. */
export interface MigrationSession {
  /** The migrations of the ledger, oldest first; none where there is no ledger. */
  applied(): Promise<readonly AppliedMigration[]>
  /** Creates roles, schema and ledger. @returns the SQL statements that this role has no right to run */
  prepare(): Promise<readonly string[]>
  /**
   * Claims the place of the database: the first claim gives it a random id and the environment, and one that adopts a new
   * id. After `prepare`.
   *
   * @throws FfError `place_refused` for a place of another environment
   */
  claimPlace(claim: { readonly environment: string; readonly adopt: boolean }): Promise<void>
  /** Writes nothing. @throws FfError `place_refused` for a place of another environment */
  requirePlace(environment: string): Promise<void>
  /**
   * Runs one migration in a transaction.
   *
   * @throws FfError `lock_timeout`, `rows_would_be_lost`, or the server's error
   */
  apply(migration: Migration, direction: 'up' | 'down'): Promise<void>
  /** Grants the rights of the contract to the roles that exist. */
  grant(): Promise<void>
  /** The attempt of the cutover that the phase record holds; 1 where there is none. */
  attempt(): Promise<number>
  /** Reads the objects of the schema, and which of the contract's roles exist. */
  catalogue(): Promise<{ readonly found: Catalogue; readonly roles: ReadonlySet<string> }>
}
