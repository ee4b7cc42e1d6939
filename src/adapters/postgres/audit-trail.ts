import type { AuditRecord } from '../../core/audit/record.ts'
import type { SinkStatus } from '../../core/audit/sink.ts'
import type { Migration } from '../../core/migrations/plan.ts'
import type { AuditReading, AuditTrail, SinkPlace } from '../../ports/audit.ts'
import type { SideFacts } from '../../ports/store.ts'
import { parseAuditHead } from './append-audit.ts'
import type { Client } from './client.ts'
import {
  beginTransaction,
  connect,
  requireSupportedVersion,
  type DatabaseConfig,
  type SupportedVersions,
} from './connect.ts'
import { requireKnownMigrations } from './known-migrations.ts'
import { mapPgErrors } from './pg-error.ts'
import { formatRecordColumn, parseRecordText } from './record-column.ts'
import { buildStatements } from './statements.ts'

/** Records in memory at a time. */
const BATCH = 100
/** The least bigint: a read from the start also finds forged records with a number below 1. */
const LOWEST = '-9223372036854775808'
/** The audit trail of one schema, read over one connection in read-only transactions. */
export class PostgresTrail implements AuditTrail {
  readonly facts: SideFacts
  private readonly client: Client
  private readonly schema: string

  private constructor(client: Client, schema: string, facts: SideFacts) {
    this.client = client
    this.schema = schema
    this.facts = facts
  }

  /**
   * Connects to a database for reading its audit trail; the connection stays open until `close`.
   *
   * @throws FfError `server_version_unsupported`, `migration_unknown` for the schema of a newer version and
   * `migration_edited` for one of another text, `target_unreachable`, or another of `mapPgError`
   */
  static open(
    database: DatabaseConfig,
    schema: string,
    {
      versions,
      migrations,
    }: { readonly versions: SupportedVersions; readonly migrations: readonly Migration[] },
  ): Promise<PostgresTrail> {
    return mapPgErrors(database.name, async () => {
      const client = await connect(database)
      try {
        const server = await requireSupportedVersion(client, versions)
        await requireKnownMigrations(client, schema, migrations)
        return new PostgresTrail(client, schema, { target: database.name, backing: 'db', server })
      } catch (error) {
        await client.end()
        throw error
      }
    })
  }

  /**
   * Runs `use` on the records after a number, in batches of 100 of one snapshot, and returns its result; `said` is the
   * end of the chain. After 0 it also returns records numbered below 1; an invalid record yields null.
   *
   * @throws FfError of `mapPgError`, also during the iteration, such as for rows that a policy hides
   */
  async read<T>(after: number, use: (reading: AuditReading) => Promise<T>): Promise<T> {
    const head = await this.withMappedErrors(async () => {
      await beginTransaction(this.client, 'ISOLATION LEVEL REPEATABLE READ READ ONLY')
      return parseAuditHead(await this.client.query(buildStatements(this.schema).head))
    })
    try {
      const sinks = new Map<number, Sink>()
      return await use({
        said: { head, as: 'end' },
        records: this.records(after, sinks),
        sinkStatus: (seq) => sinks.get(seq)?.status ?? 'pending',
        sinkPlace: (seq) => sinks.get(seq)?.place ?? null,
      })
    } finally {
      // Nothing was written; a lost connection has ended its transaction.
      await this.client.query('ROLLBACK').catch(() => undefined)
    }
  }

  /** Closes the connection. */
  async close(): Promise<void> {
    await this.client.end()
  }

  /** @param sinks set to the sink members of the batch that is read from */
  private async *records(
    after: number,
    sinks: Map<number, Sink>,
  ): AsyncGenerator<AuditRecord | null> {
    const text =
      `SELECT a.seq::text, ${formatRecordColumn('a')}, ${SINK_COLUMNS}` +
      ` FROM ONLY "${this.schema}".audit a WHERE a.seq > $1::bigint ORDER BY a.seq LIMIT ${BATCH}`
    const page = (past: string) =>
      this.withMappedErrors(() =>
        this.client.query<string[]>({
          name: 'ff_audit_page',
          text,
          values: [past],
          rowMode: 'array',
        }),
      )
    let past: string | undefined = after === 0 ? LOWEST : String(after)
    while (past !== undefined) {
      const { rows }: { readonly rows: readonly string[][] } = await page(past)
      sinks.clear()
      for (const [seq, , ...sink] of rows) sinks.set(Number(seq), parseSink(sink))
      for (const [, json = ''] of rows) yield parseRecordText(json)
      past = rows.length < BATCH ? undefined : rows.at(-1)?.[0]
    }
  }

  private withMappedErrors<T>(work: () => Promise<T>): Promise<T> {
    return mapPgErrors(this.facts.target, work)
  }
}

interface Sink {
  readonly status: SinkStatus
  readonly place: SinkPlace | null
}
const SINK_COLUMNS = 'a.sink_status, a.sink_topic, a.sink_partition::text, a.sink_offset::text'
function parseSink([status, topic, partition, offset]: readonly (string | null)[]): Sink {
  const place =
    topic == null || partition == null || offset == null
      ? null
      : { topic, partition: Number(partition), offset: Number(offset) }
  return { status: status as SinkStatus, place }
}
