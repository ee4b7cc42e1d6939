import pg from 'pg'
import { FfError } from '../../errors.ts'
import { Client } from './client.ts'
import { mapPgErrors } from './pg-error.ts'

/** How to connect to a database, and its name in messages and reports. */
export interface DatabaseConfig {
  readonly config: pg.ClientConfig
  /** Without password, path or schema. */
  readonly name: string
  /** Replaces timeouts of `WAITS`; only tests do. */
  readonly bounds?: Partial<Record<keyof typeof WAITS, number>>
}
/** Major versions of PostgreSQL, both ends included; from `contracts/persistence_schema.json`. */
export interface SupportedVersions {
  readonly oldest: number
  readonly newest: number
}

// Values as the texts that the server sends: the driver's parsers round times to milliseconds and large integers.
const AS_TEXT = { getTypeParser: () => (text: unknown) => text } as unknown as pg.CustomTypesConfig

/** Milliseconds. Both the server and the client limit every wait, because a connection can die unnoticed. */
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

/** Milliseconds for a migration: it may rewrite a table. The limit of its waits for locks stays. */
export const MIGRATION_BOUNDS = { query_timeout: 1_810_000, statement_timeout: 1_800_000 } as const

/**
 * Adds timeouts, session settings and text results (every value arrives as a string or null) to a database's
 * configuration. Timeouts are in milliseconds: `bounds` replaces those of the database, which replace the defaults.
 * Opens no connection.
 */
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

/**
 * Returns a pool of at most this many connections, which connect at the first query that needs them and then stay
 * open. A broken connection rejects its query with the driver's error, unmapped.
 */
export function openPool(database: DatabaseConfig, connections: number): pg.Pool {
  const pool = new pg.Pool({
    ...buildClientConfig(database),
    Client,
    max: connections,
    min: 0,
    idleTimeoutMillis: 0,
    // Sends queries without waiting for earlier results; the server still runs them in order.
    pipeline: true,
  })
  // The pool removes an idle connection that breaks. The next query connects again, and reports what is wrong.
  pool.on('error', () => undefined)
  // A connection in use that breaks rejects its current query; an `error` event without a listener would end the process.
  pool.on('connect', (client) => client.on('error', () => undefined))
  return pool
}

/**
 * Connects, runs `use`, closes the connection, and returns the result.
 *
 * @throws FfError of `mapPgError` for the connection and for what `use` throws; an error that it does not map is
 *   thrown as it is
 */
export async function withClient<T>(
  database: DatabaseConfig,
  use: (client: pg.Client) => Promise<T>,
  bounds: object = {},
): Promise<T> {
  return mapPgErrors(database.name, async () => {
    const client = new Client(buildClientConfig(database, bounds))
    client.on('error', () => undefined) // The current query, or the next one, rejects with it.
    try {
      await client.connect()
      return await use(client)
    } finally {
      await client.end()
    }
  })
}

/**
 * Returns the server's version, such as `18.4`.
 *
 * @throws FfError `server_version_unsupported` (exit 2) if the major version is out of range, because a verdict from
 *   another version would not hold for this one; the driver's error, unmapped
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
  const version = `${major}.${number % 10_000}`
  if (major >= versions.oldest && major <= versions.newest) return version
  throw new FfError(
    'server_version_unsupported',
    `The server of the database ${client.database} runs PostgreSQL ${version}, which is not supported.`,
    { hint: `Use a server of PostgreSQL ${versions.oldest} to ${versions.newest}.` },
  )
}
