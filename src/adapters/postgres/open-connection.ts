import type pg from 'pg'
import { quoteError } from '../../core/text/quote-error.ts'
import { FfError } from '../../errors.ts'
import { Client } from './client.ts'
import {
  type ConnectionPlan,
  type ServerAddress,
  planConnection,
  type SessionKind,
} from './connection-url.ts'
import { findPassword, type Login } from './password-file.ts'
import {
  formatLocalSettings,
  formatStartupOptions,
  withoutStartupSettings,
} from './pinned-settings.ts'

/** The server refuses the login or the database itself: another host would refuse it as well. */
const FINAL = /^(28|3D)/
/** The server's rules ask for a connection with TLS, or without. */
const OTHER_TLS = '28000'
/** How poolers refuse a startup parameter: protocol_violation, feature_not_supported, undefined_object. */
const STARTUP_REFUSED: ReadonlySet<string> = new Set(['08P01', '0A000', '42704'])

/**
 * Opens a connection over the first endpoint that will do, and finds out whether a pooler is in between: the server
 * process is then another than the one that was announced, or the startup parameters are refused. Settings are pinned
 * for the session, or named in `localSettings` for each transaction. The caller ends it.
 * @param config as of `buildClientConfig`; its connection string may name several hosts
 * @throws FfError `target_invalid` for a connection string that cannot be used, `rights_missing` without a password
 * that the server asks for or with triggers switched off, `target_unreachable` if no server of several will do; else
 * the driver's error, unmapped
 */
export async function openConnection(config: pg.ClientConfig): Promise<Client> {
  const plan = planConnection(config, process.env)
  const passes = plan.session === 'prefer-standby' ? PREFER_STANDBY : [plan.session]
  const tries = passes.flatMap((wanted) => plan.hosts.map((ways) => [wanted, ways] as const))
  const alone = tries.length === 1 && plan.session === 'any'
  const failures: unknown[] = []
  for (const [wanted, ways] of tries) {
    try {
      return await openHost(plan, ways, wanted)
    } catch (error) {
      if (alone || error instanceof FfError || FINAL.test(getCode(error))) throw error
      failures.push(error)
    }
  }
  throw noServerError(plan, failures)
}
const PREFER_STANDBY: readonly SessionKind[] = ['standby', 'any']

function noServerError({ hosts, session }: ConnectionPlan, failures: readonly unknown[]): FfError {
  const names = hosts.map(([one]) => `${one?.host ?? ''}:${one?.port ?? ''}`)
  const details = failures.map((error, at) => `${names[at % names.length]}: ${quoteError(error)}`)
  const what = session === 'any' ? 'can be reached' : `is ${session}`
  return new FfError('target_unreachable', `None of the servers ${names.join(', ')} ${what}.`, {
    hint: 'Check that a server runs, and hosts, ports and target_session_attrs of the URL.',
    details,
    cause: failures[0],
  })
}

const getCode = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : ''

/** Tries the ways with and without TLS, where the mode allows both. */
async function openHost(
  plan: ConnectionPlan,
  [first, second]: readonly ServerAddress[],
  wanted: SessionKind,
): Promise<Client> {
  if (first === undefined) throw new Error('a host has no endpoint')
  try {
    return await openEndpoint(plan, first, wanted)
  } catch (error) {
    if (second === undefined || !isAboutTls(error)) throw error
    return openEndpoint(plan, second, wanted)
  }
}
const isAboutTls = (error: unknown): boolean =>
  getCode(error) === OTHER_TLS ||
  (error instanceof Error &&
    /not support SSL|establishing an SSL|SSL required|certificate/i.test(error.message)) ||
  /^(ERR_(SSL|TLS)|CERT_|UNABLE_TO|DEPTH_ZERO|SELF_SIGNED|EPROTO)/.test(getCode(error))

async function openEndpoint(
  { config, session }: ConnectionPlan,
  { host, port, ssl }: ServerAddress,
  wanted: SessionKind,
): Promise<Client> {
  const at: pg.ClientConfig = {
    ...config,
    ...(host === undefined ? {} : { host }),
    ...(port === undefined ? {} : { port }),
    ...(ssl === undefined ? {} : { ssl }),
  }
  let client: Client
  try {
    client = await connect({ ...at, options: formatStartupOptions(config.options) })
  } catch (error) {
    if (!STARTUP_REFUSED.has(getCode(error))) throw error
    client = await connect(withoutStartupSettings(at))
    client.pooler = quoteError(error)
  }
  try {
    await inspectSession(client, session === 'any' ? 'any' : wanted)
    if (client.pooler !== null) client.localSettings = formatLocalSettings(config)
    return client
  } catch (error) {
    await client.end()
    throw error
  }
}

async function connect(config: pg.ClientConfig): Promise<Client> {
  const password = config.password ?? process.env['PGPASSWORD'] ?? readPassword
  const client = new Client({ ...config, password: password as string })
  client.on('error', () => undefined) // The current query, or the next one, rejects with it.
  try {
    await client.connect()
    return client
  } catch (error) {
    client.abandon()
    throw error
  }
}

/** The driver calls it where the server asks for a password. */
async function readPassword(login: Login): Promise<string> {
  const found = await findPassword(login, process.env)
  if (found !== null) return found
  throw new FfError(
    'rights_missing',
    `The server of the database ${login.database} asks ${login.user} for a password, and none is given.`,
    {
      hint: 'Put it into FF_DATABASE_URL with / as %2F, # as %23, ? as %3F and @ as %40, or into PGPASSWORD, or into the file of PGPASSFILE with mode 0600.',
    },
  )
}

const SESSION = `SELECT pg_backend_pid()::text AS pid, pg_is_in_recovery()::text AS standby,
  current_setting('transaction_read_only') AS read_only,
  current_setting('session_replication_role') AS replication`
interface SessionFacts {
  readonly pid: string
  readonly standby: string
  readonly read_only: string
  readonly replication: string
}
const FITS: Readonly<Record<SessionKind, (session: SessionFacts) => boolean>> = {
  any: () => true,
  'read-write': ({ read_only }) => read_only === 'off',
  'read-only': ({ read_only }) => read_only === 'on',
  primary: ({ standby }) => standby === 'false',
  standby: ({ standby }) => standby === 'true',
  'prefer-standby': () => true,
}

async function inspectSession(client: Client, wanted: SessionKind): Promise<void> {
  const { rows } = await client.query<SessionFacts>(SESSION)
  const [session] = rows
  if (session === undefined) throw new Error('the server describes no session')
  if (!FITS[wanted](session))
    throw new Error(
      `the server is ${session.standby === 'true' ? 'a standby' : 'no standby'}, and its sessions are ${session.read_only === 'on' ? 'read-only' : 'read-write'}`,
    )
  // A pooler announces a process of its own.
  if (session.pid !== client.announcedProcess)
    client.pooler ??= 'the session is that of another client a moment later'
  if (session.replication !== 'origin') await enableTriggers(client)
}

/** With another session_replication_role, triggers and foreign keys are off; only a superuser may set it. */
async function enableTriggers(client: Client): Promise<void> {
  try {
    if (client.pooler !== null) throw new Error('a pooler shares the session with other clients')
    await client.query('SET session_replication_role = origin')
  } catch (cause) {
    throw new FfError(
      'rights_missing',
      `The sessions of ${client.user} in ${client.database} run without triggers and foreign keys: ${quoteError(cause)}.`,
      {
        hint: `As a superuser run \`ALTER ROLE "${client.user}" RESET session_replication_role\`, and look for it with \`\\drds\` in psql.`,
        cause,
      },
    )
  }
}
