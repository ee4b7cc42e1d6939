import { EMPTY_HEAD } from '../../core/audit/record.ts'
import { CUTOVER_PHASES, PHASE_RULES } from '../../core/cutover/phases.ts'
import { formatRecordQuery, type RecordStatements } from './phase-record.ts'
import { formatRecordColumn } from './record-column.ts'
import { SERVER_NAME } from './server-identity.ts'
import { formatDatabaseIdentity } from './store-identity.ts'

/** Of a list of changes, about: the longest part of a record beside its rows. */
const OTHER_BYTES = 1_000

/**
 * Phases in which a change of the database waits for the file, as a list of SQL literals. In `complete` it needs none; under
 * the file's authority the file has all that is here, for the switch was decided over equal heads.
 */
const MIRRORED = CUTOVER_PHASES.filter((phase) => PHASE_RULES[phase].second === 'file')
  .map((phase) => `'${phase}'`)
  .join(', ')

/** Statements of the cutover, each with its parameters in the order of its comment. */
export interface CutoverStatements extends RecordStatements {
  /** No parameter: the name of the server, and the phase record as JSON. */
  readonly place: string
  /** No parameter: a `DatabaseRenewal` as JSON. */
  readonly renewal: string
  /** seq: a `DatabaseLook` as JSON. */
  readonly look: string
  /** id, counter, epoch, host, pid, code, schema head, configuration: registers, unless a later counter is there. */
  readonly register: string
  /** id. */
  readonly forget: string
  /** epoch, server, seq, counters as JSON: publishes, where server and record are those. */
  readonly publish: string
  /** seq, hash: `mirrored`, `waiting` or `gone`. */
  readonly mirrored: string
  /** seq. */
  readonly hashAt: string
  /** seq, limit, bytes: the hash at seq, then record, image, name and request digest of each change behind it, or nulls. */
  readonly changes: string
  /** op_id: seq, hash, target, image, request digest. */
  readonly named: string
  /** seq, hash, earlier seq: moves the head over several records. */
  readonly moveHead: string
  /** No parameter: head, and whether each shipping slot is free, as JSON. */
  readonly check: string
}

/** The statements for a schema. All names are schema-qualified. */
export function buildCutoverStatements(schema: string): CutoverStatements {
  const at = (table: string): string => `"${schema}".${table}`
  const record = formatRecordQuery(schema)
  const publication =
    `(SELECT json_build_object('epoch', m.epoch, 'server', m.server, 'seq', m.seq, 'counters', m.counters)` +
    ` FROM ONLY ${at('cutover_mirror')} m)`
  const renewal =
    `'server', ${SERVER_NAME}, 'identity', ${formatDatabaseIdentity(schema)},` +
    ` 'record', ${record}, 'publication', ${publication}`
  const head = `(SELECT json_build_object('seq', h.seq, 'hash', h.hash) FROM ONLY ${at('audit_head')} h)`
  const slotsFree =
    `NOT EXISTS (SELECT FROM ONLY ${at('ship_slots')} s WHERE s.owner IS NOT NULL` +
    ` AND s.lease_until + s.send_ms * interval '1 ms' >= clock_timestamp())`
  const hashAt = (seq: string): string =>
    `(SELECT a.hash::text FROM ONLY ${at('audit')} a WHERE a.seq = ${seq}` +
    ` UNION ALL SELECT '${EMPTY_HEAD.hash}' WHERE ${seq} = 0)`
  const instances =
    `(SELECT coalesce(json_agg(json_build_object('id', i.id, 'place', 'database', 'counter', i.counter,` +
    ` 'epoch', i.epoch, 'facts', json_build_object('host', i.host, 'pid', i.pid, 'code', i.code,` +
    ` 'schema_head', i.schema_head, 'configuration', i.configuration)) ORDER BY i.id), '[]')` +
    ` FROM ONLY ${at('cutover_instances')} i)`
  return {
    place: `SELECT ${SERVER_NAME} AS server, ${record}::text AS record`,
    renewal: `SELECT json_build_object(${renewal})::text AS found`,
    look:
      `SELECT json_build_object(${renewal}, 'head', ${head}, 'hash', ${hashAt('$1::bigint')},` +
      ` 'instances', ${instances}, 'now', floor(extract(epoch FROM clock_timestamp()) * 1000),` +
      ` 'slotsFree', ${slotsFree})::text AS found`,
    register:
      `INSERT INTO ${at('cutover_instances')} AS held` +
      ` (id, counter, epoch, host, pid, code, schema_head, configuration) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)` +
      ` ON CONFLICT (id) DO UPDATE SET counter = excluded.counter, epoch = excluded.epoch, host = excluded.host,` +
      ` pid = excluded.pid, code = excluded.code, schema_head = excluded.schema_head,` +
      ` configuration = excluded.configuration, renewed_at = clock_timestamp() WHERE held.counter < excluded.counter`,
    forget: `DELETE FROM ONLY ${at('cutover_instances')} WHERE id = $1`,
    ...buildReplacements(at, formatDatabaseIdentity(schema)),
    standing: `SELECT ${record}::text AS record`,
    publish:
      `INSERT INTO ${at('cutover_mirror')} AS held (epoch, server, seq, counters)` +
      ` SELECT $1::bigint, $2::text, $3::bigint, $4::json FROM ONLY ${at('phase')} p` +
      ` WHERE p.epoch = $1::bigint AND NOT p.closed AND ${SERVER_NAME} = $2::text` +
      ` ON CONFLICT (only_row) DO UPDATE SET epoch = excluded.epoch, server = excluded.server, seq = excluded.seq,` +
      ` counters = excluded.counters, published_at = clock_timestamp() WHERE held.epoch <= excluded.epoch`,
    mirrored:
      `SELECT CASE WHEN a.hash IS DISTINCT FROM $2::text THEN 'gone'` +
      ` WHEN m.seq >= $1::bigint OR (p.phase NOT IN (${MIRRORED}) AND NOT p.closed) THEN 'mirrored'` +
      ` ELSE 'waiting' END AS found FROM (SELECT) q LEFT JOIN ONLY ${at('audit')} a ON a.seq = $1::bigint` +
      ` LEFT JOIN ONLY ${at('cutover_mirror')} m ON true LEFT JOIN ONLY ${at('phase')} p ON true`,
    hashAt: `SELECT ${hashAt('$1::bigint')} AS hash`,
    changes: buildChanges(at, hashAt('$1::bigint')),
    named:
      `SELECT l.seq::text, a.hash::text, l.target, l.image, l.request_digest FROM ONLY ${at('change_log')} l` +
      ` JOIN ONLY ${at('audit')} a ON a.seq = l.seq WHERE l.op_id = $1::text`,
    moveHead: `UPDATE ONLY ${at('audit_head')} SET seq = $1, hash = $2 WHERE seq = $3`,
    check: `SELECT json_build_object('head', ${head}, 'slotsFree', ${slotsFree})::text AS found`,
  }
}

function buildReplacements(
  at: (table: string) => string,
  identity: string,
): Omit<RecordStatements, 'standing'> {
  // Never over a newer record, nor over a closed one, nor one that names another database.
  const replace = (condition: string): string =>
    `INSERT INTO ${at('phase')} AS held (epoch, phase, armed, attempt, database, survivor, scratch, drill_ends_at, closed)` +
    ` SELECT $1::bigint, $2::text, $3::boolean, $4::bigint, $5::text, $6::text, $7::boolean,` +
    ` to_timestamp($8::bigint / 1000.0), $9::boolean WHERE ($5::text IS NULL OR $5::text = ${identity})${condition}` +
    ` ON CONFLICT (only_row) DO UPDATE SET epoch = excluded.epoch, phase = excluded.phase, armed = excluded.armed,` +
    ` attempt = excluded.attempt, database = excluded.database, survivor = excluded.survivor,` +
    ` scratch = excluded.scratch, drill_ends_at = excluded.drill_ends_at, closed = excluded.closed` +
    ` WHERE held.epoch <= $10::bigint AND held.epoch < excluded.epoch AND NOT held.closed`
  return {
    replace: replace(''),
    leave: replace(
      ` AND EXISTS (SELECT FROM ONLY ${at('cutover_mirror')} m` +
        ` WHERE m.epoch = $10::bigint AND m.server = ${SERVER_NAME})`,
    ),
    close: `UPDATE ONLY ${at('phase')} SET closed = true WHERE $1::text = ${identity}`,
  }
}

function buildChanges(at: (table: string) => string, hash: string): string {
  const text = `p.record, p.image, p.op_id, p.request_digest`
  return (
    `SELECT ${hash} AS after, r.record, r.image, r.op_id, r.request_digest FROM (SELECT) q LEFT JOIN LATERAL (` +
    `SELECT p.seq, ${text}, sum(${OTHER_BYTES} + octet_length(p.record) + coalesce(octet_length(p.image), 0))` +
    ` OVER (ORDER BY p.seq) AS bytes, row_number() OVER (ORDER BY p.seq) AS place FROM (` +
    `SELECT a.seq, ${formatRecordColumn('a')} AS record, l.image::text AS image, l.op_id, l.request_digest` +
    ` FROM ONLY ${at('audit')} a LEFT JOIN ONLY ${at('change_log')} l ON l.seq = a.seq` +
    ` WHERE a.seq > $1::bigint ORDER BY a.seq LIMIT $2::bigint) p) r ON r.bytes <= $3::bigint OR r.place = 1` +
    ` ORDER BY r.seq`
  )
}
