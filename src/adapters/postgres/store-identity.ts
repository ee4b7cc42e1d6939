import type pg from 'pg'
import { FfError } from '../../errors.ts'
import {
  type DatabaseConfig,
  requireSupportedVersion,
  type SupportedVersions,
  withClient,
} from './connect.ts'

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

/** Which database this is, whatever it is called and wherever it answers: `system_identifier/oid/schema` (page 9). */
export async function readDatabaseIdentity(
  database: DatabaseConfig,
  schema: string,
  versions: SupportedVersions,
): Promise<string> {
  return withClient(database, async (client) => {
    await requireSupportedVersion(client, versions)
    const { rows } = await client.query<{ cluster: string; oid: string }>(
      `SELECT (pg_control_system()).system_identifier AS cluster,
         (SELECT oid FROM pg_database WHERE datname = current_database()) AS oid`,
    )
    const [row] = rows
    if (row === undefined)
      throw new FfError('backing_unavailable', `${database.name} does not say who it is.`, {
        hint: 'Check that it is PostgreSQL itself, and run this again.',
      })
    return `${row.cluster}/${row.oid}/${schema}`
  })
}
