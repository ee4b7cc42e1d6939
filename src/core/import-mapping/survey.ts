import { findJsonProblems } from '../json/canonical.ts'
import { appendPointer, parsePointer } from '../json/pointer.ts'
import { isJsonArray, isJsonObject, type JsonNode, type JsonObject } from '../json/read.ts'
import { serializeNode } from '../parity/node-text.ts'
import { BoundedList, getCause } from './bounded-list.ts'
import { EntrySelector, listTableRules, type TableRule } from './conditions.ts'
import {
  createRootEntry,
  findEntries,
  listChildren,
  type MappingEntry,
  pauseBetween,
  PLACES_OF_A_STEP,
  WILDCARD,
} from './entries.ts'
import { listKeptDepths, listNameLists, listRuleReads, readsElsewhere } from './rule-reads.ts'
import { findContradictions } from './scope-words.ts'
import type { ImportMapping, MappingRefusal, SkipRule } from './types.ts'

/** A place that is left behind on purpose: by which rule, null for `ignored`. */
export interface LeftPlace {
  readonly pointer: string
  readonly skip: SkipRule | null
}
/** What becomes of the places of a document: each leaf lies in exactly one of the places of these lists. */
export interface Survey {
  readonly refusals: BoundedList<MappingRefusal>
  readonly left: BoundedList<LeftPlace>
  /** JSON pointers of the values that rules read. */
  readonly read: BoundedList<string>
}

/**
 * Visits the whole document and accounts for each place: read, left behind on purpose, or refused; pauses after about
 * a thousand places. Refuses each place that the mapping neither reads nor leaves behind, each entry that no rule or
 * rules of two tables take, each name that no row holds, each loss that is not accepted, and each breach of I-JSON in a
 * place that is read. Of places that are left behind only the names are
 * checked that a condition may have read.
 *
 * @param accepted the losses that are accepted
 */
export function* surveyDocument(
  root: JsonNode,
  mapping: ImportMapping,
  accepted: ReadonlySet<string>,
): Generator<void, Survey> {
  const surveyor = new Surveyor(mapping, accepted)
  const file = createRootEntry(root)
  const elsewhere = yield* surveyor.listReadsElsewhere(file)
  const context = { patterns: surveyor.patterns, spared: null, reads: [elsewhere] }
  const open: Iterator<Visit>[] = [[[file, context] as const].values()]
  for (let visits = 1, last = open.at(-1); last !== undefined; last = open.at(-1), visits += 1) {
    const next = last.next()
    const below = next.done === true ? null : surveyor.visit(...next.value)
    if (next.done === true) open.pop()
    if (below !== null) open.push(below)
    if (visits % PLACES_OF_A_STEP === 0) yield
  }
  return surveyor.found
}
/** A place to visit. */
type Visit = readonly [MappingEntry, Context]

/** A path that the mapping names. */
interface TakerPattern {
  readonly kind: 'entry'
  readonly tokens: readonly string[]
  readonly taker: TableRule
  /** The depths of the names that rows keep. */
  readonly kept: ReadonlySet<number>
}
/** Places that are left behind, and the elements of lists that names are looked up in. */
interface OtherPattern {
  readonly kind: 'ignored' | 'skipped' | 'listed'
  readonly tokens: readonly string[]
}
type Pattern = TakerPattern | OtherPattern

interface Context {
  readonly patterns: readonly Pattern[]
  /** The place above that leaves this one behind; places that are read are still read within. */
  readonly spared: Pick<LeftPlace, 'skip'> | null
  readonly reads: readonly ReadPlaces[]
}

/** Places that are read. */
interface ReadPlaces {
  has(at: string): boolean
  /** Whether one of them lies below. */
  leadsFrom(at: string): boolean
}

/** The few places that one entry reads. */
const readWithin = (places: readonly string[]): ReadPlaces => ({
  has: (at) => places.includes(at),
  leadsFrom: (at) => places.some((place) => place.length > at.length && isWithin(place, at)),
})

/** Places anywhere in the file, of which there may be many. */
function readAnywhere(all: ReadonlySet<string>): ReadPlaces {
  const above = new Set<string>()
  for (const place of all)
    for (let at = place; at !== '';) {
      at = at.slice(0, at.lastIndexOf('/'))
      above.add(at)
    }
  return { has: (at) => all.has(at), leadsFrom: (at) => above.has(at) }
}

function addReadsElsewhere(taker: TableRule, entry: MappingEntry, places: Set<string>): void {
  for (const at of listRuleReads(taker, entry)) if (!isWithin(at, entry.at)) places.add(at)
}

class Surveyor {
  readonly found: Survey = {
    refusals: new BoundedList(getCause),
    left: new BoundedList(),
    read: new BoundedList(),
  }
  readonly patterns: readonly Pattern[]
  private readonly selector: EntrySelector
  private readonly accepted: ReadonlySet<string>
  private readonly rules: readonly TableRule[]
  private readonly refusedNames = new Set<string>()

  constructor(mapping: ImportMapping, accepted: ReadonlySet<string>) {
    this.selector = new EntrySelector(mapping)
    this.accepted = accepted
    this.rules = listTableRules(mapping)
    const other = (kind: OtherPattern['kind'], places: readonly string[]): readonly Pattern[] =>
      places.map((at) => ({ kind, tokens: parsePointer(at) }))
    this.patterns = [
      ...this.rules.map((taker): Pattern => ({
        kind: 'entry',
        taker,
        tokens: parsePointer(taker.rule.at),
        kept: listKeptDepths(taker.rule),
      })),
      ...other('ignored', mapping.ignored),
      ...other(
        'skipped',
        (mapping.skipped ?? []).map(({ at }) => at),
      ),
      ...other(
        'listed',
        this.rules.flatMap(({ rule }) => listNameLists(rule)),
      ),
    ]
  }

  /** The places outside of their entries that rules read; there are few. */
  *listReadsElsewhere(file: MappingEntry): Generator<void, ReadPlaces> {
    // The entries of one place above read the same place there.
    const places = new Set<string>()
    for (const taker of this.rules.filter(readsElsewhere))
      for (const entry of pauseBetween(findEntries(file, taker.rule.at)))
        if (entry === null) yield
        else if (this.selector.takes(taker.rule, entry)) addReadsElsewhere(taker, entry, places)
    return readAnywhere(places)
  }

  /** Accounts for one place; returns the places below that are still to visit, or null. */
  visit(place: MappingEntry, context: Context): Iterator<Visit> | null {
    const { at, depth, node } = place
    const ends = context.patterns.filter(({ tokens }) => tokens.length === depth)
    const takers = this.listTakers(place, ends)
    const own = takers.flatMap(({ taker }) => listRuleReads(taker, place))
    const reads = own.length === 0 ? context.reads : [...context.reads, readWithin(own)]
    const spared = this.findSpared(place, context, ends)
    if (this.refuseEntry(place, { takers, ends, spared })) return null
    if (reads.some((one) => one.has(at))) {
      this.found.read.add([at])
      this.checkStrictly(node, at)
      return null
    }
    // A skipped place is left behind as a whole: what the mapping says about places within does not count.
    const patterns = spared?.skip
      ? []
      : context.patterns.filter(({ tokens }) => tokens.length > depth)
    const leads = patterns.length > 0 || reads.some((one) => one.leadsFrom(at))
    // An entry may have no readable members: its names are its content.
    if (isContainer(node) && (leads || (ends.length > 0 && spared === null)))
      return this.listVisits(place, { patterns, spared, reads })
    if (spared === null) this.refuse('member_unmapped', at)
    else this.leave(place, spared.skip)
    return null
  }

  private listTakers(place: MappingEntry, ends: readonly Pattern[]): readonly TakerPattern[] {
    return ends.filter(
      (one): one is TakerPattern =>
        one.kind === 'entry' && this.selector.takes(one.taker.rule, place),
    )
  }

  private findSpared(
    place: MappingEntry,
    { spared }: Context,
    ends: readonly Pattern[],
  ): Context['spared'] {
    if (spared?.skip || ends.length === 0) return spared
    const kinds = ends.map(({ kind }) => kind)
    const skip = kinds.includes('skipped') ? this.selector.findSkip(place) : null
    if (skip !== null) return { skip }
    return spared ?? (kinds.includes('ignored') ? { skip: null } : null)
  }

  /** Refuses an entry as a whole; whatever it contains is then accounted for. */
  private refuseEntry(
    place: MappingEntry,
    {
      takers,
      ends,
      spared,
    }: Pick<Context, 'spared'> & {
      readonly takers: readonly TakerPattern[]
      readonly ends: readonly Pattern[]
    },
  ): boolean {
    if (ends.length === 0) return false
    const { at } = place
    const entries = ends.filter(({ kind }) => kind === 'entry')
    if (entries.length > 0 && takers.length === 0 && spared === null)
      return this.refuse('entry_untaken', at)
    if (new Set(takers.map(({ taker }) => taker.table)).size > 1)
      return this.refuse('entry_taken_twice', at)
    const [scope] = takers.flatMap(({ taker }) => findContradictions(taker, place))
    if (scope !== undefined)
      return this.refuse('scope_contradicted', at, `${scope.name}: ${serializeNode(scope.node)}`)
    if (spared === null) this.refuseLostNames(place, takers)
    return false
  }

  /** Refuses the names of an entry that none of the rules that take it keeps. */
  private refuseLostNames(entry: MappingEntry, takers: readonly TakerPattern[]): void {
    for (let place = entry; place.above !== null && takers.length > 0; place = place.above) {
      const { depth, above } = place
      const isKept = takers.some((one) => keepsName(one, depth))
      if (!isKept && isNamed(above.node)) this.refuseName(place.at)
    }
  }

  private refuseName(at: string): void {
    if (this.refusedNames.has(at)) return
    this.refusedNames.add(at)
    this.refuse('name_unmapped', at)
  }

  private *listVisits(place: MappingEntry, context: Context): Generator<Visit> {
    const { node, at, depth } = place
    const { patterns, spared } = context
    const isObjectNode = isNamed(node)
    if (isObjectNode) this.visitNames(node, at)
    for (const child of listChildren(place)) {
      const further = patterns.filter(({ tokens }) => matches(tokens[depth], String(child.name)))
      const isKept =
        spared !== null || further.length === 0 || further.some((one) => keepsName(one, depth + 1))
      if (isObjectNode && !isKept) this.refuseName(child.at)
      yield [child, { ...context, patterns: further }]
    }
  }

  private leave({ at, node }: MappingEntry, skip: SkipRule | null): void {
    // Of a repeated member the condition of the skip has read one alone.
    if (skip?.where !== undefined && isNamed(node)) this.refuseRepeats(node, at)
    const loss = skip?.loss
    if (loss === undefined || isEmpty(node) || this.accepted.has(loss))
      return this.found.left.add([{ pointer: at, skip }])
    const detail = `${loss}: ${skip?.reason}; add --accept-loss ${loss} to leave it behind`
    this.found.refusals.add([{ code: 'not_carried', pointer: at, about: loss, detail }])
  }

  private refuse(code: keyof typeof WORDS, at: string, what?: string): true {
    const detail = what === undefined ? WORDS[code] : `${what}: ${WORDS[code]}`
    this.found.refusals.add([{ code, pointer: at, detail }])
    return true
  }

  /** Checks the names of an object on the path; an object that is read is checked as a whole. */
  private visitNames(node: JsonObject, at: string): void {
    this.refuseRepeats(node, at)
    for (const [name] of node.members) this.checkStrictly(name, appendPointer(at, name))
  }

  private refuseRepeats({ members }: JsonObject, at: string): void {
    const seen = new Set<string>()
    for (const [name] of members) {
      if (seen.has(name)) this.refuse('duplicate_member', appendPointer(at, name))
      seen.add(name)
    }
  }

  private checkStrictly(node: JsonNode, at: string): void {
    this.found.refusals.add(
      findJsonProblems(node, { at, origin: 'submitted' }).map((one) => ({ ...one, detail: '' })),
    )
  }
}

/** Whether the name at a depth becomes part of a row, is written in the pattern, or is left behind. */
const keepsName = (pattern: Pattern, depth: number): boolean =>
  pattern.kind !== 'entry' || pattern.tokens[depth - 1] !== WILDCARD || pattern.kept.has(depth)
const isWithin = (at: string, above: string): boolean => at === above || at.startsWith(`${above}/`)
const isNamed = (node: JsonNode): node is JsonObject =>
  typeof node === 'object' && node !== null && isJsonObject(node)
const isContainer = (node: JsonNode): boolean => isJsonArray(node) || isNamed(node)
/** Nothing is lost with null, an empty list or an object without members. */
const isEmpty = (node: JsonNode): boolean =>
  node === null ||
  (isJsonArray(node) ? node.length === 0 : isNamed(node) && node.members.length === 0)

const matches = (token: string | undefined, name: string): boolean =>
  token === WILDCARD || token === name

const WORDS = {
  member_unmapped: 'the mapping does not read it; read it in a rule, or name it in "ignored"',
  name_unmapped: 'no row holds this name; read it with "key"',
  duplicate_member: 'parsers disagree about which one counts',
  entry_untaken:
    'the conditions of no rule hold for this entry; add a rule, or name it in "skipped"',
  entry_taken_twice: 'rules of two tables take this entry; tell them apart with "where"',
  scope_contradicted:
    'the entry tells another scope than the table of its row; test it with "where" in the rule',
} as const
