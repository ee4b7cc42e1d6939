import { CHANGE_KIND } from '../../core/feed/change-kind.ts'
import { CLOCK_DIFFERENCE_MS } from '../../core/audit/audit-page.ts'
import { type RowKey, SCOPE_MEMBER, type TableName, TABLE_NAMES } from '../../core/rows/rows.ts'
import type { OverrideTable } from '../../ports/store.ts'
import { listColumnNames, formatColumnTypes, formatRowColumn } from './columns.ts'
import { formatPhaseQuery } from './phase-record.ts'
import { formatRecordColumn, RECORD_COLUMNS } from './record-column.ts'

/** Channel of the notifications of new rows in the feed of any schema. */
export const FEED_CHANNEL = 'ff_feed'

/**
 * The SQL statements of the store for one schema. Names are schema-qualified, so search_path does not matter; ONLY
 * leaves out the rows of tables that inherit.
 */
export interface Statements {
  readonly read: string
  /** As `read`, for a list of flag keys, in the order of the list. */
  readonly readMany: string
  /** As `readMany`, each row after the number of the feed's last row. */
  readonly readAt: string
  /** Flags with a key after $1, in key order, at most $2. */
  readonly page: string
  /** Rows of a table with a key after the first values, in key order, at most the last value: key, then row. */
  readonly after: Readonly<Record<TableName, string>>
  /** Live overrides whose one part of the key is $1 and whose other follows $2, by it, at most $3: that part, then row. */
  readonly list: Readonly<Record<OverrideTable, Readonly<Record<keyof RowKey, string>>>>
  /** A page of audit records, newest first, of any target or of $6: see `listRecords`. */
  readonly audit: Readonly<Record<'any' | 'target', string>>
  /** Every row of a table, in any order. */
  readonly all: Readonly<Record<TableName, string>>
  readonly standing: string
  /** Phase of the cutover and whether its record is closed; no row without a cutover. */
  readonly phase: string
  readonly lockHead: string
  readonly head: string
  readonly moveHead: string
  readonly insertAudit: string
  readonly clear: string
  readonly insert: Readonly<Record<TableName, string>>
  /**
   * Writes the row $1 in place of revision $6, with its rows in the change log and the feed, under audit number $2,
   * target $3, name $4 and request digest $5; one row in the command's count, or none if the row has another revision.
   * The caller holds the audit head.
   */
  readonly upsert: Readonly<Record<TableName, string>>
  /** As `upsert`, in place of any revision. */
  readonly mirror: Readonly<Record<TableName, string>>
  /** Appends a row to the feed: number, kind, target. The caller holds the audit head. */
  readonly insertFeed: string
  /** Whole seconds until the actor $1 may have everything invalidated again; null or less for at once. */
  readonly globalWait: string
  /**
   * Rows of the feed from number $1 on (null: the last one), at most $2, each with the hash of its audit record, after
   * the numbers of the last row and of the last one of kind `global` and the name of the running database; one row with
   * these alone if there is none.
   */
  readonly changes: string
  /** The image of the row of target $1 with revision $2, from the change log. */
  readonly revision: string
  /** Merges the rows of a staging table; returns the number of rows written (`all`) and of new ones (`fresh`). */
  readonly merge: Readonly<Record<TableName, (staged: string) => string>>
}

/**
 * Builds the SQL texts of the store for one schema; runs none.
 *
 * @param schema letters, digits and underscores only: it is quoted but not escaped
 */
export function buildStatements(schema: string): Statements {
  const at = (table: string): string => `"${schema}".${table}`
  // One statement is one snapshot, and one round trip.
  const selectRows = (keys: string): string =>
    `SELECT ${formatRowColumn('flag_registry', 'f')}, ${formatRowColumn('tenant_override', 't')}, ${formatRowColumn('user_override', 'u')}` +
    ` FROM (SELECT ${keys}) q` +
    ` LEFT JOIN ONLY ${at('flag_registry')} f ON f.flag_key = q.flag_key` +
    ` LEFT JOIN ONLY ${at('tenant_override')} t ON t.tenant_id = q.tenant_id AND t.flag_key = q.flag_key` +
    ` LEFT JOIN ONLY ${at('user_override')} u ON u.user_id = q.user_id AND u.flag_key = q.flag_key`
  const rows = selectRows('$1::text AS flag_key, $2::text AS tenant_id, $3::text AS user_id')
  const live = (table: TableName): string =>
    `EXISTS (SELECT FROM ONLY ${at(table)} WHERE flag_key = $1 AND deleted_at IS NULL)`
  const readMany = `${selectRows(
    'k.flag_key, k.place, $2::text AS tenant_id, $3::text AS user_id' +
      ' FROM unnest($1::text[]) WITH ORDINALITY k (flag_key, place)',
  )} ORDER BY q.place`
  return {
    read: rows,
    readMany,
    readAt: readMany.replace(
      'SELECT ',
      `SELECT (SELECT coalesce(max(seq), 0)::text FROM ONLY ${at('feed')}), `,
    ),
    page:
      `SELECT f.flag_key, ${formatRowColumn('flag_registry', 'f')} FROM ONLY ${at('flag_registry')} f` +
      ` WHERE f.flag_key > $1::text ORDER BY f.flag_key LIMIT $2::bigint`,
    after: forEachTable((table) => {
      const key = listKeyColumns(table).map((name) => `held.${name}`)
      const values = key.map((_, place) => `$${place + 1}::text`)
      return (
        `SELECT ${key.join(', ')}, ${formatRowColumn(table, 'held')} FROM ONLY ${at(table)} held` +
        ` WHERE (${key.join(', ')}) > (${values.join(', ')}) ORDER BY ${key.join(', ')}` +
        ` LIMIT $${key.length + 1}::bigint`
      )
    }),
    list: listLive(at),
    audit: listRecords(at('audit')),
    all: forEachTable(
      (table) => `SELECT ${formatRowColumn(table, 'held')} FROM ONLY ${at(table)} held`,
    ),
    standing: rows.replace(
      'SELECT ',
      `SELECT (${live('tenant_override')} OR ${live('user_override')})::text, `,
    ),
    phase: formatPhaseQuery(schema),
    lockHead: `SELECT seq::text, hash::text FROM ONLY ${at('audit_head')} FOR UPDATE`,
    head: `SELECT seq::text, hash::text FROM ONLY ${at('audit_head')}`,
    moveHead: `UPDATE ONLY ${at('audit_head')} SET seq = $1, hash = $2 WHERE seq = $1 - 1`,
    insertAudit:
      `INSERT INTO ${at('audit')} (${RECORD_COLUMNS.join(', ')})` +
      ` VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9::jsonb, $10::jsonb, $11, $12, $13, $14, $15)`,
    clear: TABLE_NAMES.toReversed()
      .map((table) => `DELETE FROM ONLY ${at(table)}`)
      .join('; '),
    insert: forEachTable((table) => insertInto(at(table), table)),
    ...buildFeedStatements(at),
    merge: forEachTable((table) => (staged) => mergeFrom(staged, at(table), table)),
  }
}

/** A digest of the start of the server and of the database in it, equal for all its clients; 16 characters. */
const RUNNING =
  `left(encode(sha256(concat_ws('/', extract(epoch FROM pg_postmaster_start_time()),` +
  ` (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()))::bytea), 'hex'), 16)`

function buildFeedStatements(
  at: (table: string) => string,
): Pick<Statements, 'upsert' | 'mirror' | 'insertFeed' | 'globalWait' | 'changes' | 'revision'> {
  // Under the lock on the audit head no other row can come in between.
  const insertFeed = (values: string): string =>
    `INSERT INTO ${at('feed')} (seq, kind, target, prev)` +
    ` SELECT ${values}, coalesce((SELECT max(seq) FROM ONLY ${at('feed')}), 0)`
  // Sent at the commit; a listener then reads the table.
  const notify = ` RETURNING pg_notify('${FEED_CHANNEL}', '')`
  const newest = (where = ''): string =>
    `(SELECT coalesce(max(seq), 0) FROM ONLY ${at('feed')}${where})`
  const writeRow = (table: TableName, condition: string): string =>
    `WITH written AS (${insertInto(at(table), table)} ${onConflict(table)}${condition} RETURNING held.*),` +
    ` logged AS (INSERT INTO ${at('change_log')} (seq, target, revision, image, op_id, request_digest)` +
    ` SELECT $2::bigint, $3::text, written.revision, ${formatRowColumn(table, 'written')}, $4::text, $5::text FROM written)` +
    ` ${insertFeed(`$2::bigint, '${CHANGE_KIND[table]}', $3::text`)} FROM written${notify}`
  return {
    upsert: forEachTable((table) => writeRow(table, ' WHERE held.revision = $6::bigint')),
    mirror: forEachTable((table) => writeRow(table, '')),
    insertFeed: insertFeed('$1::bigint, $2::text, $3::text') + notify,
    globalWait:
      `SELECT ceil(extract(epoch FROM max(f.recorded_at) + interval '60 s' - clock_timestamp()))::text AS wait` +
      ` FROM ONLY ${at('feed')} f JOIN ONLY ${at('audit')} a ON a.seq = f.seq` +
      ` WHERE f.kind = 'global' AND f.recorded_at > clock_timestamp() - interval '60 s' AND a.actor = $1::text`,
    changes:
      `SELECT q.seq::text, q.global::text, ${RUNNING}, f.seq::text, f.prev::text, f.kind, f.target, a.hash::text` +
      ` FROM (SELECT ${newest()} AS seq, ${newest(` WHERE kind = 'global'`)} AS global) q` +
      ` LEFT JOIN LATERAL (SELECT * FROM ONLY ${at('feed')} WHERE seq >= coalesce($1::bigint, q.seq)` +
      ` ORDER BY seq LIMIT $2::bigint) f ON true` +
      ` LEFT JOIN ONLY ${at('audit')} a ON a.seq = f.seq ORDER BY f.seq`,
    revision:
      `SELECT l.image FROM ONLY ${at('change_log')} l WHERE l.target = $1::text AND l.revision = $2::bigint` +
      ` ORDER BY l.seq DESC LIMIT 1`,
  }
}

const forEachTable = <T>(write: (table: TableName) => T): Readonly<Record<TableName, T>> =>
  Object.fromEntries(TABLE_NAMES.map((table) => [table, write(table)])) as Record<TableName, T>

/**
 * Looks at the newest $2 records below $1, and lists those from the time $3 on and before $4, at most $5: the lowest
 * number that was looked at, whether earlier records may match, then the record and its sink status, null where none does.
 */
function listRecords(audit: string): Statements['audit'] {
  const select = (about: string): string =>
    `WITH looked AS MATERIALIZED (SELECT a.seq, a.occurred_at FROM ONLY ${audit} a WHERE a.seq < $1::bigint${about}` +
    ` ORDER BY a.seq DESC LIMIT $2::bigint)` +
    ` SELECT span.lowest::text, span.more::text, listed.record, listed.sink_status FROM (SELECT min(seq) AS lowest, count(*) = $2::bigint` +
    ` AND min(occurred_at) >= $3::timestamptz - interval '${CLOCK_DIFFERENCE_MS} ms' AS more FROM looked) span` +
    ` LEFT JOIN (SELECT a.seq, a.sink_status, ${formatRecordColumn('a')} AS record FROM looked l JOIN ONLY ${audit} a ON a.seq = l.seq` +
    ` WHERE l.occurred_at >= $3::timestamptz AND l.occurred_at < $4::timestamptz` +
    ` ORDER BY l.seq DESC LIMIT $5::bigint) listed ON true ORDER BY listed.seq DESC`
  return { any: select(''), target: select(' AND a.target = $6::text') }
}

/** The lists of each table by the shared part of the key; each follows an index in its order. */
function listLive(at: (table: string) => string): Statements['list'] {
  const select = (table: OverrideTable, shared: string, rest: string): string =>
    `SELECT held.${rest}, ${formatRowColumn(table, 'held')} FROM ONLY ${at(table)} held` +
    ` WHERE held.${shared} = $1::text AND held.${rest} > $2::text AND held.deleted_at IS NULL` +
    ` ORDER BY held.${rest} LIMIT $3::bigint`
  const both = (table: OverrideTable): Readonly<Record<keyof RowKey, string>> => {
    const scope = SCOPE_MEMBER[table] as string
    return {
      flag_key: select(table, 'flag_key', scope),
      scope_id: select(table, scope, 'flag_key'),
    }
  }
  return { tenant_override: both('tenant_override'), user_override: both('user_override') }
}

/** `xmax` is 0 in a new row, and not in one that ON CONFLICT updated. */
function mergeFrom(staged: string, name: string, table: TableName): string {
  const columns = listColumnNames(table).join(', ')
  return (
    `WITH merged AS (INSERT INTO ${name} AS held (${columns}) SELECT ${columns} FROM ${staged}` +
    ` ${onConflict(table)} WHERE held.revision < excluded.revision RETURNING xmax = 0 AS fresh)` +
    ` SELECT count(*)::text AS "all", (count(*) FILTER (WHERE fresh))::text AS fresh FROM merged`
  )
}

/** Inserts rows from one JSON list, so that numbers keep their digits. */
function insertInto(name: string, table: TableName): string {
  const columns = listColumnNames(table).join(', ')
  return (
    `INSERT INTO ${name} AS held (${columns}) SELECT ${columns}` +
    ` FROM jsonb_to_recordset($1::jsonb) AS r(${formatColumnTypes(table)})`
  )
}

/** Replaces a row with the same key; the caller appends the condition on its revision, against concurrent writers. */
function onConflict(table: TableName): string {
  const sets = listColumnNames(table).map((name) => `${name} = excluded.${name}`)
  return `ON CONFLICT (${listKeyColumns(table).join(', ')}) DO UPDATE SET ${sets.join(', ')}`
}

/** The columns of the primary key, in its order. */
export function listKeyColumns(table: TableName): readonly string[] {
  const scope = SCOPE_MEMBER[table]
  return [...(scope === null ? [] : [scope]), 'flag_key']
}
