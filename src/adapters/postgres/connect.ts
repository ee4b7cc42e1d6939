import pg from 'pg'
import { FfError } from '../../errors.ts'
import { Client } from './client.ts'
import { mapPgErrors } from './pg-error.ts'

/** How to reach a database, and what to call it where people read. */
export interface DatabaseConfig {
  readonly config: pg.ClientConfig
  /** Without password, path or schema. */
  readonly name: string
  /** Waits other than the usual ones; only tests shorten them. */
  readonly bounds?: Partial<Record<keyof typeof WAITS, number>>
}
/** Major versions, both ends included; from `persistence_schema.json`. */
export interface SupportedVersions {
  readonly oldest: number
  readonly newest: number
}

// Texts as the server sends them: the driver's own parsers round times and integers (hazards 21, 33).
const AS_TEXT = { getTypeParser: () => (text: unknown) => text } as unknown as pg.CustomTypesConfig

/** Every wait on a server is bounded, on its side and on ours, for a link can be dead without a sign. */
const WAITS = {
  connectionTimeoutMillis: 5_000,
  query_timeout: 10_000,
  statement_timeout: 8_000,
  lock_timeout: 5_000,
  idle_in_transaction_session_timeout: 30_000,
} as const
const SESSION = {
  keepAlive: true,
  application_name: 'ff',
} as const

/** A migration may rewrite a table, so its statements get longer; its waits for locks do not. */
export const MIGRATION_BOUNDS = { query_timeout: 1_810_000, statement_timeout: 1_800_000 } as const

export const buildClientConfig = (
  database: DatabaseConfig,
  bounds: object = {},
): pg.ClientConfig => ({
  ...database.config,
  ...SESSION,
  ...WAITS,
  ...database.bounds,
  ...bounds,
  types: AS_TEXT,
})

export function openPool(database: DatabaseConfig, connections: number): pg.Pool {
  const pool = new pg.Pool({
    ...buildClientConfig(database),
    Client,
    max: connections,
    min: 0,
    idleTimeoutMillis: 0,
    // What does not wait for an answer is sent at once; the server still does one after the other.
    pipeline: true,
  })
  // An idle connection that breaks is taken out of the pool by the pool itself; the next query makes
  // a new one and meets whatever is wrong, which is where it can be reported.
  pool.on('error', () => undefined)
  // One that breaks while it is lent out tells the query that is under way, too; unheard it would end us.
  pool.on('connect', (client) => client.on('error', () => undefined))
  return pool
}

/** Lends one connected client to `use` and always takes it back. */
export async function withClient<T>(
  database: DatabaseConfig,
  use: (client: pg.Client) => Promise<T>,
  bounds: object = {},
): Promise<T> {
  return mapPgErrors(database.name, async () => {
    const client = new Client(buildClientConfig(database, bounds))
    client.on('error', () => undefined) // The query that is under way, or the next one, rejects with it.
    try {
      await client.connect()
      return await use(client)
    } finally {
      await client.end()
    }
  })
}

/**
 * The server's version, such as `18.4`.
 *
 * @throws FfError `server_version_unsupported` (2): a verdict on another version would be about that one
 */
export async function requireSupportedVersion(
  client: pg.Client,
  versions: SupportedVersions,
): Promise<string> {
  const { rows } = await client.query<{ number: string }>(
    `SELECT current_setting('server_version_num') AS number`,
  )
  const number = Number(rows[0]?.number)
  const major = Math.floor(number / 10_000)
  const shown = `${major}.${number % 10_000}`
  if (major >= versions.oldest && major <= versions.newest) return shown
  throw new FfError('server_version_unsupported', `The server is PostgreSQL ${shown}.`, {
    hint: `Use PostgreSQL ${versions.oldest} to ${versions.newest}.`,
  })
}
