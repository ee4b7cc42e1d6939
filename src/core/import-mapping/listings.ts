import { isJsonNumber, type JsonNode } from '../json/read.ts'
import { findFirstEntry, findRoot, listChildren, type MappingEntry } from './entries.ts'
import type { ListedRule } from './types.ts'

/** A list of the file that holds a name: what the member becomes, and every place of the name in the list. */
export interface Listing {
  readonly becomes: unknown
  readonly places: readonly string[]
}

/** The lists of the rule that a name stands in; empty for none. A list that the file lacks holds no name. */
export const findListings = (
  { listed }: ListedRule,
  entry: MappingEntry,
  name: string,
): readonly Listing[] =>
  listed.flatMap(({ in: at, becomes }) => {
    const list = findFirstEntry(findRoot(entry), at)
    const places = list === undefined ? undefined : indexNames(list).get(name)
    return places === undefined ? [] : [{ becomes, places }]
  })

/** The places of each text of a list; a list is read once, as every flag looks into it. */
const INDEXES = new WeakMap<object, ReadonlyMap<string, readonly string[]>>()

function indexNames(list: MappingEntry): ReadonlyMap<string, readonly string[]> {
  const { node } = list
  if (!isList(node)) return new Map()
  const known = INDEXES.get(node)
  if (known !== undefined) return known
  const index = new Map<string, string[]>()
  for (const child of listChildren(list))
    if (typeof child.node === 'string')
      index.set(child.node, [...(index.get(child.node) ?? []), child.at])
  INDEXES.set(node, index)
  return index
}
const isList = (node: JsonNode): node is Exclude<JsonNode, null | boolean | string> =>
  typeof node === 'object' && node !== null && !isJsonNumber(node)
