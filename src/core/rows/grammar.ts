/** ASCII grammar of identifiers (contracts/schemas/common.schema.json). */
const FLAG_KEY = /^(?=.{1,128}$)ff\.[a-z0-9]+([._-][a-z0-9]+)*$/
/** As OpenID Connect Core 1.0, section 2, bounds `sub`, without the space. */
const SCOPE_ID = /^[!-~]{1,255}$/
const APPROVAL_REF = /^(?=.{1,128}$)APP-[0-9]+-[A-Za-z0-9]+$/

/** The form of each named text of a request as a regular expression, by its member. */
export const PATTERNS: ReadonlyMap<string, string> = new Map([
  ['flag_key', FLAG_KEY.source],
  ['tenant_id', SCOPE_ID.source],
  ['user_id', SCOPE_ID.source],
  ['actor', SCOPE_ID.source],
  ['approval_ref', APPROVAL_REF.source],
])

/**
 * Whether a text is a flag key: `ff.` and lower-case letters or digits, in words joined by one `.`, `_` or `-`; at most
 * 128 characters.
 */
export const isFlagKey = (text: string): boolean => FLAG_KEY.test(text)
/**
 * Whether a text is a tenant id, a user id or the actor of a change: 1 to 255 characters of visible ASCII, U+0021 to
 * U+007E.
 */
export const isScopeId = (text: string): boolean => SCOPE_ID.test(text)
/** Whether a text is an approval ref: `APP-`, digits, `-`, then ASCII letters or digits; at most 128 characters. */
export const isApprovalRef = (text: string): boolean => APPROVAL_REF.test(text)

/** Limits of a row's texts in UTF-8 bytes, which both backings count alike. */
export const MAX_VALUE_BYTES = 65_536
/** Lower than the limit of `parseLosslessJson`, as a log line nests the value some levels deep. */
export const MAX_VALUE_DEPTH = 56
export const MAX_TEXT_BYTES = 2_048
/** Above it, doubles skip integers. */
export const MAX_REVISION = Number.MAX_SAFE_INTEGER

/**
 * Length in UTF-8 bytes, three for a lone surrogate; `length` counts UTF-16 units and PostgreSQL's `char_length` counts
 * code points.
 */
export function utf8Bytes(text: string): number {
  let bytes = 0
  for (const character of text) {
    const code = character.codePointAt(0) as number
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4
  }
  return bytes
}
