import type pg from 'pg'
import { type AuditRecord, formatAuditTarget } from '../../core/audit/record.ts'
import type { ChangeKind } from '../../core/feed/types.ts'
import type { AnyRow, FlagRow, RowsOfFlag, RowOrBroken } from '../../core/rows/rows.ts'
import { type AuditPage, type AuditQuery, MOST_LOOKED } from '../../core/audit/audit-page.ts'
import type { SinkStatus } from '../../core/audit/sink.ts'
import { isFlagKey, isScopeId } from '../../core/rows/grammar.ts'
import { instantFromMs } from '../../core/rows/instant.ts'
import { sumSlots } from '../../core/shipping/backlog.ts'
import { FfError } from '../../errors.ts'
import type {
  BulkQuery,
  FeedReader,
  FeedReading,
  FlagEntry,
  KeyedRow,
  OverrideQuery,
  RevisionReader,
  RowQuery,
  RowsAt,
  ServiceStore,
  SinkBacklog,
  SnapshotReader,
} from '../../ports/store.ts'
import { parseRow } from './columns.ts'
import { mapPgErrors } from './pg-error.ts'
import { parseRecordText } from './record-column.ts'
import { buildShipStatements } from './ship-statements.ts'
import { type Statements, buildStatements } from './statements.ts'

/** The greatest bigint: no record is numbered so. */
const HIGHEST = '9223372036854775807'

/** A row of `rowMode: array`: in an object, columns of a join with the same name would replace each other. */
export type RowOfTexts = readonly (string | null)[]
/** Sends a query over some connection. */
export type SendQuery = (query: pg.QueryArrayConfig) => Promise<pg.QueryArrayResult<string[]>>

/** Reads rows for evaluations from one schema. Each method sends one statement: one snapshot, one round trip. */
export class RowReader implements FeedReader, RevisionReader, SnapshotReader {
  readonly kind = 'db'
  private readonly send: SendQuery
  private readonly name: string
  private readonly statements: Statements
  private readonly backlog: string

  constructor(send: SendQuery, schema: string, name: string) {
    this.send = send
    this.name = name
    this.statements = buildStatements(schema)
    this.backlog = buildShipStatements(schema).backlog
  }

  /**
   * The rows of one flag: null for a missing row, an id of null, and a key or id that breaks the grammar.
   *
   * @throws FfError of `mapPgError`
   */
  async read({ flag_key, tenant_id, user_id }: RowQuery): Promise<RowsOfFlag> {
    const values = [keyOrNull(flag_key), idOrNull(tenant_id), idOrNull(user_id)]
    const [texts] = await this.sendQuery('ff_read', this.statements.read, values)
    return toRowSet(texts as RowOfTexts)
  }

  /** As `read`, for several flags in the order of `flag_keys`. */
  async readMany({ flag_keys, tenant_id, user_id }: BulkQuery): Promise<readonly RowsOfFlag[]> {
    const values = [flag_keys.map(keyOrNull), idOrNull(tenant_id), idOrNull(user_id)]
    return (await this.sendQuery('ff_read_many', this.statements.readMany, values)).map(toRowSet)
  }

  /** As `readMany`, with the number of the feed's last row in the same snapshot; 0 for no flag keys. */
  async readAt({ flag_keys, tenant_id, user_id }: BulkQuery): Promise<RowsAt> {
    const values = [flag_keys.map(keyOrNull), idOrNull(tenant_id), idOrNull(user_id)]
    const rows = await this.sendQuery('ff_read_at', this.statements.readAt, values)
    return { seq: Number(rows[0]?.[0] ?? 0), sets: rows.map(([, ...texts]) => toRowSet(texts)) }
  }

  /**
   * Lists at most `limit` flags with a key after `after` (null: from the first), in byte order; invalid rows included.
   *
   * @throws FfError of `mapPgError`
   */
  async page({ after, limit }: Parameters<ServiceStore['page']>[0]): Promise<readonly FlagEntry[]> {
    const rows = await this.sendQuery('ff_page', this.statements.page, [
      toSortKey(after ?? ''),
      limit,
    ])
    return rows.map(([flag_key, text = null]) => ({
      flag_key: flag_key as string,
      held: parseRow('flag_registry', text) as RowOrBroken<FlagRow>,
    }))
  }

  /**
   * Lists at most `limit` rows of a table with a key after `after` (null: from the first), in byte order; invalid rows
   * included.
   *
   * @throws FfError of `mapPgError`
   */
  async rows({
    table,
    after,
    limit,
  }: Parameters<FeedReader['rows']>[0]): Promise<readonly KeyedRow[]> {
    const { scope_id, flag_key } = after ?? { scope_id: '', flag_key: '' }
    const key = table === 'flag_registry' ? [flag_key] : [scope_id, flag_key]
    const rows = await this.sendQuery(`ff_after_${table}`, this.statements.after[table], [
      ...key,
      limit,
    ])
    return rows.map((texts) => ({
      key: {
        scope_id: table === 'flag_registry' ? null : (texts[0] as string),
        flag_key: texts.at(-2) as string,
      },
      held: parseRow(table, texts.at(-1) ?? null) as RowOrBroken<AnyRow>,
    }))
  }

  /** As the port says. @throws FfError of `mapPgError` */
  async revision({
    table,
    key,
    revision,
  }: Parameters<RevisionReader['revision']>[0]): Promise<RowOrBroken<AnyRow> | null> {
    const values = [formatAuditTarget(table, key), revision]
    const [texts] = await this.sendQuery('ff_revision', this.statements.revision, values)
    return parseRow(table, texts?.[0] ?? null)
  }

  /** As the port says; the epoch counts no cutover, and names the last row of kind `global`. @throws FfError of `mapPgError` */
  async changes({ from, limit }: Parameters<FeedReader['changes']>[0]): Promise<FeedReading> {
    const rows = await this.sendQuery('ff_changes', this.statements.changes, [from, limit])
    const [newest, global, database] = rows[0] as RowOfTexts
    return {
      epoch: { cutover: 0, operator: Number(global) },
      seq: Number(newest),
      database: database as string,
      entries: rows.flatMap(([, , , seq, prev, kind, target, hash]) =>
        seq === null || seq === undefined
          ? []
          : [
              {
                seq: Number(seq),
                prev: Number(prev),
                kind: kind as ChangeKind,
                target: target as string,
                hash: hash ?? '',
              },
            ],
      ),
    }
  }

  /**
   * Lists live overrides that share a part of their key, invalid ones included; empty for a flag or an id that breaks
   * the grammar.
   *
   * @throws FfError of `mapPgError`
   */
  async overrides({ table, by, value, after, limit }: OverrideQuery): Promise<readonly KeyedRow[]> {
    const shared = by === 'flag_key' ? keyOrNull(value) : idOrNull(value)
    const rows = await this.sendQuery(`ff_list_${table}_${by}`, this.statements.list[table][by], [
      shared,
      toSortKey(after ?? ''),
      limit,
    ])
    return rows.map(([rest = null, text = null]) => ({
      key:
        by === 'flag_key'
          ? { scope_id: rest, flag_key: value }
          : { scope_id: value, flag_key: rest as string },
      held: parseRow(table, text) as RowOrBroken<AnyRow>,
    }))
  }

  /**
   * Lists audit records, newest first, of at most 10,000 that have the target.
   *
   * @throws FfError of `mapPgErrors`; `store_corrupt` for a record that breaks its schema
   */
  async audit(query: AuditQuery): Promise<AuditPage> {
    const kind = query.target === null ? 'any' : 'target'
    const text = this.statements.audit[kind]
    const rows = await this.sendQuery(`ff_audit_${kind}`, text, toAuditValues(query))
    const listed = rows.flatMap(([, , text, status]) =>
      text == null ? [] : [[this.requireRecord(text), status as SinkStatus] as const],
    )
    const records = listed.map(([record]) => record)
    const statuses = new Map(listed.map(([{ seq }, status]) => [seq, status]))
    const full = records.length === query.limit
    const next = full ? records.at(-1)?.seq : Number(rows[0]?.[0])
    const goesOn = full || rows[0]?.[1] === 'true'
    return {
      records,
      sinkStatus: (seq) => statuses.get(seq) ?? 'pending',
      next: goesOn && next !== undefined && next > 1 ? next : null,
    }
  }

  /** What is not delivered of the audit trail, counted as far as `MOST_COUNTED`. @throws FfError of `mapPgErrors` */
  async sinkBacklog(): Promise<SinkBacklog> {
    const rows = await this.sendQuery('ff_sink_backlog', this.backlog, [])
    const slots = rows.map(([, pending, age]) => ({
      pending: Number(pending),
      oldest_seconds: age == null ? null : Math.max(0, Number(age)),
    }))
    const { pending, oldest_seconds: age } = sumSlots(slots)
    const oldest_at = age === null ? null : instantFromMs(Date.now() - age * 1000)
    return { pending, failed: Number(rows[0]?.[3] ?? 0), oldest_at }
  }

  private requireRecord(text: string): AuditRecord {
    const record = parseRecordText(text)
    if (record !== null) return record
    throw new FfError('store_corrupt', `An audit record of ${this.name} breaks its schema.`, {
      hint: 'Run `ff audit verify`, which names the first record that was changed.',
    })
  }

  private sendQuery(
    name: string,
    text: string,
    values: readonly unknown[],
  ): Promise<readonly RowOfTexts[]> {
    const query = { name, text, rowMode: 'array' as const, values: [...values] }
    return mapPgErrors(this.name, async () => (await this.send(query)).rows)
  }
}

/** The values of a statement of `Statements.audit`; without a filter each record that is looked at is listed. */
function toAuditValues({ after, target, since, until, limit }: AuditQuery): readonly unknown[] {
  const filtered = (target ?? since ?? until) !== null
  const values = [after ?? HIGHEST, filtered ? MOST_LOOKED : limit]
  const bounds = [since ?? '-infinity', until ?? 'infinity', limit]
  return [...values, ...bounds, ...(target === null ? [] : [target])]
}

// A key that no row can have is sent as null, because the server refuses some characters, such as U+0000.
const keyOrNull = (key: string): string | null => (isFlagKey(key) ? key : null)
const idOrNull = (id: string | null): string | null => (id !== null && isScopeId(id) ? id : null)
/**
 * Replaces the rest of a text from the first character outside of printable ASCII: with nothing if it sorts before every
 * character of a key (a control character), otherwise with a tilde, which sorts after them all.
 */
const toSortKey = (after: string): string =>
  after.replace(/[^ -~].*$/su, (rest) => (rest < ' ' ? '' : '~'))

/**
 * Parses the texts of one joined row, in the order flag, tenant override, user override. A member is null where its
 * text is null or absent, `broken` where the row breaks its schema.
 */
export function toRowSet([flag = null, tenant = null, user = null]: RowOfTexts): RowsOfFlag {
  return {
    flag: parseRow('flag_registry', flag),
    tenant: parseRow('tenant_override', tenant),
    user: parseRow('user_override', user),
  }
}
