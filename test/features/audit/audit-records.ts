import type pg from 'pg'

/** A record that `addRecords` made. */
export interface AddedRecord {
  readonly seq: number
  readonly audit_id: string
  readonly target: string
}

/**
 * Adds pending audit records of these targets to the table `audit` of the search path, in this order. They are no part of
 * a chain: their hashes are zeros.
 *
 * @param after JSON of the row of each
 */
export async function addRecords(
  sql: pg.Client,
  targets: readonly string[],
  after = '{"a":1}',
): Promise<readonly AddedRecord[]> {
  const { rows } = await sql.query<Record<keyof AddedRecord, string>>(
    `INSERT INTO audit (seq, audit_id, occurred_at, actor, auth_mode, action, outcome, target, before, after,
       request_id, phase, prev_hash, hash)
     SELECT (SELECT max(seq) FROM audit) + place, gen_random_uuid(), now(), 'U1', 'verified', 'flag.put', 'applied',
       target, NULL, $2::jsonb, 'r', 'file', repeat('0', 64), repeat('0', 64)
     FROM unnest($1::text[]) WITH ORDINALITY t (target, place) ORDER BY place
     RETURNING seq::text, audit_id::text, target`,
    [targets, after],
  )
  return rows.map((row) => ({ ...row, seq: Number(row.seq) }))
}
