import type { JsonNode } from '../json/read.ts'
import { isJsonNumber } from '../json/read.ts'
import {
  findAbove,
  findFirstEntry,
  listChildren,
  listWildcardDepths,
  type MappingEntry,
  toNameNode,
} from './entries.ts'
import type { PlaceSource, ValueSource } from './types.ts'

/** The place that a source means for one entry. */
export interface SourceRead {
  /** JSON pointer into the file, also where nothing stands there. */
  readonly at: string
  /** Undefined where the file has nothing there. */
  readonly node: JsonNode | undefined
  /** The places whose values decided: the value itself and those that selected it. A name is no place. */
  readonly reads: readonly string[]
  /** What a selected name or index refers to is missing in the file. */
  readonly dangling: boolean
}

/**
 * Finds the value of a source for an entry. Without a value the node is undefined, as where a level above the file is
 * named; `dangling` tells a reference that leads nowhere.
 *
 * @param pattern the pattern that the entry matched, which gives the names of its wildcards
 */
export function readSource(source: ValueSource, entry: MappingEntry, pattern: string): SourceRead {
  if ('key' in source) return readName(source.key, entry, pattern)
  const base = findAbove(entry, source.up ?? 0)
  const found = base === undefined ? undefined : findFirstOf(base, source)
  if (found === undefined)
    return { at: `${base?.at ?? ''}${listPlaces(source).slice(0, 1).join('')}`, ...NOTHING }
  return source.select === undefined
    ? { at: found.at, node: found.node, reads: [found.at], dangling: false }
    : select(found, readSource(source.select, entry, pattern))
}
const NOTHING = { node: undefined, reads: [], dangling: false } as const

const listPlaces = ({ from }: PlaceSource): readonly string[] =>
  typeof from === 'string' ? [from] : from

function findFirstOf(base: MappingEntry, source: PlaceSource): MappingEntry | undefined {
  for (const place of listPlaces(source)) {
    const found = findFirstEntry(base, place)
    if (found !== undefined) return found
  }
  return undefined
}

function readName(key: number, entry: MappingEntry, pattern: string): SourceRead {
  const depth = listWildcardDepths(pattern)[key - 1]
  const named = depth === undefined ? undefined : findAbove(entry, entry.depth - depth)
  return named === undefined
    ? { at: entry.at, ...NOTHING }
    : { at: named.at, node: toNameNode(named), reads: [], dangling: false }
}

function select(among: MappingEntry, by: SourceRead): SourceRead {
  if (by.node === undefined) return by
  const name = toName(by.node)
  for (const child of listChildren(among))
    if (String(child.name) === name)
      return { at: child.at, node: child.node, reads: [...by.reads, child.at], dangling: false }
  return { at: by.at, node: undefined, reads: by.reads, dangling: true }
}

const toName = (node: JsonNode): string | null => {
  if (typeof node === 'string') return node
  return typeof node === 'object' && node !== null && isJsonNumber(node) ? node.lexeme : null
}
