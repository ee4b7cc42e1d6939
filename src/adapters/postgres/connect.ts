import type pg from 'pg'
import { withDeadline } from '../../concurrency/deadline.ts'
import { FfError } from '../../errors.ts'
import type { Client } from './client.ts'
import { ClientPool } from './client-pool.ts'
import { openConnection } from './open-connection.ts'
import { mapPgErrors } from './pg-error.ts'
import { claimSession } from './session-claim.ts'

/** How to connect to a database, and its name in messages and reports. */
export interface DatabaseConfig {
  readonly config: pg.ClientConfig
  /** Without password, path or schema. */
  readonly name: string
  /** Replaces timeouts of `WAITS`; only tests and a control do. */
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
 * Opens a connection to a database, as `openConnection`; timeouts as for `buildClientConfig`. The caller ends it.
 * @throws the errors of `openConnection`, unmapped: FfError `target_invalid`, `rights_missing` or
 * `target_unreachable`, else the driver's error
 */
export const connect = (database: DatabaseConfig, bounds: object = {}): Promise<Client> =>
  openConnection(buildClientConfig(database, bounds))

/**
 * Returns a pool of at most this many connections, which connect at the first query that needs them and then stay open
 * until the pool ends. They pipeline: queries are sent without waiting for earlier results. A broken connection
 * rejects its query with the driver's error, unmapped.
 *
 * @param check run on each new connection; where it throws, the connection is closed
 */
export function openPool(
  database: DatabaseConfig,
  connections: number,
  check: (client: Client) => Promise<void> = () => Promise.resolve(),
): ClientPool {
  // Sends queries without waiting for earlier results; the server still runs them in order.
  const config: pg.ClientConfig = { ...buildClientConfig(database), pipeline: true }
  const waitMs = config.connectionTimeoutMillis ?? WAITS.connectionTimeoutMillis
  const open = async (): Promise<Client> => {
    const client = await openConnection(config)
    try {
      await check(client)
      return client
    } catch (error) {
      await client.end()
      throw error
    }
  }
  return new ClientPool(open, { connections, waitMs })
}

/**
 * Connects, runs `use`, closes the connection, and returns the result. Behind a pooler nothing but single statements
 * and transactions with `localSettings` may run; use `withReading` or `withSession`.
 * @throws FfError of `mapPgError`, such as `target_unreachable`, `rights_missing` or `backing_unavailable`, for the
 * connection and for what `use` throws; `target_invalid` for the connection string; an error that `mapPgError` does
 * not know is thrown as it is
 */
export async function withClient<T>(
  database: DatabaseConfig,
  use: (client: Client) => Promise<T>,
  bounds: object = {},
): Promise<T> {
  return mapPgErrors(database.name, async () => {
    const client = await connect(database, bounds)
    try {
      return await use(client)
    } finally {
      await client.end()
    }
  })
}

/**
 * Runs `use` in one read-only transaction (REPEATABLE READ, one snapshot, rolled back at the end) over a connection of
 * its own, which is then closed, and returns the result. Works behind a pooler and leaves nothing behind there.
 * @throws as `withClient`: FfError of `mapPgError`, such as `target_unreachable`, `target_invalid`, unknown errors as
 * they are
 */
export const withReading = <T>(
  database: DatabaseConfig,
  use: (client: Client) => Promise<T>,
  bounds: object = {},
): Promise<T> =>
  withClient(
    database,
    async (client) => {
      await beginTransaction(client, 'ISOLATION LEVEL REPEATABLE READ READ ONLY')
      try {
        return await use(client)
      } finally {
        // A lost connection has ended its transaction already; report the first error.
        await client.query('ROLLBACK').catch(() => undefined)
      }
    },
    bounds,
  )

/**
 * Connects, runs `use`, closes the connection, and returns the result, for work that needs a session of its own:
 * session locks, temporary tables, other settings. `use` does not run behind a pooler, unless that keeps its session.
 * @throws FfError `pooler_unsupported` (exit 2) as `openSession`; as `withClient`: FfError of `mapPgError`, such as
 * `target_unreachable`, `target_invalid`, unknown errors as they are
 */
export const withSession = <T>(
  database: DatabaseConfig,
  use: (client: Client) => Promise<T>,
  bounds: object = {},
): Promise<T> =>
  mapPgErrors(database.name, async () => {
    const session = await openSession(database, bounds)
    try {
      return await use(session.client)
    } finally {
      await session.end()
    }
  })

/** A connection with a session of its own. */
export interface Session {
  readonly client: Client
  /** Closes the connection; a session that a pooler hands on is cleared before. */
  end(): Promise<void>
}

/**
 * Opens a connection, as `connect`, whose session is its own until `end`: to the server itself, or through a pooler that
 * is shown to keep the session, as PgBouncer does in session mode.
 * @throws FfError `pooler_unsupported` (exit 2) behind any other pooler; as `connect`, unmapped
 */
export async function openSession(database: DatabaseConfig, bounds: object = {}): Promise<Session> {
  const client = await connect(database, bounds)
  const { pooler } = client
  if (pooler === null) return { client, end: () => client.end() }
  const claim = claimSession(client, () => connect(database, PROBE_BOUNDS))
  const refusal = await withDeadline(claim, CLAIM_MS, () => 'the pool has no free connection')
  if (refusal === null) {
    // The next client of the pool gets this session, and not every pooler clears it.
    const clear = (): Promise<unknown> => client.query('DISCARD ALL').catch(() => undefined)
    return { client, end: () => clear().then(() => client.end()) }
  }
  await client.end()
  throw new FfError(
    'pooler_unsupported',
    `The database ${database.name} is behind a connection pooler, and this command needs a session of its own: ${pooler}; ${refusal}.`,
    { hint: 'Name the port of the server itself in the URL, such as 5432 instead of 6432.' },
  )
}
/** Milliseconds: a pool without a free or a second connection is not waited for. */
const CLAIM_MS = 10_000
const PROBE_BOUNDS = { connectionTimeoutMillis: 2_000, query_timeout: 2_000 } as const

/**
 * Begins a transaction, with the pinned settings where the session has none.
 *
 * @param mode such as `READ ONLY`
 * @param more further statements, with a semicolon before each
 * @throws the driver's error, unmapped
 */
export const beginTransaction = (client: Client, mode: string, more = ''): Promise<unknown> =>
  client.query(`BEGIN ${mode}${client.localSettings}${more}`)

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
