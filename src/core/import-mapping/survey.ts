import { findJsonProblems } from '../json/canonical.ts'
import { appendPointer, parsePointer } from '../json/pointer.ts'
import { isJsonObject, type JsonNode, type JsonObject } from '../json/read.ts'
import { listChildren, WILDCARD } from './entries.ts'
import type { EntryRule, ImportMapping, MappingRefusal, MemberRule } from './types.ts'

/** The result of a survey: the refusals, and the number of ignored places. */
export interface Survey {
  readonly refusals: BoundedList<MappingRefusal>
  ignored: number
}

/**
 * Visits the whole document; returns the refusals and the number of ignored places. Refuses each place that the
 * mapping neither reads nor ignores, each name that no row holds, and each breach of I-JSON in a place that is read.
 * Other content of ignored places is not checked.
 */
export function surveyDocument(root: JsonNode, mapping: ImportMapping): Survey {
  const found: Survey = { refusals: new BoundedList(), ignored: 0 }
  visit({ node: root, at: '', depth: 0, spared: false }, listPatterns(mapping), found)
  return found
}

/** A path that the mapping names. */
interface Pattern {
  readonly tokens: readonly string[]
  /** Whether the name at a depth becomes part of a row or is ignored. */
  readonly keeps: (depth: number) => boolean
  readonly kind: 'entry' | 'read' | 'ignored'
}

const listPatterns = (mapping: ImportMapping): readonly Pattern[] => [
  ...[mapping.flags, mapping.tenant_overrides, mapping.user_overrides]
    .flat()
    .flatMap(listEntryPatterns),
  ...mapping.ignored.map((at): Pattern => ({
    tokens: parsePointer(at),
    keeps: () => true,
    kind: 'ignored',
  })),
]

function listEntryPatterns({ at, members }: EntryRule): readonly Pattern[] {
  const rules = Object.values(members)
  const way = parsePointer(at)
  const keys = new Set(rules.flatMap((rule) => ('key' in rule ? [rule.key] : [])))
  const keeps = (depth: number): boolean =>
    way[depth] !== WILDCARD ||
    keys.has(way.slice(0, depth + 1).filter((token) => token === WILDCARD).length)
  return [
    { tokens: way, keeps, kind: 'entry' },
    ...rules.filter(isReadRule).map(({ from }): Pattern => ({
      tokens: [...way, ...parsePointer(from)],
      keeps,
      kind: 'read',
    })),
  ]
}

/** `type` detects the type of a value without reading the value. */
const isReadRule = (rule: MemberRule): rule is Extract<MemberRule, { from: string }> =>
  'from' in rule && rule.as !== 'type'

interface Place {
  readonly node: JsonNode
  readonly at: string
  readonly depth: number
  /** Whether an ignored place contains it; places that are read are still read within. */
  readonly spared: boolean
}

function visit(place: Place, patterns: readonly Pattern[], found: Survey): void {
  const { node, at, depth } = place
  const ends = patterns.filter((one) => one.tokens.length === depth).map(({ kind }) => kind)
  if (ends.includes('read')) return checkStrictly(node, at, found)
  const spared = place.spared || ends.includes('ignored')
  const further = patterns.filter((one) => one.tokens.length > depth)
  // An entry may have no readable members: its names are its content.
  const passes = isContainer(node) && (further.length > 0 || (ends.length > 0 && !spared))
  if (passes) return visitBelow({ ...place, spared }, further, found)
  if (spared) found.ignored += 1
  else refuse('member_unmapped', at, found)
}

const isNamed = (node: JsonNode): node is JsonObject =>
  typeof node === 'object' && node !== null && isJsonObject(node)
const isContainer = (node: JsonNode): boolean => Array.isArray(node) || isNamed(node)

function visitBelow(place: Place, patterns: readonly Pattern[], found: Survey): void {
  const { node, at, depth, spared } = place
  const isObjectNode = isNamed(node)
  if (isObjectNode) visitNames(node, at, found)
  for (const child of listChildren(node)) {
    const further = patterns.filter(({ tokens: way }) => matches(way[depth], String(child.name)))
    const here = appendPointer(at, child.name)
    const isKept = spared || further.length === 0 || further.some(({ keeps }) => keeps(depth))
    if (isObjectNode && !isKept) refuse('name_unmapped', here, found)
    visit({ node: child.node, at: here, depth: depth + 1, spared }, further, found)
  }
}

const matches = (token: string | undefined, name: string): boolean =>
  token === WILDCARD || token === name

const WORDS = {
  member_unmapped: 'the mapping does not read it',
  name_unmapped: 'no row holds this name',
  duplicate_member: 'parsers disagree about which one counts',
} as const
function refuse(code: keyof typeof WORDS, at: string, { refusals }: Survey): void {
  refusals.add([{ code, pointer: at, detail: WORDS[code] }])
}

/** Checks the names of an object on the path; an object that is read is checked as a whole. */
function visitNames({ members }: JsonObject, at: string, found: Survey): void {
  const seen = new Set<string>()
  for (const [name] of members) {
    const here = appendPointer(at, name)
    if (seen.has(name)) refuse('duplicate_member', here, found)
    seen.add(name)
    checkStrictly(name, here, found)
  }
}

function checkStrictly(node: JsonNode, at: string, { refusals }: Survey): void {
  refusals.add(
    findJsonProblems(node, { at, origin: 'submitted' }).map((one) => ({ ...one, detail: '' })),
  )
}

/** Enough for a reader of a document that does not fit at all. */
const MOST_KEPT = 1_000

/** Counts all items in `count`, and keeps the first 1,000 in `kept`. */
export class BoundedList<T> {
  count = 0
  readonly kept: T[] = []

  /** Counts all of the items; keeps them while fewer than 1,000 are kept. */
  add(more: readonly T[]): void {
    this.count += more.length
    this.kept.push(...more.slice(0, MOST_KEPT - this.kept.length))
  }
}
