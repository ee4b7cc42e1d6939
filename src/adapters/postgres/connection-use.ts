import type { ResourceUse } from '../../core/observe/minute.ts'
import {
  type DatabaseConfig,
  requireSupportedVersion,
  type SupportedVersions,
  withReading,
} from './connect.ts'

/**
 * Connects, and counts the server's client connections without this one, and the most that it takes.
 *
 * @throws FfError of `mapPgError`, such as `target_unreachable`
 */
export const readConnectionUse = (
  database: DatabaseConfig,
  versions: SupportedVersions,
): Promise<ResourceUse> =>
  withReading(database, async (client) => {
    await requireSupportedVersion(client, versions)
    const { rows } = await client.query<{ used: string; most: string }>(
      `SELECT (count(*) - 1)::text AS used, current_setting('max_connections') AS most
       FROM pg_stat_activity WHERE backend_type = 'client backend'`,
    )
    return { used: Number(rows[0]?.used), limit: Number(rows[0]?.most) }
  })
