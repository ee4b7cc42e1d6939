import type pg from 'pg'

/**
 * Which schema of which server this is, by whatever name it was reached. A copy of the data has the same system
 * identifier, but not the same server process.
 */
export async function readStoreIdentity(client: pg.ClientBase, schema: string): Promise<string> {
  const { rows } = await client.query<{ identity: string }>(
    `SELECT concat_ws('/', extract(epoch FROM pg_postmaster_start_time()), oid, $1::text) AS identity
     FROM pg_database WHERE datname = current_database()`,
    [schema],
  )
  return rows[0]?.identity ?? ''
}
