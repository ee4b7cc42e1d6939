import { hostname } from 'node:os'
import { type CanonicalJson, canonicalize } from '../../core/json/canonical.ts'
import { parseLosslessJson } from '../../core/json/read.ts'
import type { Migration } from '../../core/migrations/plan.ts'
import { MOST_BYTES } from '../../core/shipping/slot.ts'
import type { ShipMark, ShipRecord } from '../../core/shipping/types.ts'
import type { ShipBacklog, ShipClaim, ShipStore, ShipStoreOptions } from '../../ports/shipping.ts'
import type { SideFacts } from '../../ports/store.ts'
import { preparedStatement } from './append-audit.ts'
import type { ClientPool } from './client-pool.ts'
import {
  beginTransaction,
  type DatabaseConfig,
  openPool,
  requireSupportedVersion,
  type SupportedVersions,
  withReading,
} from './connect.ts'
import { requireWritable } from './connection-url.ts'
import { requireKnownMigrations } from './known-migrations.ts'
import { SCHEMA } from './migration-session.ts'
import { mapPgErrors } from './pg-error.ts'
import { readPlace, refuseOtherPlace } from './place.ts'
import { requirePlainTables } from './plain-tables.ts'
import { RECORD_COLUMNS } from './record-column.ts'
import { buildShipStatements, type ShipStatements } from './ship-statements.ts'

/** A claim, a mark or a reading each take one for a moment. */
const CONNECTIONS = 4

/** Tells a person which process holds a slot; what counts is the token. */
const OWNER = `${hostname()}:${process.pid}`

/**
 * Statistics know neither how many records a slot has nor how many are held: without an index all would be read, or
 * sorted, for each send.
 */
export const BY_INDEX =
  '; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off'

type Values = readonly (string | number | null | readonly (string | number | null)[])[]

/** What a mark writes, as columns; null keeps the attempts, and empties the others. */
interface MarkColumns {
  readonly attempts: number | null
  readonly reason: string | null
  readonly delay_ms: number | null
  readonly partition: number | null
  readonly offset: number | null
}
const NOTHING: MarkColumns = {
  attempts: null,
  reason: null,
  delay_ms: null,
  partition: null,
  offset: null,
}
const STATUS = { delivered: 'delivered', waiting: 'pending', failed: 'failed' } as const

/** Options to open the records of a database for shipping. */
export interface PostgresShipOptions extends ShipStoreOptions {
  readonly versions: SupportedVersions
  readonly migrations: readonly Migration[]
  /** FF_ENV, which the database has to be made for. */
  readonly environment: string
}

/**
 * Opens the audit records of the schema `ff` for shipping, after checking its migrations, its place and its tables.
 * @throws FfError `place_refused` for a place of another environment; `migration_unknown` or `migration_edited`;
 * `target_unreachable` without the migration of the slots; `rights_missing` for row level security or a role that
 * may not read; `server_version_unsupported`, or another of `mapPgError`
 */
export async function openPostgresShipStore(
  given: DatabaseConfig,
  options: PostgresShipOptions,
): Promise<ShipStore> {
  const database = { ...given, config: requireWritable(given.config) }
  const server = await withReading(database, async (client) => {
    const found = await requireSupportedVersion(client, options.versions)
    await requireKnownMigrations(client, SCHEMA, options.migrations)
    const place = await readPlace(client, SCHEMA)
    if (place !== null) refuseOtherPlace(place, options.environment, database.name)
    await requirePlainTables(client, SCHEMA)
    // By name alone: the role of the service counts what is left, and has no right to this table.
    await client.query(`SELECT '"${SCHEMA}".ship_slots'::regclass`)
    return found
  })
  const facts = { target: database.name, backing: 'db', server } as const
  return new PostgresShipStore(openPool(database, CONNECTIONS), facts, options)
}

class PostgresShipStore implements ShipStore {
  readonly facts: SideFacts
  private readonly pool: ClientPool
  private readonly options: ShipStoreOptions
  private readonly statements: ShipStatements = buildShipStatements(SCHEMA)

  constructor(pool: ClientPool, facts: SideFacts, options: ShipStoreOptions) {
    this.pool = pool
    this.facts = facts
    this.options = options
  }

  async claim(): Promise<ShipClaim | null> {
    const { lease_ms, send_ms } = this.options
    const [row] = await this.run('claim', [OWNER, lease_ms, send_ms])
    return row === undefined ? null : { slot: Number(row[0]), token: Number(row[1]) }
  }

  async read({ slot }: ShipClaim, limit: number): Promise<readonly ShipRecord[]> {
    const rows = await this.run('read', [slot, limit, MOST_BYTES])
    return rows.map(toShipRecord)
  }

  async mark(
    { slot, token }: ShipClaim,
    marks: readonly ShipMark[],
    topic: string,
  ): Promise<boolean> {
    const columns = marks.map((mark): MarkColumns => ({ ...NOTHING, ...mark }))
    const [row] = await this.run('mark', [
      slot,
      token,
      this.options.lease_ms,
      topic,
      marks.map(({ seq }) => seq),
      marks.map(({ kind }) => STATUS[kind]),
      columns.map(({ attempts }) => attempts),
      columns.map(({ reason }) => reason),
      columns.map(({ delay_ms }) => delay_ms),
      columns.map(({ partition }) => partition),
      columns.map(({ offset }) => offset),
    ])
    return row?.[0] === '1'
  }

  async release({ slot, token }: ShipClaim): Promise<void> {
    await this.run('release', [slot, token])
  }

  async backlog(): Promise<ShipBacklog> {
    const rows = await this.run('backlog', [])
    return {
      slots: rows.map(([slot, pending, oldest]) => ({
        slot: Number(slot),
        pending: Number(pending),
        oldest_seconds: oldest == null ? null : Math.max(0, Number(oldest)),
      })),
      failed: Number(rows[0]?.[3] ?? 0),
    }
  }

  async redrive(target: string | null): Promise<number> {
    const [row] = await this.run('redrive', [target])
    return Number(row?.[0])
  }

  async close(): Promise<void> {
    await this.pool.end()
  }

  /** Runs a statement in a transaction of its own, in one round trip. */
  private run(
    name: keyof ShipStatements,
    values: Values,
  ): Promise<readonly (readonly (string | null)[])[]> {
    return mapPgErrors(this.facts.target, () =>
      this.pool.with(async (client) => {
        // Of a transaction that did not begin, the first error says why.
        const [begun, result, committed] = await Promise.allSettled([
          beginTransaction(client, 'ISOLATION LEVEL READ COMMITTED', BY_INDEX),
          client.query<(string | null)[]>({
            ...preparedStatement(`ff_ship_${name}`, this.statements[name]),
            values: [...values],
            rowMode: 'array',
          }),
          client.query('COMMIT'),
        ])
        if (begun.status === 'rejected') throw begun.reason
        if (result.status === 'rejected') throw result.reason
        if (committed.status === 'rejected') throw committed.reason
        return result.value.rows
      }),
    )
  }
}

type Columns = readonly (string | null)[]
/** Columns in front of those of the record: attempts, and ms waited. */
const OWN_COLUMNS = 2

/** The members of a record in the order of its text, each with its column. */
const WRITTEN = RECORD_COLUMNS.map((name, at) => ({ name, at: at + OWN_COLUMNS })).toSorted(
  (a, b) => (a.name < b.name ? -1 : 1),
)
const getColumn = (row: Columns, name: (typeof RECORD_COLUMNS)[number]): string =>
  row[RECORD_COLUMNS.indexOf(name) + OWN_COLUMNS] ?? ''

/** The text of `serializeRecord`, without the record: it is half of the work of a delivery in this process. */
function toShipRecord(row: Columns): ShipRecord {
  const [attempts, waited] = row
  const members = WRITTEN.map(({ name, at }) => `"${name}":${writeColumn(name, row[at] ?? null)}`)
  return {
    seq: Number(getColumn(row, 'seq')),
    audit_id: getColumn(row, 'audit_id'),
    target: getColumn(row, 'target'),
    text: `{${members.join(',')}}`,
    attempts: Number(attempts),
    waited_ms: waited == null ? null : Number(waited),
  }
}

function writeColumn(name: (typeof RECORD_COLUMNS)[number], column: string | null): string {
  if (column === null || name === 'seq') return String(column)
  return name === 'before' || name === 'after' ? toCanonical(column) : JSON.stringify(column)
}

/** A row that was altered beyond its form is delivered as it stands: `ff audit verify` names its record. */
function toCanonical(json: string): CanonicalJson {
  const read = parseLosslessJson(json)
  const form = read.ok ? canonicalize(read.node, { at: '', origin: 'stored' }) : read
  return form.ok ? form.text : (json as CanonicalJson)
}
