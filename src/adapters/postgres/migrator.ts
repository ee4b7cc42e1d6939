import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import type { CanonicalJson } from '../../core/json/canonical.ts'
import type { AppliedMigration, Migration } from '../../core/migrations/plan.ts'
import { appendBoundary } from './boundary.ts'
import { mapPgError } from './pg-error.ts'

export type MigrationDirection = 'up' | 'down'

/** How long a migration waits for locks that others hold. */
export interface LockWaits {
  /** For another migration to end. */
  readonly migrationMs: number
  /** For a table, in one attempt: then the queue behind it goes on. */
  readonly tableMs: number
  readonly attempts: number
  /** Before the second attempt; before each further one, as long again. */
  readonly retryAfterMs: number
}
export const LOCK_WAITS: LockWaits = {
  migrationMs: 10_000,
  tableMs: 2_000,
  attempts: 5,
  retryAfterMs: 250,
}
/** Lock not available, deadlock: the transaction is gone, and trying again is right. */
const WORTH_A_RETRY: ReadonlySet<string> = new Set(['55P03', '40P01'])

const LEDGER = `CREATE TABLE IF NOT EXISTS migration_ledger (
  version integer PRIMARY KEY,
  name text COLLATE "C" NOT NULL,
  checksum text COLLATE "C" NOT NULL,
  applied_at timestamptz(3) NOT NULL DEFAULT now(),
  applied_by text COLLATE "C" NOT NULL DEFAULT session_user
)`

/** Applies migrations to one schema, over a connection that holds the schema's advisory lock. */
export class Migrator {
  private readonly client: pg.Client
  private readonly schema: string
  private readonly name: string
  private readonly owner: string | null
  private readonly waits: LockWaits

  /** @param owner the role that everything is made as; null for the session's own */
  constructor(
    client: pg.Client,
    schema: string,
    options: {
      readonly name: string
      readonly owner?: string | null
      readonly waits?: LockWaits
    },
  ) {
    this.client = client
    this.schema = schema
    this.name = options.name
    this.owner = options.owner ?? null
    this.waits = options.waits ?? LOCK_WAITS
  }

  /** The ledger, oldest first; empty where there is no schema or no ledger yet. */
  async applied(): Promise<readonly AppliedMigration[]> {
    const ledger = `"${this.schema}".migration_ledger`
    const { rows: there } = await this.client.query<{ found: string | null }>(
      'SELECT to_regclass($1)::text AS found',
      [ledger],
    )
    if (there[0]?.found == null) return []
    const { rows } = await this.client.query<Record<keyof AppliedMigration, string>>(
      `SELECT version::text, name, checksum, to_json(applied_at AT TIME ZONE 'UTC') #>> '{}' AS applied_at
       FROM ${ledger} ORDER BY version`,
    )
    return rows.map((row) => ({ ...row, version: Number(row.version) }))
  }

  /** Makes the ledger, in a schema that exists. */
  prepare(): Promise<void> {
    return this.inSchema(async () => {
      await this.client.query(LEDGER)
    })
  }

  /**
   * One migration, its ledger row and its boundary record, all or nothing.
   *
   * @throws FfError `lock_timeout` when every attempt waited in vain for a table lock, `rows_would_be_lost`
   */
  async apply(migration: Migration, direction: MigrationDirection): Promise<void> {
    const { attempts, retryAfterMs } = this.waits
    for (let attempt = 1; ; attempt += 1) {
      try {
        await this.inSchema(() => this.step(migration, direction))
        return
      } catch (error) {
        const code = error instanceof Error && 'code' in error ? String(error.code) : ''
        if (!WORTH_A_RETRY.has(code) || attempt === attempts) throw mapPgError(error, this.name)
        await sleep(retryAfterMs * attempt * (0.5 + Math.random()))
      }
    }
  }

  private async step(migration: Migration, direction: MigrationDirection): Promise<void> {
    const { client } = this
    await client.query(migration[direction])
    if (direction === 'up') {
      const { version, name, checksum } = migration
      await client.query(
        'INSERT INTO migration_ledger (version, name, checksum) VALUES ($1, $2, $3)',
        [version, name, checksum],
      )
    } else {
      await client.query('DELETE FROM migration_ledger WHERE version = $1', [migration.version])
    }
    await this.recordBoundary(migration, direction)
  }

  /** A migration is a boundary event (page 5); the step that drops the audit table cannot leave one. */
  private async recordBoundary(migration: Migration, direction: MigrationDirection): Promise<void> {
    const { rows } = await this.client.query<{ audit: string | null }>(
      `SELECT to_regclass('audit_head')::text AS audit`,
    )
    if (rows[0]?.audit == null) return
    await appendBoundary(this.client, this.schema, {
      target: `migration/${migration.name}`,
      after: `{"checksum":"${migration.checksum}","direction":"${direction}"}` as CanonicalJson,
      request_id: `migration-${migration.name}`,
    })
  }

  /** One transaction in the schema, as its owner. */
  async inSchema(work: () => Promise<void>): Promise<void> {
    const { client, schema, owner, waits } = this
    await client.query('BEGIN ISOLATION LEVEL READ COMMITTED')
    try {
      await client.query(
        `SET LOCAL search_path = "${schema}"; SET LOCAL lock_timeout = ${waits.tableMs}`,
      )
      if (owner !== null) await client.query(`SET LOCAL ROLE "${owner}"`)
      await work()
      await client.query('COMMIT')
    } catch (error) {
      // A connection that is gone has rolled back already; what went wrong first is what is told.
      await client.query('ROLLBACK').catch(() => undefined)
      throw error
    }
  }
}
