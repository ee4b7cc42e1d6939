/** Page 1, "Identifiers and values": one ASCII grammar for all; they also build Redis keys. */
const FLAG_KEY = /^ff\.[a-z0-9]+([._-][a-z0-9]+)*$/
const SCOPE_ID = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,127}$/
const APPROVAL_REF = /^APP-[0-9]+-[A-Za-z0-9]+$/

export const isFlagKey = (text: string): boolean => text.length <= 128 && FLAG_KEY.test(text)
/** Tenant ids, user ids, and whoever made or changed a row. */
export const isScopeId = (text: string): boolean => SCOPE_ID.test(text)
export const isApprovalRef = (text: string): boolean =>
  text.length <= 128 && APPROVAL_REF.test(text)

/** Bounds where page 1 sets none: sizes are bounded everywhere. All in UTF-8 bytes, which both backings count alike. */
export const MAX_VALUE_BYTES = 65_536
/** Below the reader's bound, for a value stands some levels deep in a log line. */
export const MAX_VALUE_DEPTH = 56
export const MAX_TEXT_BYTES = 2_048
/** Beyond it a double no longer counts by one. */
export const MAX_REVISION = Number.MAX_SAFE_INTEGER

/** Length in UTF-8; `length` counts UTF-16 units and `char_length` code points, so neither agrees with the other. */
export function utf8Bytes(text: string): number {
  let bytes = 0
  for (const character of text) {
    const code = character.codePointAt(0) as number
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4
  }
  return bytes
}
