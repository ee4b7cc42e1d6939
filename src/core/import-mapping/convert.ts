import { canonicalizeNumber } from '../json/canonical.ts'
import { isJsonArray, isJsonNumber, type JsonNode } from '../json/read.ts'
import { readDate, readRfc3339, readTimestamp, readUnix, type TimeRead } from './times.ts'
import type { Conversion, MappingChangeCode, MappingRefusalCode, TimeAllowances } from './types.ts'

/** A converted value with the changes to list, or the refusal with its reason for display. */
export type ConversionResult =
  | { readonly text: string; readonly changes: readonly MappingChangeCode[] }
  | { readonly code: MappingRefusalCode; readonly reason: string }

/**
 * Converts a foreign form of a time to an instant, or a number to text. `type` gives the JSON type of the node instead
 * (`null`, `boolean`, `string`, `number`, `array`, `object`), which is no change. Refused with a reason: another form,
 * an impossible date, a time beyond the years 1 to 9999, and a loss that is not allowed.
 */
export const convert = (
  as: Conversion,
  node: JsonNode,
  allowed: TimeAllowances = {},
): ConversionResult => CONVERSIONS[as](node, allowed)

type Convert = (node: JsonNode, allowed: TimeAllowances) => ConversionResult

const ofText =
  (read: (text: string, allowed: TimeAllowances) => TimeRead): Convert =>
  (node, allowed) =>
    typeof node === 'string' ? toResult(read(node, allowed)) : refuseTime('it is not a text')
/** A number is read in its RFC 8785 form, so that `1.7672256e9` is no other time than `1767225600`. */
const ofNumber =
  (digits: number): Convert =>
  (node, allowed) =>
    isNumber(node)
      ? toResult(readUnix(canonicalizeNumber(node.lexeme) ?? '', digits, allowed))
      : refuseTime('it is not a number')

const isNumber = (node: JsonNode): node is Extract<JsonNode, { lexeme: string }> =>
  typeof node === 'object' && node !== null && isJsonNumber(node)

const toResult = (time: TimeRead): ConversionResult =>
  'reason' in time
    ? refuseTime(time.reason)
    : { text: time.instant, changes: ['time_converted', ...time.lost] }
const refuseTime = (reason: string): ConversionResult => ({ code: 'time_not_convertible', reason })

const CONVERSIONS: Readonly<Record<Conversion, Convert>> = {
  rfc3339: ofText(readRfc3339),
  timestamp: ofText(readTimestamp),
  date: ofText(readDate),
  unix_s: ofNumber(0),
  unix_ms: ofNumber(3),
  unix_us: ofNumber(6),
  text: (node) => {
    if (typeof node === 'string') return { text: node, changes: [] }
    if (!isNumber(node))
      return { code: 'text_not_convertible', reason: 'it is neither a text nor a number' }
    return canonicalizeNumber(node.lexeme) === node.lexeme
      ? { text: node.lexeme, changes: ['text_converted'] }
      : { code: 'text_not_convertible', reason: 'this number can be written in another way' }
  },
  type: (node) => ({ text: detectType(node), changes: [] }),
}

/** The JSON type of a node: `null`, `boolean`, `string`, `number`, `array` or `object`. */
export function detectType(node: JsonNode): string {
  if (typeof node !== 'object' || node === null) return node === null ? 'null' : typeof node
  if (isJsonNumber(node)) return 'number'
  return isJsonArray(node) ? 'array' : 'object'
}
