import { canonicalizeNumber } from '../json/canonical.ts'
import { isJsonArray, isJsonNumber, type JsonNode } from '../json/read.ts'
import { instantFromMs, type Instant, parseInstant } from '../rows/instant.ts'
import type { Conversion } from './types.ts'

/**
 * Converts a foreign form of a time to an instant; `type` gives the JSON type of the node instead (`null`, `boolean`,
 * `string`, `number`, `array`, `object`). Undefined for another form, an impossible date, a time beyond the years 1
 * to 9999, or where rounding to milliseconds would be needed.
 */
export function convert(as: Conversion, node: JsonNode): string | undefined {
  return CONVERSIONS[as](node)
}

const ofText =
  (read: (text: string) => string | undefined) =>
  (node: JsonNode): string | undefined =>
    typeof node === 'string' ? read(node) : undefined
const ofNumber =
  (read: (form: string) => string | undefined) =>
  (node: JsonNode): string | undefined =>
    typeof node === 'object' && node !== null && isJsonNumber(node)
      ? read(canonicalizeNumber(node.lexeme) ?? '')
      : undefined

const CONVERSIONS: Readonly<Record<Conversion, (node: JsonNode) => string | undefined>> = {
  rfc3339: ofText(fromRfc3339),
  date: ofText((text) =>
    /^\d{4}-\d{2}-\d{2}$/.test(text) ? fromRfc3339(`${text}T00:00:00Z`) : undefined,
  ),
  unix_s: ofNumber(fromSeconds),
  unix_ms: ofNumber((form) => (/^-?\d+$/.test(form) ? fromUnix(Number(form)) : undefined)),
  type: detectType,
}

const RFC3339 =
  /^(\d{4}-\d{2}-\d{2})[Tt](\d{2}:\d{2}:\d{2})(?:\.(\d+))?(?:[Zz]|([+-])(\d{2}):(\d{2}))$/

/** RFC 3339, section 5.6. Nonzero digits beyond milliseconds, second 60 and hour 24 would become another time. */
function fromRfc3339(text: string): Instant | undefined {
  const [, date = '', time = '', digits = '', sign, hours = '0', minutes = '0'] =
    RFC3339.exec(text) ?? []
  if (/[1-9]/.test(digits.slice(3)) || Number(hours) > 23 || Number(minutes) > 59) return undefined
  const local = parseInstant(`${date}T${time}.${digits.slice(0, 3).padEnd(3, '0')}Z`)
  if (local === undefined) return undefined
  const offset = (Number(hours) * 60 + Number(minutes)) * 60_000
  return fromUnix(Date.parse(local) + (sign === '-' ? offset : -offset))
}

/** Converts the decimal as text: a double of seconds has no exact milliseconds. */
function fromSeconds(form: string): Instant | undefined {
  const [, sign = '', whole = '', digits = ''] = /^(-?)(\d+)(?:\.(\d{1,3}))?$/.exec(form) ?? []
  return whole === '' ? undefined : fromUnix(Number(`${sign}${whole}${digits.padEnd(3, '0')}`))
}

/** @returns undefined beyond the years 1 to 9999 */
function fromUnix(milliseconds: number): Instant | undefined {
  return milliseconds < FIRST || milliseconds > LAST ? undefined : instantFromMs(milliseconds)
}
const FIRST = Date.parse('0001-01-01T00:00:00.000Z')
const LAST = Date.parse('9999-12-31T23:59:59.999Z')

function detectType(node: JsonNode): string {
  if (typeof node !== 'object' || node === null) return node === null ? 'null' : typeof node
  if (isJsonNumber(node)) return 'number'
  return isJsonArray(node) ? 'array' : 'object'
}
