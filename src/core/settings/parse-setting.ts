import { parseAdminUrl } from '../admin/admin-url.ts'
import { hasUserPart, parseJwksUrl } from '../auth/jwks-url.ts'
import { SCOPE_CLAIMS, type ScopeClaim } from '../auth/claims.ts'
import type { PinnedHead } from '../gate/types.ts'
import { parseTarget, type TargetSpec } from '../parity/target.ts'
import {
  acceptSetting as accept,
  type ParsedSetting,
  parseListenAddress,
  refuseSetting as refuse,
} from './parse-address.ts'

/** Accepts every text unchanged, the empty one too. */
export const parseTextSetting = (given: string): ParsedSetting<string> => accept(given)

/**
 * Splits a list at its commas; blanks around words and empty words are dropped. Never refuses: the list may be empty.
 */
export const parseWords = (given: string): ParsedSetting<readonly string[]> =>
  accept(splitWords(given))
const splitWords = (given: string): readonly string[] =>
  given
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '')

/** What a service serves from: a folder, a database, or both in a cutover. */
const BACKINGS = ['file', 'db', 'managed'] as const
type Backing = (typeof BACKINGS)[number]
/** Accepts exactly a name of `BACKINGS`; refuses any other text with `backing_unknown`. */
export const parseBacking = (given: string): ParsedSetting<Backing> => {
  const found = BACKINGS.find((one) => one === given)
  return found === undefined ? refuse('backing_unknown') : accept(found)
}

/** Accepts exactly the name of a claim of `SCOPE_CLAIMS`; refuses any other text with `scope_claim_unknown`. */
export const parseScopeClaim = (given: string): ParsedSetting<ScopeClaim> => {
  const found = SCOPE_CLAIMS.find((one) => one === given)
  return found === undefined ? refuse('scope_claim_unknown') : accept(found)
}

/** How a client proves its user to Kafka. */
export const SASL_MECHANISMS = ['plain', 'scram-sha-256', 'scram-sha-512'] as const
/** Accepts exactly a name of `SASL_MECHANISMS`; refuses any other text with `mechanism_unknown`. */
export const parseSaslMechanism = (
  given: string,
): ParsedSetting<(typeof SASL_MECHANISMS)[number]> => {
  const found = SASL_MECHANISMS.find((one) => one === given)
  return found === undefined ? refuse('mechanism_unknown') : accept(found)
}

/** Accepts exactly `true` or `false`; refuses any other text with `switch_unreadable`. */
export const parseTrueOrFalse = (given: string): ParsedSetting<boolean> =>
  given === 'true' || given === 'false' ? accept(given === 'true') : refuse('switch_unreadable')

/** In seconds: the upper limit of every contract (`contracts/schemas/jwks-integration-notes.schema.json`). */
export const MAX_LEEWAY_S = 60

/**
 * Parses whole seconds from 0 to `MAX_LEEWAY_S`, one to three digits; refuses any other text with `leeway_unreadable`.
 */
export const parseLeewaySeconds = (given: string): ParsedSetting<number> =>
  /^\d{1,3}$/.test(given) && Number(given) <= MAX_LEEWAY_S
    ? accept(Number(given))
    : refuse('leeway_unreadable')

/** The values of a setting that is a number; `decimals` are the digits that may follow its point. */
export interface NumberBounds {
  readonly least: number
  readonly most: number
  readonly decimals: 0 | 3
}

/**
 * Makes a parser of a number within bounds, both included, without sign and exponent; it refuses any other text with
 * `number_unreadable`.
 */
export const createNumberParser =
  ({ least, most, decimals }: NumberBounds) =>
  (given: string): ParsedSetting<number> => {
    const form = decimals === 0 ? /^\d{1,9}$/ : /^\d{1,9}(?:\.\d{1,3})?$/
    const value = Number(given)
    return form.test(given) && value >= least && value <= most
      ? accept(value)
      : refuse('number_unreadable')
  }

/**
 * Parses `HOST:PORT` of one or more brokers, separated by commas; an IPv6 host stands in brackets. Refuses with
 * `brokers_unreadable` any other text, port 0 and the empty list.
 */
export function parseBrokers(given: string): ParsedSetting<readonly string[]> {
  const words = splitWords(given)
  const fits = words.filter((word) => {
    const parsed = parseListenAddress(word)
    return parsed.ok && parsed.value.port > 0
  })
  return fits.length === words.length && fits.length > 0
    ? accept(fits)
    : refuse('brokers_unreadable')
}

/**
 * Parses the URL of a key set, https or http on loopback. Refuses one with a user or password with
 * `key_server_with_user`, any other text, the empty one too, with `key_server_not_https`.
 */
export function parseKeyServerSetting(given: string): ParsedSetting<URL> {
  if (hasUserPart(given)) return refuse('key_server_with_user')
  const url = parseJwksUrl(given)
  return url === null ? refuse('key_server_not_https') : accept(url)
}

/**
 * Parses origins of web pages, separated by commas, and serialises each (RFC 6454, 6.2): `https://APP.example:443/` is
 * `https://app.example`. Refuses with `origin_unreadable` another scheme than http and https, `*`, and more than an
 * origin, such as a path.
 */
export function parseOrigins(given: string): ParsedSetting<readonly string[]> {
  const words = splitWords(given)
  const urls = words.filter((word) => URL.canParse(word)).map((word) => new URL(word))
  const fits = urls.filter(
    ({ protocol, origin, href }) =>
      WEB.test(protocol) && !origin.includes('*') && href === `${origin}/`,
  )
  return fits.length === words.length
    ? accept(fits.map(({ origin }) => origin))
    : refuse('origin_unreadable')
}
const WEB = /^https?:$/

/**
 * Parses the base URL of Admin, https or http on loopback. Refuses one with a user or password with
 * `admin_with_user`, any other text, also one with a query or fragment, with `admin_not_https`.
 */
export function parseAdminSetting(given: string): ParsedSetting<URL> {
  if (hasUserPart(given)) return refuse('admin_with_user')
  const url = parseAdminUrl(given)
  return url === null ? refuse('admin_not_https') : accept(url)
}

/**
 * Parses the value of FF_DATABASE_URL, which may contain a password. Accepts every kind of target, not only
 * PostgreSQL; refuses with `variable_unset` for the empty text, else with the refusal of `parseTarget`, such as
 * `target_unknown`.
 */
export function parseDatabase(given: string): ParsedSetting<TargetSpec> {
  const parsed = parseTarget('env:FF_DATABASE_URL', { FF_DATABASE_URL: given })
  return parsed.ok ? accept(parsed.spec) : { ok: false, fault: parsed.refusal }
}

const LOG_HEAD = /^([A-Za-z0-9_-]{43}):(0|[1-9]\d{0,14}):([0-9a-f]{64})(?::(0|[1-9]\d{0,8}))?$/
/**
 * Parses heads of evidence logs, `kid:seq:hash` or `kid:seq:hash:withdrawals` separated by commas, in their order;
 * refuses any other text with `evidence_head_unreadable`, the empty one too.
 */
export function parseEvidenceHeads(given: string): ParsedSetting<readonly PinnedHead[]> {
  const heads = given.split(',').flatMap((one): PinnedHead[] => {
    const [, kid, seq, hash, withdrawn] = LOG_HEAD.exec(one.trim()) ?? []
    if (kid === undefined || hash === undefined) return []
    const head = { kid, seq: Number(seq), hash }
    return [withdrawn === undefined ? head : { ...head, withdrawn: Number(withdrawn) }]
  })
  return heads.length === given.split(',').length
    ? accept(heads)
    : refuse('evidence_head_unreadable')
}
