import type pg from 'pg'

/** Which server a connection reaches, and since when it runs. */
export interface ServerIdentity {
  /** Of the cluster: the same for a server and its standbys. */
  readonly system: string
  /** When this server was started, in microseconds since 1970, in decimal. */
  readonly started: string
  /** Raised by each promotion; null for a standby, which follows that of its primary. */
  readonly timeline: number | null
}

const SYSTEM = '(pg_control_system()).system_identifier'
const STARTED = '(extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint'
const TIMELINE = `CASE WHEN NOT pg_is_in_recovery()
  THEN substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8) END`
const IDENTITY = `SELECT ${SYSTEM}::text AS system, ${STARTED}::text AS started, ${TIMELINE} AS timeline`

/** An SQL expression for the name of the running server: another one after a restart, a promotion or a restore. */
export const SERVER_NAME = `concat_ws('/', ${SYSTEM}, ${STARTED}, ${TIMELINE})`

/**
 * Reads which server a connection reaches. @throws Error if the server returns no identity; the driver's error, unmapped
 */
export async function readServerIdentity(client: pg.ClientBase): Promise<ServerIdentity> {
  const { rows } = await client.query<{ system: string; started: string; timeline: string | null }>(
    IDENTITY,
  )
  const [row] = rows
  if (row === undefined) throw new Error('the server returns no identity')
  const { system, started, timeline } = row
  return { system, started, timeline: timeline === null ? null : Number.parseInt(timeline, 16) }
}

/**
 * What a new connection reaches, compared with the connection before: `same`, or the strongest reason to compare the
 * heads of both sides again before anything is written. `promoted` may lack a tail of what the server before
 * acknowledged, `restarted` may where it lost its disk's cache.
 */
export type ServerChange = 'same' | 'restarted' | 'promoted' | 'other'

/** Compares two identities of servers, the earlier one first. */
export function compareServers(before: ServerIdentity, now: ServerIdentity): ServerChange {
  if (now.system !== before.system) return 'other'
  if (now.timeline !== before.timeline) return 'promoted'
  return now.started === before.started ? 'same' : 'restarted'
}
