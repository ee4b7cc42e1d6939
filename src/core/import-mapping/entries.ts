import { appendPointer, parsePointer } from '../json/pointer.ts'
import { isJsonArray, isJsonNumber, type JsonNode } from '../json/read.ts'

/** A place of the file, and the names that the wildcards of its path matched. */
export interface MappingEntry {
  readonly node: JsonNode
  readonly at: string
  readonly names: readonly Name[]
}
interface Name {
  readonly node: JsonNode
  readonly at: string
}
interface Child {
  readonly name: string | number
  readonly node: JsonNode
}

/**
 * Members by name, elements by index from 0, in the order of the text, repeated members included; empty for any other
 * value.
 */
export function listChildren(node: JsonNode): readonly Child[] {
  if (typeof node !== 'object' || node === null || isJsonNumber(node)) return []
  if (isJsonArray(node)) return node.map((one, index) => ({ name: index, node: one }))
  return node.members.map(([name, one]) => ({ name, node: one }))
}

/**
 * Every place below `from` that matches a pattern, in the order of the file; lazily, as there may be many. An empty
 * pattern matches `from` itself.
 *
 * @param pattern JSON pointer from that place; the token `*` stands for each member or element
 */
export function* findEntries(from: MappingEntry, pattern: string): Generator<MappingEntry> {
  yield* walkPattern(from, parsePointer(pattern))
}

/**
 * The first place below `from` that a pattern matches, in the order of the file; undefined without one. Reads no
 * further than that place.
 *
 * @param pattern JSON pointer from `from`; the token `*` stands for each member or element
 */
export const findFirstEntry = (from: MappingEntry, pattern: string): MappingEntry | undefined =>
  findEntries(from, pattern).next().value ?? undefined

/** The entry of the whole file: an empty pointer, and no matched names. */
export const createRootEntry = (node: JsonNode): MappingEntry => ({ node, at: '', names: [] })

function* walkPattern(
  entry: MappingEntry,
  [token, ...further]: readonly string[],
): Generator<MappingEntry> {
  if (token === undefined) return yield entry
  const { at, names } = entry
  for (const child of listChildren(entry.node)) {
    if (token !== WILDCARD && token !== String(child.name)) continue
    const here = appendPointer(at, child.name)
    const name = { node: toNameNode(child), at: here }
    yield* walkPattern(
      { node: child.node, at: here, names: token === WILDCARD ? [...names, name] : names },
      further,
    )
  }
}

const toNameNode = ({ name }: Child): JsonNode =>
  typeof name === 'number' ? { lexeme: String(name) } : name

export const WILDCARD = '*'
