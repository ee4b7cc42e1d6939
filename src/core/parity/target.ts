/** What can be a side of a comparison (page 4, targets). */
export type TargetSpec =
  /** A null folder is a temporary one. */
  | { readonly kind: 'file'; readonly folder: string | null }
  | { readonly kind: 'postgres'; readonly url: string; readonly name: string }
  | { readonly kind: 'embedded' }

export type TargetRefusal =
  'target_unknown' | 'target_url_malformed' | 'secret_in_option' | 'variable_unset'
export type ParsedTarget =
  | { readonly ok: true; readonly spec: TargetSpec }
  | { readonly ok: false; readonly refusal: TargetRefusal }

/**
 * Reads a target as it stands in an option: `file`, `file:DIR`, `embedded`, `postgres://...` without a
 * password, or `env:NAME` for a variable that holds one of these, password allowed.
 */
export function parseTarget(
  text: string,
  env: Readonly<Record<string, string | undefined>>,
): ParsedTarget {
  if (!text.startsWith('env:')) return parse(text, false)
  const held = env[text.slice('env:'.length)]
  return held === undefined || held === ''
    ? { ok: false, refusal: 'variable_unset' }
    : parse(held, true)
}

function parse(text: string, secret: boolean): ParsedTarget {
  if (text === 'embedded') return { ok: true, spec: { kind: 'embedded' } }
  if (text === 'file') return { ok: true, spec: { kind: 'file', folder: null } }
  if (text.startsWith('file:') && text.length > 5)
    return { ok: true, spec: { kind: 'file', folder: text.slice(5) } }
  if (!/^postgres(ql)?:\/\//.test(text)) return { ok: false, refusal: 'target_unknown' }
  return parseUrl(text, secret)
}

// authority, path and query of postgres://user:password@host:port/name?option; a host may be empty (a socket).
const URL_PARTS = /^postgres(?:ql)?:\/\/(?:([^@/?]*)@)?([^/?]*)(?:\/([^?]*))?(?:\?(.*))?$/

function parseUrl(url: string, secret: boolean): ParsedTarget {
  const parts = URL_PARTS.exec(url)
  if (parts === null) return { ok: false, refusal: 'target_url_malformed' }
  const [, credentials = '', authority = '', database = '', query = ''] = parts
  const holdsPassword = credentials.includes(':') || /(^|&)(password|sslpassword)=/.test(query)
  if (holdsPassword && !secret) return { ok: false, refusal: 'secret_in_option' }
  // Never the credentials, and not the query: a socket's path may stand there.
  const name = `postgres://${/^[A-Za-z0-9.:,[\]-]*$/.test(authority) ? authority : ''}/${database}`
  return { ok: true, spec: { kind: 'postgres', url, name } }
}
