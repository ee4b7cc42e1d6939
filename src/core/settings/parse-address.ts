import type { TargetRefusal } from '../parity/target.ts'

/** Why a text is not a valid value of its setting. */
export type SettingFault =
  | 'backing_unknown'
  | 'switch_unreadable'
  | 'listen_unreadable'
  | 'leeway_unreadable'
  | 'number_unreadable'
  | 'key_server_with_user'
  | 'key_server_not_https'
  | 'admin_with_user'
  | 'admin_not_https'
  | 'evidence_head_unreadable'
  | 'origin_unreadable'
  | 'scope_claim_unknown'
  | 'brokers_unreadable'
  | 'topic_unreadable'
  | 'mechanism_unknown'
export type ParsedSetting<Value> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly fault: SettingFault | TargetRefusal }

/** The address that a server listens on. */
export interface ListenAddress {
  readonly host: string
  readonly port: number
}

/** The result for a text that is a value. */
export const acceptSetting = <Value>(parsed: Value): ParsedSetting<Value> => ({
  ok: true,
  value: parsed,
})
/** The result for a text that is none. */
export const refuseSetting = (code: SettingFault): ParsedSetting<never> => ({
  ok: false,
  fault: code,
})

/** Accepts a name of a topic as Kafka does; refuses any other text with `topic_unreadable`. */
export const parseTopic = (given: string): ParsedSetting<string> =>
  /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,249}$/.test(given)
    ? acceptSetting(given)
    : refuseSetting('topic_unreadable')

/**
 * Parses `HOST:PORT`, with an IPv6 host in brackets, which the result lacks; port 0 to 65535. Refuses any other text
 * with `listen_unreadable`; does not resolve the host.
 */
export function parseListenAddress(given: string): ParsedSetting<ListenAddress> {
  const [, ipv6, name = '', digits] =
    /^(?:\[([0-9a-fA-F:]+)\]|([\w.-]+)):(\d{1,5})$/.exec(given) ?? []
  const port = Number(digits)
  return port <= 65_535
    ? acceptSetting({ host: ipv6 ?? name, port })
    : refuseSetting('listen_unreadable')
}
