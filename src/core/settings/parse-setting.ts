import { parseAdminUrl } from '../admin/admin-url.ts'
import { hasUserPart, parseJwksUrl } from '../auth/jwks-url.ts'
import { parseTarget, type TargetRefusal, type TargetSpec } from '../parity/target.ts'

/** Why a text is not a valid value of its setting. */
export type SettingFault =
  | 'backing_unknown'
  | 'backing_managed'
  | 'switch_unreadable'
  | 'listen_unreadable'
  | 'leeway_unreadable'
  | 'key_server_with_user'
  | 'key_server_not_https'
  | 'admin_with_user'
  | 'admin_not_https'
export type ParsedSetting<Value> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly fault: SettingFault | TargetRefusal }

/** The address that a server listens on. */
export interface ListenAddress {
  readonly host: string
  readonly port: number
}

const accept = <Value>(parsed: Value): ParsedSetting<Value> => ({ ok: true, value: parsed })
const refuse = (code: SettingFault): ParsedSetting<never> => ({ ok: false, fault: code })

export const parseTextSetting = (given: string): ParsedSetting<string> => accept(given)

/** Splits a list at its commas; blanks and empty words are dropped. */
export const parseWords = (given: string): ParsedSetting<readonly string[]> =>
  accept(
    given
      .split(',')
      .map((one) => one.trim())
      .filter((one) => one !== ''),
  )

export const parseBacking = (given: string): ParsedSetting<'file' | 'db'> => {
  if (given === 'file' || given === 'db') return accept(given)
  return refuse(given === 'managed' ? 'backing_managed' : 'backing_unknown')
}

/** Exactly `dev`; every other name counts as prod. */
export const parseEnvironmentName = (given: string): ParsedSetting<'dev' | 'prod'> =>
  accept(given === 'dev' ? 'dev' : 'prod')

export const parseTrueOrFalse = (given: string): ParsedSetting<boolean> =>
  given === 'true' || given === 'false' ? accept(given === 'true') : refuse('switch_unreadable')

/** In seconds: the upper limit of every contract (`contracts/schemas/jwks-integration-notes.schema.json`). */
export const MAX_LEEWAY_S = 60

export const parseLeewaySeconds = (given: string): ParsedSetting<number> =>
  /^\d{1,3}$/.test(given) && Number(given) <= MAX_LEEWAY_S
    ? accept(Number(given))
    : refuse('leeway_unreadable')

/** Parses `HOST:PORT`, with an IPv6 host in brackets. */
export function parseListenAddress(given: string): ParsedSetting<ListenAddress> {
  const [, ipv6, name = '', digits] =
    /^(?:\[([0-9a-fA-F:]+)\]|([\w.-]+)):(\d{1,5})$/.exec(given) ?? []
  const port = Number(digits)
  return port <= 65_535 ? accept({ host: ipv6 ?? name, port }) : refuse('listen_unreadable')
}

export function parseKeyServerSetting(given: string): ParsedSetting<URL> {
  if (hasUserPart(given)) return refuse('key_server_with_user')
  const url = parseJwksUrl(given)
  return url === null ? refuse('key_server_not_https') : accept(url)
}

export function parseAdminSetting(given: string): ParsedSetting<URL> {
  if (hasUserPart(given)) return refuse('admin_with_user')
  const url = parseAdminUrl(given)
  return url === null ? refuse('admin_not_https') : accept(url)
}

/** Parsed like a variable that an option names, so it may contain a password. */
export function parseDatabase(given: string): ParsedSetting<TargetSpec> {
  const parsed = parseTarget('env:FF_DATABASE_URL', { FF_DATABASE_URL: given })
  return parsed.ok ? accept(parsed.spec) : { ok: false, fault: parsed.refusal }
}
