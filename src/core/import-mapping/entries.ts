import { appendPointer, parsePointer } from '../json/pointer.ts'
import { isJsonArray, isJsonNumber, type JsonNode } from '../json/read.ts'

/** A place of the file, with the places that contain it. */
export class MappingEntry {
  readonly node: JsonNode
  /** The member name or element index; null for the whole file. */
  readonly name: string | number | null
  /** The place that contains this one; null for the whole file. */
  readonly above: MappingEntry | null
  /** Number of places above. */
  readonly depth: number
  private pointer: string | null = null

  constructor(node: JsonNode, name: string | number | null, above: MappingEntry | null) {
    this.node = node
    this.name = name
    this.above = above
    this.depth = above === null ? 0 : above.depth + 1
  }

  /** JSON pointer into the file; made when it is first asked for, since most places are never named. */
  get at(): string {
    const { above, name } = this
    this.pointer ??= above === null || name === null ? '' : appendPointer(above.at, name)
    return this.pointer
  }
}

/** The entry of the whole file. */
export const createRootEntry = (node: JsonNode): MappingEntry => new MappingEntry(node, null, null)

/**
 * Members by name, elements by index from 0, in the order of the text, repeated members included; lazily, and none for
 * any other value.
 */
export function* listChildren(above: MappingEntry): Generator<MappingEntry> {
  const { node } = above
  if (typeof node !== 'object' || node === null || isJsonNumber(node)) return
  if (isJsonArray(node))
    for (let index = 0; index < node.length; index += 1)
      yield new MappingEntry(node[index] as JsonNode, index, above)
  else for (const [name, one] of node.members) yield new MappingEntry(one, name, above)
}

/** The children that a token of a pattern matches; lazily where it matches all. */
function listMatching(above: MappingEntry, token: string): Iterable<MappingEntry> {
  const { node } = above
  if (token === WILDCARD) return listChildren(above)
  if (typeof node !== 'object' || node === null || isJsonNumber(node)) return []
  if (!isJsonArray(node))
    return node.members
      .filter(([name]) => name === token)
      .map(([name, one]) => new MappingEntry(one, name, above))
  return ARRAY_INDEX.test(token) && Number(token) < node.length
    ? [new MappingEntry(node[Number(token)] as JsonNode, Number(token), above)]
    : []
}
/** RFC 6901, section 4: no leading zeros. */
const ARRAY_INDEX = /^(?:0|[1-9][0-9]*)$/

/**
 * Every place below `from` that a pattern matches, in the order of the file; lazily, as there may be many. An empty
 * pattern matches `from` itself.
 *
 * @param pattern JSON pointer from that place; the token `*` stands for each member or element
 */
export function* findEntries(from: MappingEntry, pattern: string): Generator<MappingEntry> {
  yield* walkPattern(from, parsePattern(pattern).tokens)
}

/** A pattern that was parsed. */
interface ParsedPattern {
  readonly tokens: readonly string[]
  /** The depths of the places that its wildcards match, in their order. */
  readonly wildcards: readonly number[]
}
/** A mapping has few patterns, and each is used for every entry. */
const PARSED = new Map<string, ParsedPattern>()
const MOST_PARSED = 1_000

function parsePattern(pattern: string): ParsedPattern {
  const known = PARSED.get(pattern)
  if (known !== undefined) return known
  const tokens = parsePointer(pattern)
  const wildcards = tokens.flatMap((token, index) => (token === WILDCARD ? [index + 1] : []))
  if (PARSED.size === MOST_PARSED) PARSED.clear()
  PARSED.set(pattern, { tokens, wildcards })
  return { tokens, wildcards }
}

/** Places that are looked at between two pauses. */
export const PLACES_OF_A_STEP = 1_000

/** The entries, and null where a long run should pause. */
export function* pauseBetween(entries: Iterable<MappingEntry>): Generator<MappingEntry | null> {
  let count = 0
  for (const entry of entries) {
    count += 1
    yield entry
    if (count % PLACES_OF_A_STEP === 0) yield null
  }
}

/**
 * The first place below `from` that a pattern matches, in the order of the file; undefined without one. Reads no
 * further than that place.
 *
 * @param pattern JSON pointer from `from`; the token `*` stands for each member or element
 */
export const findFirstEntry = (from: MappingEntry, pattern: string): MappingEntry | undefined =>
  findFirst(from, parsePattern(pattern).tokens, 0)

/** As `walkPattern` up to its first place. */
function findFirst(
  above: MappingEntry,
  tokens: readonly string[],
  from: number,
): MappingEntry | undefined {
  const token = tokens[from]
  if (token === undefined) return above
  for (const child of listMatching(above, token)) {
    const found = findFirst(child, tokens, from + 1)
    if (found !== undefined) return found
  }
  return undefined
}

function* walkPattern(
  entry: MappingEntry,
  tokens: readonly string[],
  from = 0,
): Generator<MappingEntry> {
  const token = tokens[from]
  if (token === undefined) return yield entry
  for (const child of listMatching(entry, token)) yield* walkPattern(child, tokens, from + 1)
}

/** The place some levels above; undefined above the whole file. */
export function findAbove(entry: MappingEntry, levels: number): MappingEntry | undefined {
  let place: MappingEntry | null = entry
  for (let left = levels; left > 0 && place !== null; left -= 1) place = place.above
  return place ?? undefined
}

/** The whole file that contains the entry. */
export const findRoot = (entry: MappingEntry): MappingEntry =>
  findAbove(entry, entry.depth) as MappingEntry

/** The depths of the places that the wildcards of a pattern match, in their order. */
export const listWildcardDepths = (pattern: string): readonly number[] =>
  parsePattern(pattern).wildcards

/** The name of a place as a value: a text, or the number of an element. */
export const toNameNode = ({ name }: MappingEntry): JsonNode =>
  typeof name === 'number' ? { lexeme: String(name) } : name

/** Whether a pattern matches a place, by its names alone. */
export function matchesPattern(entry: MappingEntry, tokens: readonly string[]): boolean {
  if (tokens.length !== entry.depth) return false
  let place: MappingEntry = entry
  for (let depth = tokens.length; depth > 0; depth -= 1) {
    const token = tokens[depth - 1]
    if (token !== WILDCARD && token !== String(place.name)) return false
    place = place.above as MappingEntry
  }
  return true
}

export const WILDCARD = '*'
