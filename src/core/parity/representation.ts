import { normalizeDecimal } from '../json/canonical.ts'
import { isJsonArray, isJsonNumber, isJsonObject, type JsonNode } from '../json/read.ts'
import type { Difference } from './compare.ts'

/** What kind of cause a difference of stored rows has (page 4, diff). */
export type CauseClass = 'absent' | 'type' | 'precision' | 'time' | 'encoding' | 'order' | 'value'

/** The representation classes that a difference can be told to be of, and what each one is. */
export const REPRESENTATIONS = {
  null_for_absent: ['absent', 'null where the other side has no member'],
  empty_for_absent: ['absent', 'an empty text where the other side has no member'],
  marker_for_absent: [
    'absent',
    'a text that some loader takes for null, where the other has no member',
  ],
  member_absent: ['absent', 'a member that the other side has not'],
  empty_for_null: ['absent', 'an empty text for null'],
  duplicate_member_lost: [
    'encoding',
    'an object with a repeated member that the other side kept once',
  ],
  list_for_object: ['type', 'an empty list for an empty object'],
  text_for_number: ['type', 'the text of a number for the number'],
  text_for_truth: ['type', 'the text of a truth for the truth'],
  truth_for_number: ['type', 'a truth for 1 or 0'],
  type_differs: ['type', 'another JSON type'],
  number_spelled: ['precision', 'the same decimal, spelled otherwise'],
  integer_past_doubles: ['precision', 'integers that are one double'],
  number_rounded: ['precision', 'decimals that are one double, or the next'],
  number_close: ['precision', 'numbers that agree in their first digits'],
  number_differs: ['value', 'another number'],
  truth_flipped: ['value', 'the other truth'],
  time_spelled: ['time', 'the same moment, spelled otherwise'],
  time_truncated: ['time', 'less than a millisecond apart'],
  time_zone_shifted: ['time', 'whole quarters of an hour apart'],
  time_differs: ['time', 'another moment'],
  normal_form: ['encoding', 'the same letters in another normal form'],
  blanks: ['encoding', 'blanks at an end'],
  letter_case: ['encoding', 'letters of another case'],
  replacement_character: ['encoding', 'U+FFFD, or nothing, for what cannot be decoded'],
  text_differs: ['value', 'another text'],
  list_order: ['order', 'the same elements in another order'],
  revision_behind: ['value', 'a revision that was not advanced'],
} as const satisfies Readonly<Record<string, readonly [CauseClass, string]>>
export type Representation = keyof typeof REPRESENTATIONS

type Side = JsonNode | undefined
type Rule = readonly [Representation, (a: Side, b: Side) => boolean]

/** Tells what a difference comes from: the first rule that holds, either way round. */
export function classifyRepresentation({ pointer, left, right }: Difference): Representation {
  if (pointer === '/revision' && numeric(left) && numeric(right)) return 'revision_behind'
  const found = RULES.find(([, holds]) => holds(left, right) || holds(right, left))
  return found?.[0] ?? 'type_differs'
}

/** How loaders write that there is nothing. */
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
/** Milliseconds since 1970, digits beyond them included. */
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
/** From UTC: +14:00. */
const FARTHEST_ZONE_MS = 50_400_000

const relative = (a: string, b: string): number =>
  Math.abs(Number(a) - Number(b)) / Math.max(Math.abs(Number(a)), Math.abs(Number(b)))
/** Doubles that follow one another are so far apart, in parts of their size. */
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
