/** What can be a side of a comparison (page 4, targets). */
export type TargetSpec =
  /** A null folder is a temporary one. */
  | { readonly kind: 'file'; readonly folder: string | null }
  | { readonly kind: 'postgres'; readonly url: string; readonly name: string }
  | { readonly kind: 'embedded' }
  /** A service: `http://host:port`, and nothing behind it. */
  | { readonly kind: 'http'; readonly origin: string }

export type TargetRefusal =
  | 'target_unknown'
  | 'target_url_malformed'
  | 'service_url_malformed'
  | 'service_not_https'
  | 'secret_in_option'
  | 'variable_unset'
export type ParsedTarget =
  | { readonly ok: true; readonly spec: TargetSpec }
  | { readonly ok: false; readonly refusal: TargetRefusal }

/**
 * Reads a target as it stands in an option: `file`, `file:DIR`, `embedded`, `http://...` or `https://...`,
 * `postgres://...` without a password, or `env:NAME` for a variable that holds one of these, password allowed.
 */
export function parseTarget(
  text: string,
  env: Readonly<Record<string, string | undefined>>,
): ParsedTarget {
  if (!text.startsWith('env:')) return parse(text, false)
  const name = text.slice('env:'.length)
  const held = Object.hasOwn(env, name) ? env[name] : undefined
  return held === undefined || held === ''
    ? { ok: false, refusal: 'variable_unset' }
    : parse(held, true)
}

function parse(text: string, secret: boolean): ParsedTarget {
  if (text === 'embedded') return { ok: true, spec: { kind: 'embedded' } }
  if (text === 'file') return { ok: true, spec: { kind: 'file', folder: null } }
  if (text.startsWith('file:') && text.length > 5)
    return { ok: true, spec: { kind: 'file', folder: text.slice(5) } }
  if (/^https?:\/\//.test(text)) return parseService(text)
  if (!/^postgres(ql)?:\/\//.test(text)) return { ok: false, refusal: 'target_unknown' }
  return parseUrl(text, secret)
}

const SERVICE = /^(https?):\/\/([\w.-]+|\[[\da-fA-F:]+\])(?::(\d{1,5}))?\/?$/

/** A service is asked with credentials of its own, so its URL has none, wherever it stands. */
function parseService(text: string): ParsedTarget {
  if (text.includes('@')) return { ok: false, refusal: 'secret_in_option' }
  const [, scheme, host = '', port] = SERVICE.exec(text) ?? []
  if (scheme === undefined || Number(port ?? 1) > 65_535)
    return { ok: false, refusal: 'service_url_malformed' }
  // What a token is sent to is known to be who it is, or is this machine.
  if (scheme === 'http' && !LOOPBACK.test(host)) return { ok: false, refusal: 'service_not_https' }
  return { ok: true, spec: { kind: 'http', origin: text.replace(/\/$/, '') } }
}

// postgres://user:password@host:port,host:port/name?option=x; a host may be empty (a socket). Nothing that
// belongs to a password can slip into the parts that are shown: a '/', '?' or '@' in one must be escaped.
const URL_PARTS =
  /^postgres(?:ql)?:\/\/(?:([^@/?#]*)@)?((?:[\w.-]*|\[[\da-fA-F:]+\])(?::\d+)?(?:,[\w.-]*(?::\d+)?)*)(?:\/([^@/?#]*))?(?:\?([^#\s]*))?$/

function parseUrl(url: string, secret: boolean): ParsedTarget {
  const parts = URL_PARTS.exec(url)
  const options = parts === null || !canBeUsed(parts) ? null : optionNames(parts[4] ?? '')
  if (!secret && holdsPassword(url, options ?? []))
    return { ok: false, refusal: 'secret_in_option' }
  if (parts === null || options === null) return { ok: false, refusal: 'target_url_malformed' }
  const [, , authority = '', database = ''] = parts
  // Never the credentials, and not the query: a socket's path may stand there.
  return { ok: true, spec: { kind: 'postgres', url, name: `postgres://${authority}/${database}` } }
}

/** Asked of any text, taken apart or not: a ':' with an '@' after it, or an option of that name. */
const holdsPassword = (url: string, options: readonly string[]): boolean =>
  /:[^:]*@/.test(url.slice(url.indexOf('//'))) || options.some((name) => /password/i.test(name))

/** Ports that exist, and escapes that the driver can undo. */
function canBeUsed([whole, , authority = '']: RegExpExecArray): boolean {
  const ports = authority.match(/:\d+(?=,|$)/g) ?? []
  return (
    ports.every((port) => Number(port.slice(1)) <= 65_535) && !/%(?![0-9a-fA-F]{2})/.test(whole)
  )
}

/** The names in a query, decoded as the driver does; null where they cannot be. */
function optionNames(query: string): readonly string[] | null {
  try {
    return query.split('&').map((pair) => decodeURIComponent(pair.split('=', 1)[0] as string))
  } catch {
    return null // A broken escape: URIError is all that this can throw.
  }
}

type DatabaseSpec = Extract<TargetSpec, { kind: 'postgres' }>
/** Another database of the same server. @param database letters, digits and underscores */
export const withDatabaseName = ({ url, name }: DatabaseSpec, database: string): DatabaseSpec => ({
  kind: 'postgres',
  url: url.replace(/^(\w+:\/\/[^/?]*)(?:\/[^?]*)?/, `$1/${database}`),
  name: name.replace(/[^/]*$/, database),
})

/**
 * Whether a target is of this machine: a folder, a private server, or a service or database whose hosts are all
 * loopback addresses or sockets. A URL without a host is none, for then the environment decides where it leads.
 */
export function isLoopback(spec: TargetSpec): boolean {
  if (spec.kind === 'http') return LOOPBACK.test(spec.origin.replace(/^\w+:\/\//, ''))
  if (spec.kind !== 'postgres') return true
  const [, , authority = '', , query = ''] = URL_PARTS.exec(spec.url) ?? []
  const named = [...new URLSearchParams(query)].filter(([name]) => name === 'host')
  const hosts = named.length > 0 ? named.map(([, host]) => host) : authority.split(',')
  return hosts.flatMap((one) => one.split(',')).every((host) => LOOPBACK.test(host))
}
const LOOPBACK = /^(\/.*|(localhost|127(\.\d{1,3}){3}|\[::1\]|::1)(:\d+)?)$/

/** Whether both are services that answer at one origin, however that is spelled (RFC 6454, section 4). */
export const isSameService = (a: TargetSpec, b: TargetSpec): boolean =>
  a.kind === 'http' && b.kind === 'http' && new URL(a.origin).origin === new URL(b.origin).origin
