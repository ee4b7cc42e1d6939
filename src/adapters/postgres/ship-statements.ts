import { RECORD_COLUMNS } from './record-column.ts'

/** Counts go up to this, so that they take bounded time. */
export const MOST_COUNTED = 10_000
/** Of `contracts/migrations/0005_ship.sql`; the expression is that of its index. */
const SLOTS = 16
const SLOT = `(hashtextextended(a.target, 0) & ${SLOTS - 1})`

/** The longest part of a record beside its rows, about. */
const OTHER_BYTES = 1_000

/** Statements of the shipper, each with its parameters in the order of its comment. */
export interface ShipStatements {
  /** owner, lease in ms, send in ms: the slot and its token, or no row. */
  readonly claim: string
  /** slot, limit, bytes: attempts, ms waited, then `RECORD_COLUMNS`. */
  readonly read: string
  /** slot, token, lease in ms, topic, then the columns of the marks: how many slots were held, and records marked. */
  readonly mark: string
  /** slot, token. */
  readonly release: string
  /** No parameter: slot, pending, seconds of the oldest, failed in all. */
  readonly backlog: string
  /** target or null: how many. */
  readonly redrive: string
}

/** The statements for a schema. All run in transactions of their own, so that `now()` is the time of the statement. */
export function buildShipStatements(schema: string): ShipStatements {
  const audit = `"${schema}".audit`
  const slots = `"${schema}".ship_slots`
  // A subquery that is run once, and leaves the order of the index to the records: an anti-join would sort them all.
  const held =
    `SELECT h.target FROM ONLY ${audit} h` +
    ` WHERE h.sink_status = 'failed' OR h.sink_next_at > now()`
  const sendable = (slot: string): string =>
    `${SLOT} = ${slot} AND a.sink_status = 'pending' AND a.target NOT IN (${held})`
  const ms = (parameter: string): string => `${parameter}::bigint * interval '1 ms'`
  const moment = 'clock_timestamp()'
  return {
    claim:
      `UPDATE ONLY ${slots} s SET owner = $1::text, token = s.token + 1, claimed_at = ${moment},` +
      ` lease_until = ${moment} + ${ms('$2')}, send_ms = $3::integer` +
      ` FROM (SELECT f.slot FROM ONLY ${slots} f WHERE (f.owner IS NULL` +
      ` OR f.lease_until + ${ms('f.send_ms')} < ${moment})` +
      // Not EXISTS, which would become a join with all pending records.
      ` AND (SELECT a.seq FROM ONLY ${audit} a WHERE ${sendable('f.slot::bigint')} LIMIT 1) IS NOT NULL` +
      ` ORDER BY f.claimed_at NULLS FIRST, f.slot LIMIT 1 FOR UPDATE SKIP LOCKED) free` +
      ` WHERE s.slot = free.slot RETURNING s.slot::text, s.token::text`,
    read:
      `SELECT r.sink_attempts::text, r.waited::text, ${RECORD_COLUMNS.map((name) => `r.${name}::text`).join(', ')} FROM (` +
      `SELECT p.*, sum(${OTHER_BYTES} + coalesce(octet_length(p.before), 0) + coalesce(octet_length(p.after), 0))` +
      ` OVER (ORDER BY p.seq) AS bytes, row_number() OVER (ORDER BY p.seq) AS place` +
      ` FROM (SELECT a.sink_attempts, round(extract(epoch FROM a.sink_next_at - a.sink_at) * 1000) AS waited,` +
      ` ${RECORD_COLUMNS.map(selectColumn).join(', ')} FROM ONLY ${audit} a WHERE ${sendable('$1::bigint')} ORDER BY a.seq LIMIT $2::bigint) p) r` +
      ` WHERE r.bytes <= $3::bigint OR r.place = 1 ORDER BY r.seq`,
    mark:
      `WITH held AS (UPDATE ONLY ${slots} s SET lease_until = ${moment} + ${ms('$3')}` +
      ` WHERE s.slot = $1::smallint AND s.token = $2::bigint AND s.owner IS NOT NULL RETURNING s.slot),` +
      ` marked AS (UPDATE ONLY ${audit} a SET sink_status = m.status, sink_at = now(), sink_reason = m.reason,` +
      ` sink_attempts = coalesce(m.attempts, a.sink_attempts), sink_next_at = now() + ${ms('m.delay_ms')},` +
      ` sink_topic = CASE m.status WHEN 'delivered' THEN $4::text END, sink_partition = m.partition,` +
      ` sink_offset = m.place FROM held, unnest($5::bigint[], $6::text[], $7::integer[], $8::text[], $9::bigint[],` +
      ` $10::integer[], $11::bigint[]) AS m(seq, status, attempts, reason, delay_ms, partition, place)` +
      // By number: the index of pending records would be read whole.
      ` WHERE a.seq = m.seq AND a.sink_status || '' = 'pending' RETURNING a.seq)` +
      ` SELECT (SELECT count(*) FROM held)::text, (SELECT count(*) FROM marked)::text`,
    release:
      `UPDATE ONLY ${slots} SET owner = NULL, lease_until = NULL, send_ms = NULL` +
      ` WHERE slot = $1::smallint AND token = $2::bigint`,
    backlog:
      `SELECT s.slot::text, waiting.count::text, oldest.seconds::text, failed.count::text` +
      ` FROM generate_series(0::bigint, ${SLOTS - 1}::bigint) s(slot)` +
      ` CROSS JOIN LATERAL (SELECT count(*) AS count FROM (SELECT FROM ONLY ${audit} a WHERE ${SLOT} = s.slot` +
      ` AND a.sink_status = 'pending' LIMIT ${MOST_COUNTED}) p) waiting` +
      ` LEFT JOIN LATERAL (SELECT extract(epoch FROM ${moment} - a.occurred_at) AS seconds FROM ONLY ${audit} a` +
      ` WHERE ${SLOT} = s.slot AND a.sink_status = 'pending' ORDER BY a.seq LIMIT 1) oldest ON true` +
      ` CROSS JOIN (SELECT count(*) AS count FROM (SELECT FROM ONLY ${audit} a` +
      ` WHERE a.sink_status = 'failed' LIMIT ${MOST_COUNTED}) f) failed ORDER BY s.slot`,
    redrive:
      `WITH redriven AS (UPDATE ONLY ${audit} a SET sink_status = 'pending', sink_attempts = 0, sink_reason = NULL,` +
      ` sink_at = now(), sink_next_at = NULL` +
      ` WHERE a.sink_status = 'failed' AND ($1::text IS NULL OR a.target = $1::text) RETURNING a.seq)` +
      ` SELECT count(*)::text FROM redriven`,
  }
}

/** A column of the record as it is written into a message: rows as texts, the time in the form of an instant. */
function selectColumn(name: (typeof RECORD_COLUMNS)[number]): string {
  if (name === 'before' || name === 'after') return `a.${name}::text AS ${name}`
  if (name !== 'occurred_at') return `a.${name}`
  return `to_char(a.occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS occurred_at`
}
