import { parseAuditRecord } from '../../core/audit/read-record.ts'
import type { AuditRecord } from '../../core/audit/record.ts'
import { isJsonObject, type JsonMember, parseLosslessJson } from '../../core/json/read.ts'
import type { AuditReading, AuditTrail } from '../../ports/audit.ts'
import type { SideFacts } from '../../ports/store.ts'
import { parseAuditHead } from './append-audit.ts'
import { padToMilliseconds } from './columns.ts'
import { Client } from './client.ts'
import {
  requireSupportedVersion,
  buildClientConfig,
  type DatabaseConfig,
  type SupportedVersions,
} from './connect.ts'
import { mapPgErrors } from './pg-error.ts'
import { buildStatements } from './statements.ts'

/** At most so many records are in memory; each is bounded by the values of a row. */
const BATCH = 100
/** Below every number that there can be, for a record that somebody put before the first. */
const LOWEST = '-9223372036854775808'
const PLAIN = [
  'seq',
  'audit_id',
  'actor',
  'auth_mode',
  'action',
  'outcome',
  'target',
  'before',
  'after',
  'request_id',
  'approval_ref',
  'phase',
  'prev_hash',
  'hash',
]
/** Rows that a policy would hide from this role are an error, never records that are not there. */
const BEGIN = `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL row_security = off`

/** The audit trail of one schema, over a connection that cannot write. */
export class PostgresTrail implements AuditTrail {
  readonly facts: SideFacts
  private readonly client: Client
  private readonly schema: string

  private constructor(client: Client, schema: string, facts: SideFacts) {
    this.client = client
    this.schema = schema
    this.facts = facts
  }

  /** @throws FfError as a connection does */
  static open(
    database: DatabaseConfig,
    schema: string,
    versions: SupportedVersions,
  ): Promise<PostgresTrail> {
    const client = new Client(buildClientConfig(database))
    client.on('error', () => undefined) // The query that is under way, or the next one, rejects with it.
    return mapPgErrors(database.name, async () => {
      try {
        await client.connect()
        const server = await requireSupportedVersion(client, versions)
        return new PostgresTrail(client, schema, { target: database.name, backing: 'db', server })
      } catch (error) {
        await client.end()
        throw error
      }
    })
  }

  async read<T>(after: number, use: (reading: AuditReading) => Promise<T>): Promise<T> {
    const head = await this.asking(async () => {
      await this.client.query(BEGIN)
      return parseAuditHead(await this.client.query(buildStatements(this.schema).head))
    })
    try {
      return await use({ said: { head, as: 'end' }, records: this.records(after) })
    } finally {
      // Nothing was written; on a connection that is lost there is nothing left to end.
      await this.client.query('ROLLBACK').catch(() => undefined)
    }
  }

  async close(): Promise<void> {
    await this.client.end()
  }

  private async *records(after: number): AsyncGenerator<AuditRecord | null> {
    const members = PLAIN.map((name) => `'${name}', ${name}`).join(', ')
    const text =
      `SELECT a.seq::text, json_build_object(${members}, 'occurred_at', occurred_at AT TIME ZONE 'UTC')::text` +
      ` FROM "${this.schema}".audit a WHERE a.seq > $1::bigint ORDER BY a.seq LIMIT ${BATCH}`
    const page = (past: string) =>
      this.asking(() =>
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
      for (const [, json = ''] of rows) yield toRecord(json)
      past = rows.length < BATCH ? undefined : rows.at(-1)?.[0]
    }
  }

  private asking<T>(work: () => Promise<T>): Promise<T> {
    return mapPgErrors(this.facts.target, work)
  }
}

function toRecord(json: string): AuditRecord | null {
  const read = parseLosslessJson(json)
  if (!read.ok || typeof read.node !== 'object' || read.node === null || !isJsonObject(read.node))
    return null
  const members = read.node.members.map(([name, held]): JsonMember => [
    name,
    name === 'occurred_at' && typeof held === 'string' ? padToMilliseconds(held) : held,
  ])
  return parseAuditRecord({ members })
}
