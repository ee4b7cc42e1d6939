import { normalizeDecimal } from '../json/canonical.ts'
import { isJsonArray, isJsonNumber, isJsonObject, type JsonNode } from '../json/read.ts'
import type { Difference } from './compare.ts'

/** The kind of cause of a difference between stored rows. */
export type CauseClass = 'absent' | 'type' | 'precision' | 'time' | 'encoding' | 'order' | 'value'

/** The causes of a difference between stored rows, each with its kind and a description. */
export const REPRESENTATIONS = {
  null_for_absent: ['absent', 'null where the other side lacks the member'],
  empty_for_absent: ['absent', 'an empty text where the other side lacks the member'],
  marker_for_absent: [
    'absent',
    'a text that loaders read as null, where the other side lacks the member',
  ],
  member_absent: ['absent', 'a member that the other side lacks'],
  empty_for_null: ['absent', 'an empty text instead of null'],
  duplicate_member_lost: [
    'encoding',
    'an object with a repeated member that the other side holds once',
  ],
  list_for_object: ['type', 'an empty list instead of an empty object'],
  text_for_number: ['type', 'the text of a number instead of the number'],
  text_for_truth: ['type', 'the text of a boolean instead of the boolean'],
  truth_for_number: ['type', 'a boolean instead of 1 or 0'],
  type_differs: ['type', 'another JSON type'],
  number_spelled: ['precision', 'the same decimal, spelled differently'],
  integer_past_doubles: ['precision', 'integers with the same double'],
  number_rounded: ['precision', 'decimals with the same double, or adjacent ones'],
  number_close: ['precision', 'numbers that agree in their first digits'],
  number_differs: ['value', 'another number'],
  truth_flipped: ['value', 'the opposite boolean'],
  time_spelled: ['time', 'the same time, spelled differently'],
  time_truncated: ['time', 'less than a millisecond apart'],
  time_zone_shifted: ['time', 'whole quarters of an hour apart'],
  time_differs: ['time', 'another time'],
  normal_form: ['encoding', 'the same letters in another normal form'],
  blanks: ['encoding', 'leading or trailing blanks'],
  letter_case: ['encoding', 'letters of another case'],
  replacement_character: ['encoding', 'U+FFFD on one side only, for bytes that cannot be decoded'],
  text_differs: ['value', 'another text'],
  list_order: ['order', 'the same elements in another order'],
  revision_behind: ['value', 'a revision that one side did not advance'],
} as const satisfies Readonly<Record<string, readonly [CauseClass, string]>>
export type Representation = keyof typeof REPRESENTATIONS

type Side = JsonNode | undefined
type Rule = readonly [Representation, (a: Side, b: Side) => boolean]

/**
 * The cause of a difference: the first rule in the order of `RULES` that applies in either direction, `type_differs`
 * where none does. Two numbers at `/revision` are always `revision_behind`.
 */
export function classifyRepresentation({ pointer, left, right }: Difference): Representation {
  if (pointer === '/revision' && numeric(left) && numeric(right)) return 'revision_behind'
  const found = RULES.find(([, holds]) => holds(left, right) || holds(right, left))
  return found?.[0] ?? 'type_differs'
}

/** Texts that loaders write for a missing value. */
const MARKER = /^(?:<null>|null|nil|none|\\N|n\/a|undefined)$/i

const text = (node: Side): node is string => typeof node === 'string'
const numeric = (node: Side): node is { readonly lexeme: string } =>
  node !== undefined && isJsonNumber(node)
const lexeme = (node: Side): string => (numeric(node) ? node.lexeme : '')
const both =
  <T extends Side>(is: (node: Side) => node is T, holds: (a: T, b: T) => boolean) =>
  (a: Side, b: Side): boolean =>
    is(a) && is(b) && holds(a, b)
const texts = (holds: (a: string, b: string) => boolean): Rule[1] => both(text, holds)
const numbers = (holds: (a: string, b: string) => boolean): Rule[1] =>
  both(numeric, (a, b) => holds(a.lexeme, b.lexeme))
const areIntegers = (a: string, b: string): boolean => /^-?\d+$/.test(a) && /^-?\d+$/.test(b)
const integers = (holds: (a: string, b: string) => boolean): Rule[1] =>
  numbers((a, b) => areIntegers(a, b) && holds(a, b))
const times = (holds: (apartMs: number) => boolean): Rule[1] =>
  texts((a, b) => TIME.test(a) && TIME.test(b) && holds(Math.abs(toMoment(a) - toMoment(b))))

const TIME = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d(?::?\d\d)?)?$/
/** Milliseconds since 1970, with fractions. */
function toMoment(time: string): number {
  const digits = /\.(\d+)/.exec(time)?.[1] ?? ''
  const zone = /(?:Z|[+-]\d\d(?::?\d\d)?)$/.exec(time.slice(19))?.[0] ?? 'Z'
  const offset = zone.length === 3 ? `${zone}:00` : zone
  return (
    Date.parse(`${time.slice(0, 10)}T${time.slice(11, 19)}${offset}`) +
    Number(`0.${digits}0`) * 1000
  )
}
const QUARTER_MS = 900_000
/** The largest offset from UTC: +14:00. */
const FARTHEST_ZONE_MS = 50_400_000

const relative = (a: string, b: string): number =>
  Math.abs(Number(a) - Number(b)) / Math.max(Math.abs(Number(a)), Math.abs(Number(b)))
/** The largest relative distance of adjacent doubles. */
const NEXT_DOUBLE = 2 ** -51
const CLOSE = 1e-3

const RULES: readonly Rule[] = [
  ['null_for_absent', (a, b) => a === null && b === undefined],
  ['empty_for_absent', (a, b) => a === '' && b === undefined],
  ['marker_for_absent', (a, b) => text(a) && MARKER.test(a) && b === undefined],
  ['member_absent', (_, b) => b === undefined],
  ['empty_for_null', (a, b) => a === '' && b === null],
  ['list_for_object', (a, b) => isEmptyList(a) && isEmptyObject(b)],
  ['text_for_number', (a, b) => text(a) && numeric(b) && a.trim() === b.lexeme],
  ['text_for_truth', (a, b) => text(a) && typeof b === 'boolean' && a.trim() === String(b)],
  ['truth_for_number', (a, b) => typeof a === 'boolean' && ['0', '1'].includes(lexeme(b))],
  ['truth_flipped', (a, b) => a === true && b === false],
  ['number_spelled', numbers((a, b) => normalizeDecimal(a) === normalizeDecimal(b))],
  ['integer_past_doubles', integers((a, b) => Number(a) === Number(b))],
  ['number_rounded', numbers((a, b) => !areIntegers(a, b) && relative(a, b) <= NEXT_DOUBLE)],
  ['number_close', numbers((a, b) => !areIntegers(a, b) && relative(a, b) < CLOSE)],
  ['number_differs', numbers(() => true)],
  ['time_spelled', times((apart) => apart === 0)],
  ['time_truncated', times((apart) => apart < 1)],
  ['time_zone_shifted', times((apart) => apart % QUARTER_MS === 0 && apart <= FARTHEST_ZONE_MS)],
  ['time_differs', times(() => true)],
  ['normal_form', texts((a, b) => a.normalize('NFC') === b.normalize('NFC'))],
  ['blanks', texts((a, b) => a.trim() === b.trim())],
  ['letter_case', texts((a, b) => a.toLowerCase() === b.toLowerCase())],
  ['replacement_character', texts((a, b) => a.includes('\ufffd') !== b.includes('\ufffd'))],
  ['text_differs', texts(() => true)],
]

const isEmptyList = (node: Side): boolean =>
  node !== undefined && isJsonArray(node) && node.length === 0
const isEmptyObject = (node: Side): boolean =>
  typeof node === 'object' && node !== null && isJsonObject(node) && node.members.length === 0
