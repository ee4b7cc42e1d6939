import { FfError } from '../../errors.ts'
import {
  requireSupportedVersion,
  type DatabaseConfig,
  type SupportedVersions,
  withClient,
} from './connect.ts'

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
