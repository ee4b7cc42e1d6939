import { findJsonProblems } from '../json/canonical.ts'
import { appendPointer, parsePointer } from '../json/pointer.ts'
import { isJsonObject, type JsonNode, type JsonObject } from '../json/read.ts'
import { listChildren, WILDCARD } from './entries.ts'
import type { EntryRule, ImportMapping, MappingRefusal, MemberRule } from './types.ts'

/** What becomes of a document's places: what nothing reads, and how many are left behind on purpose. */
export interface Survey {
  readonly refusals: BoundedList<MappingRefusal>
  ignored: number
}

/**
 * Goes through the whole document. A place that nothing reads and nothing ignores is refused, so is the name of a
 * member that no row has, and whatever breaks I-JSON in what is read. The rest of what is ignored is not looked at.
 */
export function surveyDocument(root: JsonNode, mapping: ImportMapping): Survey {
  const found: Survey = { refusals: new BoundedList(), ignored: 0 }
  visit({ node: root, at: '', depth: 0, spared: false }, listPatterns(mapping), found)
  return found
}

/** A way down that the mapping knows. */
interface Pattern {
  readonly tokens: readonly string[]
  /** Which of its tokens stand for names that come into a row, or are given up. */
  readonly keeps: (depth: number) => boolean
  readonly kind: 'entry' | 'read' | 'ignored'
}

const listPatterns = (mapping: ImportMapping): readonly Pattern[] => [
  ...[mapping.flags, mapping.tenant_overrides, mapping.user_overrides]
    .flat()
    .flatMap(entryPatterns),
  ...mapping.ignored.map((at): Pattern => ({
    tokens: parsePointer(at),
    keeps: () => true,
    kind: 'ignored',
  })),
]

function entryPatterns({ at, members }: EntryRule): readonly Pattern[] {
  const rules = Object.values(members)
  const way = parsePointer(at)
  const keys = new Set(rules.flatMap((rule) => ('key' in rule ? [rule.key] : [])))
  const keeps = (depth: number): boolean =>
    way[depth] !== WILDCARD ||
    keys.has(way.slice(0, depth + 1).filter((token) => token === WILDCARD).length)
  return [
    { tokens: way, keeps, kind: 'entry' },
    ...rules.filter(reads).map(({ from }): Pattern => ({
      tokens: [...way, ...parsePointer(from)],
      keeps,
      kind: 'read',
    })),
  ]
}

/** To tell the type of a value is not to read it. */
const reads = (rule: MemberRule): rule is Extract<MemberRule, { from: string }> =>
  'from' in rule && rule.as !== 'type'

interface Place {
  readonly node: JsonNode
  readonly at: string
  readonly depth: number
  /** Whether it lies in what is ignored: what is read there is read all the same. */
  readonly spared: boolean
}

function visit(place: Place, patterns: readonly Pattern[], found: Survey): void {
  const { node, at, depth } = place
  const ends = patterns.filter((one) => one.tokens.length === depth).map(({ kind }) => kind)
  if (ends.includes('read')) return strict(node, at, found)
  const spared = place.spared || ends.includes('ignored')
  const further = patterns.filter((one) => one.tokens.length > depth)
  // An entry may have nothing below it that is read: its names are what it holds.
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
  const named = isNamed(node)
  if (named) visitNames(node, at, found)
  for (const child of listChildren(node)) {
    const further = patterns.filter(({ tokens: way }) => matches(way[depth], String(child.name)))
    const here = appendPointer(at, child.name)
    const kept = spared || further.length === 0 || further.some(({ keeps }) => keeps(depth))
    if (named && !kept) refuse('name_unmapped', here, found)
    visit({ node: child.node, at: here, depth: depth + 1, spared }, further, found)
  }
}

const matches = (token: string | undefined, name: string): boolean =>
  token === WILDCARD || token === name

const WORDS = {
  member_unmapped: 'nothing reads it',
  name_unmapped: 'no row has this name',
  duplicate_member: 'readers do not agree on which one counts',
} as const
function refuse(code: keyof typeof WORDS, at: string, { refusals }: Survey): void {
  refusals.add([{ code, pointer: at, detail: WORDS[code] }])
}

/** Of an object that is passed through; one that is read is held to I-JSON as a whole. */
function visitNames({ members }: JsonObject, at: string, found: Survey): void {
  const seen = new Set<string>()
  for (const [name] of members) {
    const here = appendPointer(at, name)
    if (seen.has(name)) refuse('duplicate_member', here, found)
    seen.add(name)
    strict(name, here, found)
  }
}

function strict(node: JsonNode, at: string, { refusals }: Survey): void {
  refusals.add(
    findJsonProblems(node, { at, origin: 'submitted' }).map((one) => ({ ...one, detail: '' })),
  )
}

/** Of a document that does not fit at all, nobody reads more. */
const MOST_KEPT = 1_000

/** Counts all that it is told, and keeps the first of them. */
export class BoundedList<T> {
  count = 0
  readonly kept: T[] = []

  add(more: readonly T[]): void {
    this.count += more.length
    this.kept.push(...more.slice(0, MOST_KEPT - this.kept.length))
  }
}
