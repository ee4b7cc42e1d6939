/** A side of a comparison. */
export type TargetSpec =
  /** A null folder stands for a temporary one. */
  | { readonly kind: 'file'; readonly folder: string | null }
  | { readonly kind: 'postgres'; readonly url: string; readonly name: string }
  | { readonly kind: 'embedded' }
  /** A service: `http://host:port` without a path. */
  | { readonly kind: 'http'; readonly origin: string }

export type TargetRefusal =
  | 'target_unknown'
  | 'target_scheme_of_driver'
  | 'target_url_malformed'
  | 'service_url_malformed'
  | 'service_not_https'
  | 'secret_in_option'
  | 'variable_unset'
export type ParsedTarget =
  | { readonly ok: true; readonly spec: TargetSpec }
  | { readonly ok: false; readonly refusal: TargetRefusal }

/**
 * Parses a target option: `file`, `file:DIR`, `embedded`, `http://...` or `https://...`, `postgres://...` without a
 * password, or `env:NAME` for a variable of `env` that holds one of these, with a password if need be. Refuses with
 * `variable_unset` for an absent or empty variable, `secret_in_option` for a password in the option or any `@` in a
 * service's URL, `service_not_https` for http to another machine, `service_url_malformed` or `target_url_malformed`,
 * `target_scheme_of_driver` for the URL of another program's driver, and `target_unknown` for any other text. The `name`
 * of a database is its URL without credentials and query.
 */
export function parseTarget(
  text: string,
  env: Readonly<Record<string, string | undefined>>,
): ParsedTarget {
  if (!text.startsWith('env:')) return parse(text, false)
  const name = text.slice('env:'.length)
  const setting = Object.hasOwn(env, name) ? env[name] : undefined
  return setting === undefined || setting === ''
    ? { ok: false, refusal: 'variable_unset' }
    : parse(setting, true)
}

function parse(text: string, secret: boolean): ParsedTarget {
  if (text === 'embedded') return { ok: true, spec: { kind: 'embedded' } }
  if (text === 'file') return { ok: true, spec: { kind: 'file', folder: null } }
  if (text.startsWith('file:') && text.length > 5)
    return { ok: true, spec: { kind: 'file', folder: text.slice(5) } }
  if (/^https?:\/\//.test(text)) return parseService(text)
  // As SQLAlchemy and JDBC write it: `postgresql+asyncpg://`, `jdbc:postgresql://`.
  if (/^jdbc:postgres|^postgres(ql)?\+/.test(text))
    return { ok: false, refusal: 'target_scheme_of_driver' }
  if (!/^postgres(ql)?:\/\//.test(text)) return { ok: false, refusal: 'target_unknown' }
  return parseUrl(text, secret)
}

const SERVICE = /^(https?):\/\/([\w.-]+|\[[\da-fA-F:]+\])(?::(\d{1,5}))?\/?$/

/** The URL of a service never has credentials, also in a variable: requests carry their own. */
function parseService(text: string): ParsedTarget {
  if (text.includes('@')) return { ok: false, refusal: 'secret_in_option' }
  const [, scheme, host = '', port] = SERVICE.exec(text) ?? []
  if (scheme === undefined || Number(port ?? 1) > 65_535)
    return { ok: false, refusal: 'service_url_malformed' }
  // Tokens are sent only to an authenticated server or to this machine.
  if (scheme === 'http' && !LOOPBACK.test(host)) return { ok: false, refusal: 'service_not_https' }
  return { ok: true, spec: { kind: 'http', origin: text.replace(/\/$/, '') } }
}

// postgres://user:password@host:port,host:port/name?option=x; a host may be empty (a socket). No part of a password
// can end up in the parts that are shown: '/', '?' and '@' in a password must be escaped.
const URL_PARTS =
  /^postgres(?:ql)?:\/\/(?:([^@/?#]*)@)?((?:[\w.-]*|\[[\da-fA-F:]+\])(?::\d+)?(?:,[\w.-]*(?::\d+)?)*)(?:\/([^@/?#]*))?(?:\?([^#\s]*))?$/

function parseUrl(url: string, secret: boolean): ParsedTarget {
  const parts = URL_PARTS.exec(url)
  const options = parts === null || !isUsable(parts) ? null : parseOptionNames(parts[4] ?? '')
  if (!secret && hasPassword(url, options ?? [])) return { ok: false, refusal: 'secret_in_option' }
  if (parts === null || options === null) return { ok: false, refusal: 'target_url_malformed' }
  const [, , authority = '', database = ''] = parts
  // Without the credentials and the query, which may hold the path of a socket.
  return { ok: true, spec: { kind: 'postgres', url, name: `postgres://${authority}/${database}` } }
}

/** Also for a URL that cannot be parsed: a ':' with an '@' after it, or an option whose name contains "password". */
const hasPassword = (url: string, options: readonly string[]): boolean =>
  /:[^:]*@/.test(url.slice(url.indexOf('//'))) || options.some((name) => /password/i.test(name))

/** Whether ports are in range and the driver can decode the escapes. */
function isUsable([whole, , authority = '']: RegExpExecArray): boolean {
  const ports = authority.match(/:\d+(?=,|$)/g) ?? []
  return (
    ports.every((port) => Number(port.slice(1)) <= 65_535) && !/%(?![0-9a-fA-F]{2})/.test(whole)
  )
}

/** The names in a query, decoded as the driver does; null where an escape is malformed. */
function parseOptionNames(query: string): readonly string[] | null {
  try {
    return query.split('&').map((pair) => decodeURIComponent(pair.split('=', 1)[0] as string))
  } catch {
    return null // `decodeURIComponent` throws only at a malformed escape.
  }
}

type DatabaseSpec = Extract<TargetSpec, { kind: 'postgres' }>
/**
 * The target of another database on the same server, with the same credentials and options.
 *
 * @param database letters, digits and underscores
 */
export const withDatabaseName = ({ url, name }: DatabaseSpec, database: string): DatabaseSpec => ({
  kind: 'postgres',
  url: url.replace(/^(\w+:\/\/[^/?]*)(?:\/[^?]*)?/, `$1/${database}`),
  name: name.replace(/[^/]*$/, database),
})

/**
 * Whether a target is on this machine, by its text alone: a folder, an embedded server, or a service or database whose
 * hosts are all loopback addresses, `localhost` or sockets; `host` options of a database take precedence. False for a
 * URL without a host, as the environment then chooses it.
 */
export function isLoopback(spec: TargetSpec): boolean {
  if (spec.kind === 'http') return LOOPBACK.test(spec.origin.replace(/^\w+:\/\//, ''))
  if (spec.kind !== 'postgres') return true
  const [, , authority = '', , query = ''] = URL_PARTS.exec(spec.url) ?? []
  const hostOptions = [...new URLSearchParams(query)].filter(([name]) => name === 'host')
  const hosts = hostOptions.length > 0 ? hostOptions.map(([, host]) => host) : authority.split(',')
  return hosts.flatMap((one) => one.split(',')).every((host) => LOOPBACK.test(host))
}
const LOOPBACK = /^(\/.*|(localhost|127(\.\d{1,3}){3}|\[::1\]|::1)(:\d+)?)$/

/**
 * Whether both targets are services of the same origin (RFC 6454, section 4), however it is spelled; false where one is
 * no service.
 *
 * @throws TypeError for an origin that `URL` cannot parse
 */
export const isSameService = (a: TargetSpec, b: TargetSpec): boolean =>
  a.kind === 'http' && b.kind === 'http' && new URL(a.origin).origin === new URL(b.origin).origin
