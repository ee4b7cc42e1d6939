import type pg from 'pg'
import { FfError } from '../../errors.ts'
import {
  type DatabaseConfig,
  requireSupportedVersion,
  type SupportedVersions,
  withReading,
} from './connect.ts'
import { readPlace, refuseOtherPlace } from './place.ts'

/**
 * Identifies a schema of a running server as `server start time/database oid/schema`, the start in seconds since 1970:
 * the same for every URL to it, another one after a restart. A physical copy has the same system identifier, but
 * another start time. Does not check that the schema exists.
 *
 * @throws the driver's error, unmapped
 */
export async function readStoreIdentity(client: pg.ClientBase, schema: string): Promise<string> {
  const { rows } = await client.query<{ identity: string }>(
    `SELECT concat_ws('/', extract(epoch FROM pg_postmaster_start_time()), oid, $1::text) AS identity
     FROM pg_database WHERE datname = current_database()`,
    [schema],
  )
  return rows[0]?.identity ?? ''
}

/** An SQL expression for the identity of a migrated database, as `readDatabaseIdentity` returns it. */
export const formatDatabaseIdentity = (schema: string): string =>
  `concat_ws('/', (pg_control_system()).system_identifier,` +
  ` (SELECT oid FROM pg_database WHERE datname = current_database()), '${schema}',` +
  ` coalesce((SELECT id FROM ONLY "${schema}".place), 'none'))`

/**
 * Connects, and identifies a database as `system_identifier/oid/schema/place`, the same for every URL to it and after
 * a restart; a copy of it has another place once it is adopted. The place is `none` where none was claimed, as without
 * the schema. Read-only.
 * @param needs `environment`: FF_ENV, which the database has to be made for; undefined for any
 * @throws FfError `place_refused` for a place of another environment, `server_version_unsupported`,
 * `backing_unavailable` if the server returns no system identifier, or another of `mapPgError`, such as
 * `rights_missing` or `target_unreachable`
 */
export async function readDatabaseIdentity(
  database: DatabaseConfig,
  schema: string,
  {
    versions,
    environment,
  }: { readonly versions: SupportedVersions; readonly environment: string | undefined },
): Promise<string> {
  return withReading(database, async (client) => {
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
    const place = await readPlace(client, schema)
    if (place !== null && environment !== undefined)
      refuseOtherPlace(place, environment, database.name)
    return `${row.cluster}/${row.oid}/${schema}/${place?.id ?? 'none'}`
  })
}
