import { readFileSync } from 'node:fs'
import type { ConnectionOptions } from 'node:tls'
import { quoteError } from '../../core/text/quote-error.ts'
import { quoteValue } from '../../core/text/quote.ts'
import { FfError } from '../../errors.ts'

interface Address {
  readonly host: string
  readonly port: number
}
interface Login {
  readonly username?: string
  readonly password?: string
}
/** A Redis URL, taken apart. */
export interface RedisPlan extends Login {
  readonly topology: 'standalone' | 'sentinel' | 'cluster'
  /** One server, or the Sentinels, or nodes of the cluster. */
  readonly addresses: readonly [Address, ...Address[]]
  /** Undefined for a connection without TLS. */
  readonly tls: ConnectionOptions | undefined
  readonly db: number
  /** The name under which the Sentinels know the primary; empty for another topology. */
  readonly primary: string
  /** Login at the Sentinels. */
  readonly sentinel: Login
}

/** At most one `@`: with another, a part of the password would be read as the host, and quoted. */
const FORM =
  /^redis(?<tls>s?)(?:\+(?<kind>sentinel|cluster))?:\/\/(?:(?<login>[^@/?#]*)@)?(?<authority>[^@/?#]+)(?<path>\/[^@?#]*)?(?:\?(?<query>[^@#\s]*))?$/
/** `[::1]:6379`, `host:6379` or `host`. */
const HOST = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+))(?::(\d{1,5}))?$/
const PORTS = { standalone: 6379, sentinel: 26_379, cluster: 6379 } as const
/** The path after the authority: a database, or the name of the primary and a database. */
const PATHS = {
  standalone: /^\/?()(\d{1,5})?$/,
  sentinel: /^\/([A-Za-z0-9._-]+)(?:\/(\d{1,5}))?$/,
  cluster: /^\/?()()$/,
} as const
const TLS_FILES = { sslrootcert: 'ca', sslcert: 'cert', sslkey: 'key' } as const
const SENTINEL_LOGIN = { sentinel_user: 'username', sentinel_password: 'password' } as const
const HINT =
  'Set FF_REDIS_URL to redis://HOST:PORT/DB, redis+sentinel://HOST:PORT,HOST:PORT/NAME/DB or redis+cluster://HOST:PORT,HOST:PORT, each with rediss for TLS.'

/**
 * Takes a Redis URL apart. Reads the files that it names, and connects to nothing. No error message holds a part of
 * the login.
 * @throws FfError `target_invalid` for a text of another form, an unknown parameter, and a file that cannot be read
 */
export function parseRedisUrl(url: string): RedisPlan {
  const { tls, kind, login, authority, path, query } = FORM.exec(url)?.groups ?? {}
  if (authority === undefined) throw refuse('FF_REDIS_URL has none of the known forms.')
  const topology = (kind ?? 'standalone') as RedisPlan['topology']
  const secure = tls === 's'
  const parameters = new URLSearchParams(query)
  checkParameters(parameters, { secure, topology })
  return {
    topology,
    addresses: parseAddresses(authority, topology),
    ...parsePath(path ?? '', topology),
    ...parseLogin(login ?? ''),
    sentinel: readSentinelLogin(parameters),
    tls: secure ? readTlsFiles(parameters) : undefined,
  }
}

const refuse = (message: string): FfError => new FfError('target_invalid', message, { hint: HINT })

function parseAddresses(
  authority: string,
  topology: RedisPlan['topology'],
): RedisPlan['addresses'] {
  const [first, ...others] = authority.split(',').map((one) => parseAddress(one, PORTS[topology]))
  if (first === undefined || (topology === 'standalone' && others.length > 0))
    throw refuse(`${quoteValue(authority)} in FF_REDIS_URL is not one server.`)
  return [first, ...others]
}

function parsePath(
  path: string,
  topology: RedisPlan['topology'],
): Pick<RedisPlan, 'db' | 'primary'> {
  const found = PATHS[topology].exec(path)
  if (found === null)
    throw refuse(`The path ${quoteValue(path)} of FF_REDIS_URL does not fit its form.`)
  const [, primary = '', db = ''] = found
  return { primary, db: Number(db) }
}

function parseLogin(login: string): Login {
  const [user = '', ...rest] = login.split(':')
  return pickGiven({ username: decode(user), password: decode(rest.join(':')) })
}

const readSentinelLogin = (parameters: URLSearchParams): Login =>
  pickGiven(
    Object.fromEntries(
      Object.entries(SENTINEL_LOGIN).map(([name, key]) => [key, parameters.get(name) ?? '']),
    ),
  )

function parseAddress(text: string, defaultPort: number): Address {
  const [, six, name, port = ''] = HOST.exec(text) ?? []
  const host = six ?? name
  const number = port === '' ? defaultPort : Number(port)
  if (host === undefined || number < 1 || number > 65_535)
    throw refuse(`${quoteValue(text)} is no HOST or HOST:PORT in FF_REDIS_URL.`)
  return { host, port: number }
}

function checkParameters(
  parameters: URLSearchParams,
  { secure, topology }: { readonly secure: boolean; readonly topology: RedisPlan['topology'] },
): void {
  const known: readonly string[] = [
    ...(secure ? Object.keys(TLS_FILES) : []),
    ...(topology === 'sentinel' ? Object.keys(SENTINEL_LOGIN) : []),
  ]
  const unknown = [...parameters.keys()].find((name) => !known.includes(name))
  if (unknown !== undefined)
    throw refuse(`This form of FF_REDIS_URL takes no parameter ${quoteValue(unknown)}.`)
}

/** A malformed percent escape stands for itself, so that no error quotes a password. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

const pickGiven = (login: Readonly<Record<string, string>>): Login =>
  Object.fromEntries(Object.entries(login).filter(([, value]) => value !== ''))

function readTlsFiles(parameters: URLSearchParams): ConnectionOptions {
  return Object.fromEntries(
    Object.entries(TLS_FILES).flatMap(([name, option]) => {
      const path = parameters.get(name)
      return path === null ? [] : [[option, readFile(name, path)]]
    }),
  )
}

function readFile(name: string, path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (cause) {
    throw new FfError(
      'target_invalid',
      `Cannot read ${name} of FF_REDIS_URL: ${quoteError(cause)}.`,
      { hint: `Let ${name} name a readable PEM file.`, cause },
    )
  }
}
