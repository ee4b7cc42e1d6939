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

/** Every place that a pattern matches below a place, in the order of the file. */
export const entriesAt = (from: Entry, pattern: string): readonly Entry[] =>
  tokens(pattern).reduce<readonly Entry[]>(
    (found, token) => found.flatMap((entry) => below(entry, token)),
    [from],
  )

export const rootEntry = (node: JsonNode): Entry => ({ node, at: '', names: [] })

function below({ node, at, names }: Entry, token: string): readonly Entry[] {
  const children = childrenOf(node)
  if (token !== WILDCARD)
    return children
      .filter(({ name }) => String(name) === token)
      .map((child) => ({ node: child.node, at: pointer(at, child.name), names }))
  return children.map((child) => {
    const here = pointer(at, child.name)
    return { node: child.node, at: here, names: [...names, { node: nameOf(child), at: here }] }
  })
}

const nameOf = ({ name }: Child): JsonNode =>
  typeof name === 'number' ? { lexeme: String(name) } : name

export const WILDCARD = '*'
