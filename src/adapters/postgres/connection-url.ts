import type pg from 'pg'
import { quoteValue } from '../../core/text/quote.ts'
import { FfError } from '../../errors.ts'
import { type Tls, planTls, type UrlParameters } from './tls.ts'

/** libpq's `target_session_attrs`: which of several servers will do. */
const SESSION_KINDS = [
  'any',
  'read-write',
  'read-only',
  'primary',
  'standby',
  'prefer-standby',
] as const
export type SessionKind = (typeof SESSION_KINDS)[number]

/** One way to reach a server. */
export interface ServerAddress {
  readonly host: string | undefined
  readonly port: number | undefined
  /** Undefined leaves the driver's own default. */
  readonly ssl: Tls | undefined
}
/** A connection string, taken apart. */
export interface ConnectionPlan {
  /** By host, in the order in which libpq tries them. */
  readonly hosts: readonly (readonly ServerAddress[])[]
  readonly session: SessionKind
  /** User, password, database and options; no host and no TLS. */
  readonly config: pg.ClientConfig
}

const PARTS = /^postgres(?:ql)?:\/\/(?:([^@/?#]*)@)?([^@/?#]*)(?:\/([^@/?#]*))?(?:\?([^#\s]*))?$/
/** `[::1]:5432`, `host:5432`, `host`, or nothing. */
const HOST = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d*))?$/
/** Parameters that are no option of the driver, or that this file reads. */
const OWN: ReadonlySet<string> = new Set(
  'host port dbname user password target_session_attrs ssl sslmode sslrootcert sslcert sslkey sslcrl sslpassword'.split(
    ' ',
  ),
)

/**
 * Takes a connection string apart as libpq does: several hosts with their ports, TLS, and which server will do. A
 * configuration without one is a single host as it is. Reads the files of certificates, and connects to nothing.
 * @param env PG variables: of hosts, ports and TLS here; the driver reads the others itself
 * @throws FfError `target_invalid` for an unknown `target_session_attrs` or `sslmode`, a different number of ports and
 * hosts, and a certificate that cannot be read; URIError for a malformed percent escape
 */
export function planConnection(
  { connectionString, ...given }: pg.ClientConfig,
  env: NodeJS.ProcessEnv,
): ConnectionPlan {
  if (connectionString === undefined) {
    const { host, port, ssl, ...config } = given
    const one = { host, port, ssl: ssl as Tls | undefined }
    return { hosts: [[one]], session: 'any', config }
  }
  const [, login = '', authority = '', path = '', query = ''] = PARTS.exec(connectionString) ?? []
  const parameters: UrlParameters = Object.fromEntries(new URLSearchParams(query))
  const [user, ...rest] = login.split(':')
  const config = {
    ...given,
    ...Object.fromEntries(Object.entries(parameters).filter(([name]) => !OWN.has(name))),
    ...optional('user', parameters['user'] ?? decode(user)),
    ...optional('password', parameters['password'] ?? decode(rest.join(':'))),
    ...optional('database', parameters['dbname'] ?? decode(path)),
  }
  const session = findSession(parameters, env)
  const hosts = listHosts(authority, parameters, env).map(({ host, port }) => {
    // A socket has no TLS.
    const ways: readonly Tls[] = host?.startsWith('/') === true ? [false] : planTls(parameters, env)
    return ways.map((ssl): ServerAddress => ({ host, port, ssl }))
  })
  return { hosts, session, config }
}

/**
 * The configuration for a service, which writes: for several hosts and no wish for a primary or read-write one,
 * `target_session_attrs=read-write` is added to the connection string; any other configuration is returned as it is.
 * Connects to nothing.
 * @throws FfError `target_invalid` if the connection string, or PGTARGETSESSIONATTRS, asks for a server that is
 * read-only, a standby or preferably one; as `planConnection`
 */
export function requireWritable(config: pg.ClientConfig, env = process.env): pg.ClientConfig {
  const { hosts, session } = planConnection(config, env)
  const { connectionString = '' } = config
  if (session === 'read-write' || session === 'primary') return config
  if (session !== 'any')
    throw new FfError(
      'target_invalid',
      `The service writes, and target_session_attrs is ${session}.`,
      {
        hint: 'Set target_session_attrs=read-write in FF_DATABASE_URL.',
      },
    )
  if (hosts.length === 1) return config
  const plain = connectionString.replace(/([?&])target_session_attrs=[^&]*&?/, '$1')
  const joint = /\?/.test(plain) ? '&' : '?'
  return { ...config, connectionString: `${plain}${joint}target_session_attrs=read-write` }
}

const decode = (text = ''): string => decodeURIComponent(text)
/** Without an empty value, for which the driver takes its own default. */
const optional = (name: string, value: string): Readonly<Record<string, string>> =>
  value === '' ? {} : { [name]: value }

function findSession(parameters: UrlParameters, env: NodeJS.ProcessEnv): SessionKind {
  const given = parameters['target_session_attrs'] ?? env['PGTARGETSESSIONATTRS'] ?? 'any'
  const found = SESSION_KINDS.find((kind) => kind === given)
  if (found !== undefined) return found
  throw new FfError('target_invalid', `${quoteValue(given)} is no target_session_attrs.`, {
    hint: `Set target_session_attrs to one of ${SESSION_KINDS.join(', ')}.`,
  })
}

function listHosts(
  authority: string,
  parameters: UrlParameters,
  env: NodeJS.ProcessEnv,
): readonly Pick<ServerAddress, 'host' | 'port'>[] {
  const named = authority.split(',').map((one) => {
    const [, six, name, port] = HOST.exec(one) ?? []
    return { host: decode(six ?? name), port: port ?? '' }
  })
  const fromUrl = named.map(({ host }) => host).join(',')
  const hosts = (parameters['host'] ?? (fromUrl || env['PGHOST']) ?? '').split(',')
  const urlPorts = named.map(({ port }) => port)
  const portList =
    parameters['port'] ?? (urlPorts.some((one) => one !== '') ? urlPorts.join(',') : env['PGPORT'])
  const ports = (portList ?? '').split(',')
  if (ports.length > 1 && ports.length !== hosts.length)
    throw new FfError(
      'target_invalid',
      `The target names ${hosts.length} hosts and ${ports.length} ports.`,
      { hint: 'Name one port for each host, or one for all.' },
    )
  return hosts.map((host, at) => {
    const port = ports[ports.length === 1 ? 0 : at] ?? ''
    return { host: host === '' ? undefined : host, port: port === '' ? undefined : Number(port) }
  })
}
