import type pg from 'pg'
import { to as copyTo } from 'pg-copy-streams'
import {
  findDrift,
  buildCatalogue,
  type SchemaContract,
} from '../../../core/migrations/catalogue.ts'
import type { Migration } from '../../../core/migrations/plan.ts'
import { type RowKey, SCOPE_MEMBER, type TableName, TABLE_NAMES } from '../../../core/rows/rows.ts'
import type { RowBatch, RowSource, SourceFault } from '../../../ports/rows.ts'
import { COLUMNS } from '../columns.ts'
import {
  beginTransaction,
  connect,
  requireSupportedVersion,
  type DatabaseConfig,
  type SupportedVersions,
  withReading,
} from '../connect.ts'
import { introspect } from '../introspect.ts'
import { requireKnownMigrations } from '../known-migrations.ts'
import { mapPgError, mapPgErrors } from '../pg-error.ts'
import { readPlace, refuseOtherPlace } from '../place.ts'
import { parseAuditHead } from '../append-audit.ts'
import { buildStatements } from '../statements.ts'
import { readStoreIdentity } from '../store-identity.ts'
import { RowLines } from './row-lines.ts'
import { type ColumnTypes, type RowSelection, buildRowSelection } from './select-rows.ts'

/** Milliseconds. A copy may take an hour; `STALL_MS` limits the time without data, the driver's limit is for the whole. */
const BOUNDS = {
  query_timeout: 0,
  statement_timeout: 3_600_000,
  // The other side of a comparison may take long between two tables.
  idle_in_transaction_session_timeout: 3_600_000,
} as const
const STALL_MS = 60_000
const READ_BYTES = 1_048_576

export interface RowSourceOptions {
  readonly versions: SupportedVersions
  readonly contract: SchemaContract
  readonly migrations: readonly Migration[]
  /** The environment that the database has to be made for; any where it is absent. */
  readonly environment?: string
}

/**
 * Opens the rows of one schema, in a read-only transaction of one snapshot over a connection that stays open until
 * `close`. A missing or unknown column becomes a fault; if tables or domains differ from the contract, no line counts
 * as checked. `epoch` is 0; a table of which another number of rows is read than counted becomes a fault after
 * `lines`; `lookup` reads anew over a connection of its own.
 * @throws FfError `server_version_unsupported`, `migration_unknown` for the schema of a newer version and
 * `migration_edited` for one of another text, `place_refused` for a place of another environment, `target_unreachable`
 * if the schema or a table is missing, or another of `mapPgError`, such as `rights_missing`
 */
export async function openRowSource(
  database: DatabaseConfig,
  schema: string,
  needs: RowSourceOptions,
): Promise<RowSource> {
  return mapPgErrors(database.name, async () => {
    const client = await connect(database, BOUNDS)
    try {
      const server = await requireSupportedVersion(client, needs.versions)
      await beginTransaction(client, 'ISOLATION LEVEL REPEATABLE READ READ ONLY')
      await requireKnownMigrations(client, schema, needs.migrations)
      const place = needs.environment === undefined ? null : await readPlace(client, schema)
      if (place !== null) refuseOtherPlace(place, needs.environment ?? '', database.name)
      const shape = await readShape(client, schema, needs.contract)
      const counts = await countRows(client, schema)
      const head = parseAuditHead(await client.query(buildStatements(schema).head))
      return new DatabaseRows(
        client,
        { shape, database },
        {
          facts: { target: database.name, backing: 'db', server },
          identity: await readStoreIdentity(client, schema),
          counts,
          head,
        },
      )
    } catch (error) {
      await client.end()
      throw error
    }
  })
}

async function countRows(client: pg.Client, schema: string): Promise<RowSource['counts']> {
  const counts = TABLE_NAMES.map(
    (table) => `(SELECT count(*) FROM ONLY "${schema}".${table})::text`,
  )
  const text = `SELECT ${counts.join(', ')}`
  const [row = []] = (await client.query<string[]>({ text, rowMode: 'array' })).rows
  return Object.fromEntries(
    TABLE_NAMES.map((table, at) => [table, Number(row[at])]),
  ) as RowSource['counts']
}

/** How to read each table, and the columns that differ from the contract. */
interface Shape {
  readonly selections: Readonly<Record<TableName, RowSelection>>
  readonly schema: string
  readonly faults: readonly SourceFault[]
  /** Whether the constraints of the database enforce the row schemas. */
  readonly guarded: boolean
}

/** The definitions of the catalogue are texts that depend on it. */
const buildSettings = (schema: string): string => `SET LOCAL search_path = "${schema}"`

async function readShape(
  client: pg.Client,
  schema: string,
  contract: SchemaContract,
): Promise<Shape> {
  await client.query(buildSettings(schema))
  const drift = findDrift(buildCatalogue(contract, new Set()), await introspect(client, schema))
  const guarded = !drift.some(({ object }) => GUARDS.test(object))
  const types = await columnTypes(client, schema)
  const faults = TABLE_NAMES.flatMap((table): SourceFault[] => {
    const declared = Object.keys(COLUMNS[table])
    const found = [...(types.get(table)?.keys() ?? [])]
    const toFaults = (code: SourceFault['code'], names: readonly string[]): SourceFault[] =>
      names.map((name) => ({ code, detail: `${table}.${name}` }))
    return [
      ...toFaults(
        'column_unknown',
        found.filter((name) => !declared.includes(name)),
      ),
      ...toFaults(
        'column_missing',
        declared.filter((name) => !found.includes(name)),
      ),
    ]
  })
  const selections = Object.fromEntries(
    TABLE_NAMES.map((table) => [
      table,
      buildRowSelection(`"${schema}".${table}`, table, {
        types: types.get(table) ?? new Map(),
        guarded,
      }),
    ]),
  ) as Record<TableName, RowSelection>
  return { selections, schema, faults, guarded }
}

/** Catalogue objects that keep a row out of the database if it breaks its row schema. */
const GUARDS =
  /^domain |^table (?:flag_registry|tenant_override|user_override)(?:, (?:column|constraint|enforcement of) |$)/

/** Reads the base type of each column, by table. */
async function columnTypes(
  client: pg.Client,
  schema: string,
): Promise<ReadonlyMap<string, ColumnTypes>> {
  const { rows } = await client.query<string[]>({
    text: `SELECT r.relname, a.attname, format_type(COALESCE(NULLIF(t.typbasetype, 0), t.oid), NULL)
      FROM pg_attribute a JOIN pg_class r ON r.oid = a.attrelid JOIN pg_type t ON t.oid = a.atttypid
      WHERE r.relnamespace = $1::regnamespace AND r.relname = ANY ($2) AND a.attnum > 0 AND NOT a.attisdropped`,
    values: [schema, TABLE_NAMES],
    rowMode: 'array',
  })
  const found = new Map<string, Map<string, string>>()
  for (const [table = '', column = '', type = ''] of rows) {
    const held = found.get(table) ?? new Map<string, string>()
    found.set(table, held.set(column, type))
  }
  return found
}

class DatabaseRows implements RowSource {
  readonly facts: RowSource['facts']
  readonly identity: string
  readonly counts: RowSource['counts']
  readonly head: RowSource['head']
  // A database has no epochs.
  readonly epoch = 0
  private readonly client: pg.Client
  private readonly shape: Shape
  private readonly database: DatabaseConfig
  private readonly miscounts: SourceFault[] = []

  constructor(
    client: pg.Client,
    { shape, database }: { readonly shape: Shape; readonly database: DatabaseConfig },
    about: Pick<RowSource, 'facts' | 'identity' | 'counts' | 'head'>,
  ) {
    this.client = client
    this.shape = shape
    this.database = database
    this.facts = about.facts
    this.identity = about.identity
    this.counts = about.counts
    this.head = about.head
  }

  async *lines(): AsyncGenerator<RowBatch> {
    for (const table of TABLE_NAMES) {
      let read = 0
      for await (const batch of this.copy(this.client, table, this.shape.selections[table].sql)) {
        read += countLines(batch.bytes)
        yield batch
      }
      // An index that is damaged hides rows of the heap from the one and not from the other.
      if (read !== this.counts[table])
        this.miscounts.push({
          code: 'count_wrong',
          detail: `${read} rows of ${table} were read, but the server counts ${this.counts[table]}`,
        })
    }
  }

  faults(): readonly SourceFault[] {
    return [...this.shape.faults, ...this.miscounts]
  }

  async lookup(table: TableName, keys: readonly RowKey[]): Promise<readonly string[]> {
    const scope = SCOPE_MEMBER[table]
    const pairs = keys
      .filter(isStorable)
      .map(({ scope_id, flag_key }) => [flag_key, scope_id ?? ''])
    const wanted = this.client.escapeLiteral(JSON.stringify(pairs))
    const sql =
      `SELECT * FROM (${this.shape.selections[table].sql}) q WHERE ` +
      `(flag_key::text, ${scope === null ? "''" : `${scope}::text`}) IN` +
      ` (SELECT k ->> 0, k ->> 1 FROM jsonb_array_elements(${wanted}::jsonb) k)`
    return withReading(
      this.database,
      async (client) => {
        await client.query(buildSettings(this.shape.schema))
        const found: Buffer[] = []
        for await (const { bytes } of this.copy(client, table, sql)) found.push(bytes)
        return Buffer.concat(found).toString('utf8').split('\n').slice(0, -1)
      },
      BOUNDS,
    )
  }

  async close(): Promise<void> {
    await this.client.end() // During a copy this closes the connection, and the server rolls back.
  }

  private async *copy(client: pg.Client, table: TableName, sql: string): AsyncGenerator<RowBatch> {
    const { columns } = this.shape.selections[table]
    const lines = new RowLines(table, columns)
    const stream = client.query(
      copyTo(`COPY (${sql}) TO STDOUT (FORMAT binary)`, { highWaterMark: READ_BYTES }),
    )
    const stalled = (): void =>
      void stream.destroy(new Error(`Connection terminated: no data for ${STALL_MS / 1000} s`))
    let timer = setTimeout(stalled, STALL_MS)
    try {
      for await (const chunk of stream as AsyncIterable<Buffer>) {
        clearTimeout(timer)
        const batch = lines.push(chunk)
        if (batch.bytes.length > 0) yield this.shape.guarded ? batch : { ...batch, unsure: null }
        timer = setTimeout(stalled, STALL_MS)
      }
    } catch (error) {
      throw mapPgError(error, this.facts.target)
    } finally {
      clearTimeout(timer)
    }
  }
}

function countLines(bytes: Buffer): number {
  let count = 0
  for (let at = bytes.indexOf(LINE_FEED); at >= 0; at = bytes.indexOf(LINE_FEED, at + 1)) count += 1
  return count
}
const LINE_FEED = 0x0a

/** False for a key with characters that the server refuses; no row has such a key. */
const isStorable = ({ scope_id, flag_key }: RowKey): boolean =>
  !/[\u0000\ud800-\udfff]/u.test(`${scope_id ?? ''} ${flag_key}`)
