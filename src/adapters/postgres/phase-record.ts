import type pg from 'pg'

/**
 * The number of the cutover attempt that the phase record of a schema holds; 1 where there is no phase record or no
 * table for it, as before the first cutover.
 * @throws the driver's error, unmapped
 */
export async function readAttempt(client: pg.ClientBase, schema: string): Promise<number> {
  const table = `"${schema}".phase`
  const { rows: tables } = await client.query<{ found: string | null }>(
    'SELECT to_regclass($1)::text AS found',
    [table],
  )
  if (tables[0]?.found == null) return 1
  const { rows } = await client.query<{ attempt: string }>(`SELECT attempt::text FROM ${table}`)
  return Number(rows[0]?.attempt ?? 1)
}
