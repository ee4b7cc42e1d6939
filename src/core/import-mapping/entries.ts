import { pointer, tokens } from '../json/pointer.ts'
import { isArray, isNumber, type JsonNode } from '../json/read.ts'

/** A place of the file, and the names that the wildcards on the way to it stood for. */
export interface Entry {
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

/** Members by name, elements by number; nothing lies below anything else. */
export function childrenOf(node: JsonNode): readonly Child[] {
  if (typeof node !== 'object' || node === null || isNumber(node)) return []
  if (isArray(node)) return node.map((one, index) => ({ name: index, node: one }))
  return node.members.map(([name, one]) => ({ name, node: one }))
}

/** Every place that a pattern matches below a place, in the order of the file; one at a time, for there may be many. */
export function* entriesAt(from: Entry, pattern: string): Generator<Entry> {
  yield* below(from, tokens(pattern))
}

/** The first of them; undefined where there is none. */
export const firstAt = (from: Entry, pattern: string): Entry | undefined =>
  entriesAt(from, pattern).next().value ?? undefined

export const rootEntry = (node: JsonNode): Entry => ({ node, at: '', names: [] })

function* below(entry: Entry, [token, ...further]: readonly string[]): Generator<Entry> {
  if (token === undefined) return yield entry
  const { at, names } = entry
  for (const child of childrenOf(entry.node)) {
    if (token !== WILDCARD && token !== String(child.name)) continue
    const here = pointer(at, child.name)
    const name = { node: nameOf(child), at: here }
    yield* below(
      { node: child.node, at: here, names: token === WILDCARD ? [...names, name] : names },
      further,
    )
  }
}

const nameOf = ({ name }: Child): JsonNode =>
  typeof name === 'number' ? { lexeme: String(name) } : name

export const WILDCARD = '*'
