import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import { type CutoverPhase, type CutoverSide, PHASE_RULES } from '../../core/cutover/phases.ts'
import type { CanonicalJson } from '../../core/json/canonical.ts'
import { splitStatements } from '../../core/migrations/statements.ts'
import type { AppliedMigration, Migration } from '../../core/migrations/plan.ts'
import { appendBoundary } from './boundary.ts'
import { type RunningStatement, toMigrationError } from './migration-error.ts'
import { readPhaseRecord } from './phase-record.ts'
import { claimPlace, PLACE_TABLE, type PlaceClaim } from './place.ts'
import { shareSwitchLock } from './switch-lock.ts'

export type MigrationDirection = 'up' | 'down'

/** How long a migration waits for locks of other sessions. */
export interface LockWaits {
  /** For the migration lock. */
  readonly migrationMs: number
  /** For a table lock, per attempt. Giving up lets the queries that queue behind this lock request run. */
  readonly tableMs: number
  readonly attempts: number
  /** Pause before the second attempt, times the number of failed attempts, with 50 % jitter. */
  readonly retryAfterMs: number
}
/** Waits of a real migration. */
export const LOCK_WAITS: LockWaits = {
  migrationMs: 10_000,
  tableMs: 2_000,
  attempts: 5,
  retryAfterMs: 250,
}
/** lock_not_available, deadlock_detected, and the switch lock: the transaction was rolled back, and a retry may succeed. */
const WORTH_A_RETRY: ReadonlySet<string> = new Set(['55P03', '40P01', 'lock_timeout'])

const LEDGER = `CREATE TABLE IF NOT EXISTS migration_ledger (
  version integer PRIMARY KEY,
  name text COLLATE "C" NOT NULL,
  checksum text COLLATE "C" NOT NULL,
  applied_at timestamptz(3) NOT NULL DEFAULT now(),
  applied_by text COLLATE "C" NOT NULL DEFAULT session_user
)`

/** Applies migrations to one schema, over a connection that holds the migration lock. */
export class Migrator {
  private readonly client: pg.Client
  private readonly schema: string
  private readonly name: string
  private readonly owner: string | null
  private readonly waits: LockWaits

  constructor(
    client: pg.Client,
    schema: string,
    options: {
      /** The database's name in messages. */
      readonly name: string
      /** The role that creates every object; default the session's role. */
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

  /**
   * The rows of the ledger by version; empty if the schema or the ledger does not exist.
   *
   * @throws the driver's error, unmapped
   */
  async applied(): Promise<readonly AppliedMigration[]> {
    const ledger = `"${this.schema}".migration_ledger`
    const { rows: tables } = await this.client.query<{ found: string | null }>(
      'SELECT to_regclass($1)::text AS found',
      [ledger],
    )
    if (tables[0]?.found == null) return []
    const { rows } = await this.client.query<Record<keyof AppliedMigration, string>>(
      `SELECT version::text, name, checksum, to_json(applied_at AT TIME ZONE 'UTC') #>> '{}' AS applied_at
       FROM ONLY ${ledger} ORDER BY version`,
    )
    return rows.map((row) => ({ ...row, version: Number(row.version) }))
  }

  /** Creates the ledger and the table of the place if missing; the schema exists. @throws the driver's error, unmapped */
  prepare(): Promise<void> {
    return this.inSchema(async () => {
      await this.client.query(LEDGER)
      await this.client.query(PLACE_TABLE)
    })
  }

  /** Claims the place of the database. @throws as `claimPlace` */
  claimPlace(claim: PlaceClaim): Promise<void> {
    return this.inSchema(() => claimPlace(this.client, claim, this.name))
  }

  /**
   * Runs one migration up or down, its ledger row and its boundary record in one transaction; during a cutover under the
   * switch lock, shared, and without a boundary record while the file is the authority. Retries after a lock
   * timeout or a deadlock, up to `waits.attempts`.
   *
   * @throws FfError `migration_invalid` (exit 2) for a statement that the server cannot run, `migration_failed` (exit 20)
   *   for one that does not fit what the database holds, `lock_timeout` if the last attempt got no table lock,
   *   `rows_would_be_lost`, or another of `mapPgError`; each names file and statement, or the file alone
   */
  async apply(migration: Migration, direction: MigrationDirection): Promise<void> {
    const { attempts, retryAfterMs } = this.waits
    for (let attempt = 1; ; attempt += 1) {
      const running: RunningStatement = { migration, direction, statement: null }
      try {
        await this.inSchema(() => this.step(running))
        return
      } catch (error) {
        const code = error instanceof Error && 'code' in error ? String(error.code) : ''
        if (!WORTH_A_RETRY.has(code) || attempt === attempts)
          throw toMigrationError(error, this.name, running)
        await sleep(retryAfterMs * attempt * (0.5 + Math.random()))
      }
    }
  }

  /** Runs the statements of a migration, and writes to `running` which one is under way. */
  private async step(running: RunningStatement): Promise<void> {
    const { client } = this
    const { migration, direction } = running
    const record = await this.joinCutover()
    for (const [at, { text }] of splitStatements(migration[direction]).entries()) {
      running.statement = { number: at + 1, text }
      // One statement each: whatever else a text holds, the server refuses a second one.
      await client.query({ text, queryMode: 'extended' } as pg.QueryConfig)
    }
    running.statement = null
    if (direction === 'up') {
      const { version, name, checksum } = migration
      await client.query(
        'INSERT INTO migration_ledger (version, name, checksum) VALUES ($1, $2, $3)',
        [version, name, checksum],
      )
    } else {
      await client.query('DELETE FROM ONLY migration_ledger WHERE version = $1', [
        migration.version,
      ])
    }
    // While the file is the authority a boundary record here alone would part the chains.
    if (record === null || record.authority === 'database')
      await this.recordBoundary(migration, direction, record?.phase)
  }

  /**
   * What the phase record says, read under the switch lock where the database is the authority, as any write there; null
   * where there is no cutover, or it has left this database.
   */
  private async joinCutover(): Promise<{
    readonly phase: CutoverPhase
    readonly authority: CutoverSide
  } | null> {
    const { client, schema, waits } = this
    const read = async () => {
      const record = await readPhaseRecord(client, schema)
      if (record === null || record.closed) return null
      return { phase: record.phase, authority: PHASE_RULES[record.phase].authority }
    }
    const found = await read()
    if (found === null) return null
    await shareSwitchLock(client, waits.tableMs)
    return read()
  }

  /** Appends the boundary record of a migration, unless the migration has just dropped the audit table. */
  private async recordBoundary(
    migration: Migration,
    direction: MigrationDirection,
    phase: CutoverPhase = 'file',
  ): Promise<void> {
    const { rows } = await this.client.query<{ audit: string | null }>(
      `SELECT to_regclass('audit_head')::text AS audit`,
    )
    if (rows[0]?.audit == null) return
    await appendBoundary(this.client, this.schema, {
      target: `migration/${migration.name}`,
      after: `{"checksum":"${migration.checksum}","direction":"${direction}"}` as CanonicalJson,
      request_id: `migration-${migration.name}`,
      phase,
    })
  }

  /**
   * Runs `work` in one transaction, with `search_path` set to the schema, as the owner that was given or the session's
   * role.
   *
   * @throws what `work` throws, and the driver's error, both unmapped, after a rollback
   */
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
      // A lost connection has rolled back already; report the first error.
      await client.query('ROLLBACK').catch(() => undefined)
      throw error
    }
  }
}
