import { appendPointer } from '../json/pointer.ts'
import type { JsonNode } from '../json/read.ts'
import { isFlagKey } from '../rows/grammar.ts'
import { convert } from './convert.ts'
import { findEntries, findFirstEntry, type MappingEntry } from './entries.ts'
import { changeCase } from './split.ts'
import type { Conversion } from './types.ts'

/** A rule of a suggested mapping, with a note on what is guessed, or a `gap` for a person to fill. */
export type Guess = Readonly<Record<string, unknown>>

/** The entries that a guess looks at. */
const MOST_SEEN = 1_000
/** The first 1,000 entries below a place that match a pattern. */
export const sample = (from: MappingEntry, pattern: string): readonly MappingEntry[] => [
  ...take(findEntries(from, pattern), MOST_SEEN),
]
function* take<T>(items: Iterable<T>, most: number): Generator<T> {
  let count = 0
  for (const item of items) {
    if (count === most) return
    count += 1
    yield item
  }
}

/** The first of the names that any of the entries has, as a place below them. */
export const findMember = (
  entries: readonly MappingEntry[],
  names: readonly string[],
): string | undefined =>
  names
    .map((name) => appendPointer('', name))
    .find((place) => entries.some((entry) => findFirstEntry(entry, place) !== undefined))
/** What stands at a place below each entry. */
export const listValues = (entries: readonly MappingEntry[], place: string): readonly JsonNode[] =>
  entries.flatMap((entry) => findFirstEntry(entry, place)?.node ?? [])

/** What the file does not tell, as a question to a person. */
export const gap = (question: string): Guess => ({ gap: question })
/** A rule with a note that it is guessed. */
export const guess = (rule: Guess, note: string): Guess => ({ ...rule, note: `guess: ${note}` })

/** A text by the name of its member, or else the other rule. */
export const suggestText = (
  entries: readonly MappingEntry[],
  names: readonly string[],
  otherwise: Guess,
): Guess => {
  const place = findMember(entries, names)
  return place === undefined ? otherwise : guess({ from: place }, 'by its name')
}

/** A key gets the prefix that ff requires, and another case where it would be refused without. */
export function suggestKey(source: Guess, names: readonly JsonNode[]): Guess {
  const texts = names.filter((one) => typeof one === 'string')
  const prefix = texts.length > 0 && texts.every((one) => one.startsWith('ff.')) ? '' : 'ff.'
  const fits = (text: string): boolean => isFlagKey(`${prefix}${text}`)
  const changed = !texts.every(fits) && texts.every((one) => fits(changeCase('kebab', one)))
  const steps = { ...(changed ? { case: 'kebab' } : {}), ...(prefix === '' ? {} : { prefix }) }
  return guess({ ...source, ...steps }, 'the name that callers ask for')
}

/** Revision and times. */
export function suggestHistory(entries: readonly MappingEntry[]): Readonly<Record<string, Guess>> {
  const revision = findMember(entries, ['revision', 'version'])
  const created = suggestTime(entries, ['created_at', 'createdAt', 'created', 'at'])
  return {
    revision:
      revision === undefined
        ? guess({ const: 1 }, 'the file counts no revisions')
        : guess({ from: revision }, 'by its name'),
    created_at: created,
    updated_at: suggestTime(entries, [
      'updated_at',
      'updatedAt',
      'updated',
      'changed',
      'created_at',
      'createdAt',
      'created',
      'at',
    ]),
  }
}

/** In the order of preference: the forms that lose nothing come first. */
const TIMES: readonly (readonly [Conversion, { readonly truncate?: true }])[] = [
  ['rfc3339', {}],
  ['timestamp', {}],
  ['date', {}],
  ['unix_s', {}],
  ['unix_ms', {}],
  ['timestamp', { truncate: true }],
  ['unix_s', { truncate: true }],
]
function suggestTime(entries: readonly MappingEntry[], names: readonly string[]): Guess {
  const place = findMember(entries, names)
  if (place === undefined)
    return gap('When? The file holds no time; give a const such as 2026-01-15T09:00:00.000Z')
  const values = listValues(entries, place)
  const found = TIMES.find(([as, allowed]) =>
    values.every((one) => 'text' in convert(as, one, allowed)),
  )
  return found === undefined
    ? gap(`In which form and zone are the times at ${place}?`)
    : guess({ from: place, as: found[0], ...found[1] }, 'by its name and form')
}
