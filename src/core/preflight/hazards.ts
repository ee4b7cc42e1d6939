import { canonicalizeNumber } from '../json/canonical.ts'
import { appendPointer } from '../json/pointer.ts'
import { isJsonArray, isJsonNumber, type JsonNode, type JsonObject } from '../json/read.ts'
import { isFlagKey, isScopeId, utf8Bytes } from '../rows/grammar.ts'

/**
 * Values that PostgreSQL, its driver or JSON parsing silently changes or refuses, and the effect. `refused` ends an
 * import with an error; `changed` passes without one.
 */
export const HAZARDS = {
  byte_order_mark: ['refused', 'jsonb refuses a byte order mark'],
  utf8_invalid: ['changed', 'the bytes are decoded as U+FFFD'],
  duplicate_member: ['changed', 'jsonb and JSON.parse keep the last of them'],
  nul_character: ['refused', 'neither text nor jsonb can hold U+0000'],
  lone_surrogate: ['changed', 'jsonb refuses it, and as text it becomes U+FFFD'],
  proto_member: ['changed', 'copying the object in JavaScript may lose it'],
  names_alike: [
    'changed',
    'names that differ only by case, blanks or normal form may become one name',
  ],
  name_too_long: ['refused', 'an index accepts no key over 2,704 bytes'],
  id_outside_grammar: [
    'refused',
    'an id of a tenant or user has 1 to 255 characters of visible ASCII',
  ],
  key_outside_grammar: [
    'refused',
    'a flag key has lower-case letters and digits, in words joined by one of . _ -',
  ],
  too_deep: ['refused', 'a value may have 56 levels, and parsers have a limit of their own'],
  integer_past_doubles: ['changed', 'a double, and so JSON.parse, holds another integer'],
  number_past_doubles: ['changed', 'it is read as Infinity and written as null'],
  number_rounded: ['changed', 'a double holds fewer digits'],
  number_rewritten: [
    'changed',
    'jsonb keeps the scale and drops the exponent, so the text differs',
  ],
  zero_sign_lost: ['changed', 'jsonb stores 0'],
  time_truncated: ['changed', 'a time holds three digits of a second'],
  time_offset_lost: ['changed', 'the instant is kept, its offset is not'],
  time_zone_absent: ['changed', 'it is read in the time zone of the reader'],
  time_moved: ['changed', 'second 60 and hour 24 become the next second and the next day'],
  time_out_of_range: ['refused', 'PostgreSQL has no year 0, and the contract has none past 9999'],
} as const satisfies Readonly<Record<string, readonly ['refused' | 'changed', string]>>
export type HazardCode = keyof typeof HAZARDS

/** One value that would be changed or refused. */
export interface HazardHit {
  readonly code: HazardCode
  readonly pointer: string
  /** The value as written in the file, cut to 60 characters. */
  readonly shown: string
}

/** A btree entry may take a third of a database page; compression may allow more, but not reliably. */
const MAX_NAME_BYTES = 2_704
const MAX_DEPTH = 56
const MAX_SHOWN = 60

/**
 * Finds every value of a document that a store would change or refuse, in the order of the document, with code, JSON
 * pointer and excerpt; empty for none. A number has at most one hazard. The two hazards of bytes, `byte_order_mark` and
 * `utf8_invalid`, cannot show in a parsed document.
 */
export function findHazards(node: JsonNode): readonly HazardHit[] {
  const hits: HazardHit[] = []
  visit(node, { at: '', depth: 0 }, hits)
  return hits
}

interface Place {
  readonly at: string
  readonly depth: number
}

function visit(node: JsonNode, place: Place, hits: HazardHit[]): void {
  const { at, depth } = place
  if (typeof node === 'string') return void hits.push(...toHits(at, findTextHazards(node), node))
  if (typeof node !== 'object' || node === null) return
  if (isJsonNumber(node))
    return void hits.push(...toHits(at, findNumberHazards(node.lexeme), node.lexeme))
  // Reported once, at the first level beyond the limit; deeper values are still checked.
  if (depth === MAX_DEPTH) hits.push(...toHits(at, ['too_deep'], `${depth + 1} levels`))
  if (isJsonArray(node))
    return node.forEach((one, index) =>
      visit(one, { at: appendPointer(at, index), depth: depth + 1 }, hits),
    )
  visitObject(node, place, hits)
}

function visitObject({ members }: JsonObject, { at, depth }: Place, hits: HazardHit[]): void {
  const seen = new Set<string>()
  const folded = new Map<string, string>()
  for (const [name, value] of members) {
    const here = appendPointer(at, name)
    const alike = folded.get(fold(name))
    hits.push(...toHits(here, findNameHazards(name), name))
    if (seen.has(name)) hits.push(...toHits(here, ['duplicate_member'], name))
    else if (alike !== undefined)
      hits.push(...toHits(here, ['names_alike'], `${alike} and ${name}`))
    for (const [pointer, id] of listIds(value, here))
      hits.push(...toHits(pointer, findIdHazards(toSnakeCase(name), id), id.text))
    seen.add(name)
    folded.set(fold(name), name)
    visit(value, { at: here, depth: depth + 1 }, hits)
  }
}

/** The hits at one place. @param text the value as written */
function toHits(at: string, codes: readonly HazardCode[], text: string): readonly HazardHit[] {
  const shown = text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}...` : text
  return codes.map((code) => ({ code, pointer: at, shown }))
}

const fold = (name: string): string => name.normalize('NFC').trim().toLowerCase()

type Rule<T> = readonly [HazardCode, (value: T) => boolean]
const findMatching = <T>(rules: readonly Rule<T>[], value: T): readonly HazardCode[] =>
  rules.filter(([, holds]) => holds(value)).map(([code]) => code)

const CHARACTERS: readonly Rule<string>[] = [
  ['nul_character', (text) => text.includes('\u0000')],
  ['lone_surrogate', (text) => /\p{Surrogate}/u.test(text)],
]
const findNameHazards = (name: string): readonly HazardCode[] =>
  findMatching(
    [
      ...CHARACTERS,
      ['proto_member', (text) => text === '__proto__'],
      ['name_too_long', (text) => utf8Bytes(text) > MAX_NAME_BYTES],
    ],
    name,
  )

/** A text that may be an id: a value, or the name of a member. */
interface MaybeId {
  readonly as: 'value' | 'name'
  readonly text: string
}
/** The texts that a member can hold as ids: its own, those of its list, or the names in its object. */
function listIds(value: JsonNode, at: string): readonly (readonly [string, MaybeId])[] {
  if (typeof value === 'string') return [[at, { as: 'value', text: value }]]
  if (typeof value !== 'object' || value === null || isJsonNumber(value)) return []
  if (!isJsonArray(value))
    return value.members.map(([text]) => [appendPointer(at, text), { as: 'name', text }])
  return value.flatMap((text, index) =>
    typeof text === 'string' ? [[appendPointer(at, index), { as: 'value', text }] as const] : [],
  )
}

const toSnakeCase = (name: string): string =>
  name
    .replaceAll(/([a-z])([A-Z])/g, '$1_$2')
    .replaceAll('-', '_')
    .toLowerCase()
/** Which members hold ids as values, which as names, and whether a text fits. A key may lack its prefix. */
const IDS = [
  [
    'id_outside_grammar',
    {
      value: /(^|_)(tenant|user)(s|_ids?)?$/,
      name: /(^|_)(tenants|users|(per|by)_(tenant|user))$/,
    },
    isScopeId,
  ],
  [
    'key_outside_grammar',
    { value: /(^|_)flag(s|_keys?)?$/, name: /(^|_)(flags|(per|by)_flag)$/ },
    (text: string) => isFlagKey(text) || isFlagKey(`ff.${text}`),
  ],
] as const
const findIdHazards = (member: string, { as, text }: MaybeId): readonly HazardCode[] =>
  IDS.filter(([, holds, fits]) => holds[as].test(member) && !fits(text)).map(([code]) => code)

/** At most one hazard: the first that applies. */
const findNumberHazards = (lexeme: string): readonly HazardCode[] =>
  NUMBERS.filter(([, holds]) => holds(lexeme))
    .slice(0, 1)
    .map(([code]) => code)
/** In order of precedence. */
const NUMBERS: readonly Rule<string>[] = [
  ['number_past_doubles', (lexeme) => !Number.isFinite(Number(lexeme))],
  ['zero_sign_lost', (lexeme) => /^-0(\.0+)?$/.test(lexeme)],
  [
    'integer_past_doubles',
    (lexeme) => /^-?\d+$/.test(lexeme) && !Number.isSafeInteger(Number(lexeme)),
  ],
  ['number_rounded', (lexeme) => canonicalizeNumber(lexeme) === undefined],
  ['number_rewritten', (lexeme) => canonicalizeNumber(lexeme) !== lexeme],
]

/** RFC 3339, or a text so close to it that a database would read it as a time. */
const TIME = /^(\d{4,6})-\d\d-\d\d[T ](\d\d):\d\d:(\d\d)(\.\d+)?(Z|[+-]\d\d(?::?\d\d)?)?$/i
const findTextHazards = (text: string): readonly HazardCode[] => {
  const time = TIME.exec(text)
  return [...findMatching(CHARACTERS, text), ...(time === null ? [] : findMatching(TIMES, time))]
}
const TIMES: readonly Rule<RegExpExecArray>[] = [
  ['time_out_of_range', ([, year = '']) => year.length > 4 || year === '0000'],
  ['time_moved', ([, , hour, second]) => hour === '24' || second === '60'],
  ['time_truncated', ([, , , , fraction = '']) => fraction.length > 4],
  ['time_offset_lost', ([, , , , , zone = 'Z']) => zone.toUpperCase() !== 'Z'],
  ['time_zone_absent', ([, , , , , zone]) => zone === undefined],
]
