import type pg from 'pg'
import { FfError } from '../../errors.ts'
import {
  type DatabaseConfig,
  requireSupportedVersion,
  type SupportedVersions,
  withClient,
} from './connect.ts'

/**
 * Identifies a schema of a running server as `server start time/database oid/schema`, the same for every URL to it. A
 * physical copy has the same system identifier, but another start time.
 */
export async function readStoreIdentity(client: pg.ClientBase, schema: string): Promise<string> {
  const { rows } = await client.query<{ identity: string }>(
    `SELECT concat_ws('/', extract(epoch FROM pg_postmaster_start_time()), oid, $1::text) AS identity
     FROM pg_database WHERE datname = current_database()`,
    [schema],
  )
  return rows[0]?.identity ?? ''
}

/** Identifies a database as `system_identifier/oid/schema`, the same for every URL to it and after a restart. */
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
      throw new FfError(
        'backing_unavailable',
        `The database ${database.name} does not return its system identifier.`,
        { hint: 'Connect to PostgreSQL directly, without a proxy, and run again.' },
      )
    return `${row.cluster}/${row.oid}/${schema}`
  })
}
