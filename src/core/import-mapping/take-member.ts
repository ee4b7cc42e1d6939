import { canonicalize } from '../json/canonical.ts'
import { canonicalizeValue, valueToNode } from '../json/plain.ts'
import type { JsonNode } from '../json/read.ts'
import { serializeNode } from '../parity/node-text.ts'
import { convert, detectType } from './convert.ts'
import type { MappingEntry } from './entries.ts'
import { findListings } from './listings.ts'
import { readSource } from './source.ts'
import { changeCase, splitText } from './split.ts'
import type {
  ConversionSteps,
  DefaultByType,
  ListedRule,
  MappingChange,
  MappingChangeCode,
  MappingRefusalCode,
  MemberRule,
} from './types.ts'

/** Why a value does not have the form that the mapping names; the reason is for display. */
export interface MemberFault {
  readonly code: MappingRefusalCode
  readonly reason: string
}
/** One member of a future row; `node` is undefined where the row lacks it. */
export interface MemberRead {
  /** JSON pointer into the file; for a constant of the mapping, to the entry. */
  readonly at: string
  readonly node: JsonNode | undefined
  readonly changes: readonly MappingChange[]
  /** Null where the value has the form that the mapping names. */
  readonly fault: MemberFault | null
  /** Whether the value is still as in the file. */
  readonly untouched: boolean
  /** A conversion by which two values may become one: the value before and after, as JSON. */
  readonly merged: { readonly was: string; readonly becomes: string } | null
}

/**
 * Reads one member by its rule: the constant, or the value after the steps, with the changes made. Steps stop at a
 * fault or a value left out. `node` is undefined where the file has none, or the map leaves it out, and the rule has
 * no default.
 *
 * @param pattern the pattern that the entry matched
 */
export function readMember(rule: MemberRule, entry: MappingEntry, pattern: string): MemberRead {
  if ('const' in rule) return { ...startRead(entry.at, valueToNode(rule.const)), untouched: false }
  if ('gap' in rule) return startRead(entry.at, undefined)
  if ('listed' in rule) return readListed(rule, entry, pattern)
  const found = readSource(rule, entry, pattern)
  const start = startRead(found.at, found.node)
  if (found.dangling) return withFault(start, 'reference_unknown', 'the file has nothing there')
  const whole = STEPS.reduce(
    (current, step) => (canContinue(current) ? step(current, rule) : current),
    start,
  )
  if (whole.node !== undefined || whole.fault !== null || 'key' in rule) return whole
  if (rule.default !== undefined) return takeDefault(whole, rule.default)
  return rule.default_by_type === undefined
    ? whole
    : takeDefaultByType(
        whole,
        rule.default_by_type,
        readSource(rule.default_by_type.of, entry, pattern).node,
      )
}

const startRead = (at: string, node: JsonNode | undefined): MemberRead => ({
  at,
  node,
  changes: [],
  fault: null,
  untouched: true,
  merged: null,
})
const withFault = (current: MemberRead, code: MappingRefusalCode, reason: string): MemberRead => ({
  ...current,
  fault: { code, reason },
})

const canContinue = ({ node, fault }: MemberRead): boolean => node !== undefined && fault === null

type Step = (current: MemberRead, steps: ConversionSteps) => MemberRead
const STEPS: readonly Step[] = [applyMap, applySplit, applyConversion, applyCase, applyPrefix]

function applyMap(current: MemberRead, { map }: ConversionSteps): MemberRead {
  if (map === undefined) return current
  const form = canonicalize(current.node as JsonNode)
  const row = form.ok ? map.find(({ was }) => canonicalizeValue(was) === form.text) : undefined
  if (row === undefined) return current
  return row.becomes === undefined
    ? recordChange(current, ['left_out'], undefined)
    : recordChange(current, ['mapped'], valueToNode(row.becomes))
}

function applySplit(current: MemberRead, { split }: ConversionSteps): MemberRead {
  if (split === undefined) return current
  const part = splitText(split, current.node as JsonNode)
  return part === undefined
    ? withFault(
        current,
        'text_not_divisible',
        `${JSON.stringify(split.by)} does not divide it into ${split.of} parts`,
      )
    : recordChange(current, ['divided'], part)
}

function applyConversion(current: MemberRead, steps: ConversionSteps): MemberRead {
  const { as } = steps
  if (as === undefined) return current
  const result = convert(as, current.node as JsonNode, steps)
  if ('code' in result) return withFault(current, result.code, result.reason)
  const merged = as === 'text' ? toMerged(current, result.text) : current.merged
  return result.changes.length === 0 && as !== 'text'
    ? { ...current, node: result.text, untouched: false }
    : { ...recordChange(current, result.changes, result.text), merged }
}

/** A value that is not a text stays unchanged, and validation of the row refuses it. */
function applyCase(current: MemberRead, { case: to }: ConversionSteps): MemberRead {
  if (to === undefined || typeof current.node !== 'string') return current
  const text = changeCase(to, current.node)
  return { ...recordChange(current, ['case_changed'], text), merged: toMerged(current, text) }
}

/** Keeps the first form, where a number became text before the case changed. */
const toMerged = ({ node, merged }: MemberRead, text: string): MemberRead['merged'] => ({
  was: merged?.was ?? (toText(node) as string),
  becomes: text,
})

/** As with `applyCase`. */
function applyPrefix(current: MemberRead, { prefix }: ConversionSteps): MemberRead {
  return prefix !== undefined && typeof current.node === 'string'
    ? recordChange(current, ['prefixed'], `${prefix}${current.node}`)
    : current
}

const takeDefault = (current: MemberRead, value: unknown): MemberRead =>
  recordChange(current, ['default_taken'], valueToNode(value))

function takeDefaultByType(
  current: MemberRead,
  values: DefaultByType,
  of: JsonNode | undefined,
): MemberRead {
  const type = of === undefined ? 'absent' : detectType(of)
  const value = (values as unknown as Readonly<Record<string, unknown>>)[type]
  return type === 'of' || value === undefined
    ? withFault(current, 'default_missing', `the mapping has no default for the type ${type}`)
    : takeDefault(current, value)
}

function readListed(rule: ListedRule, entry: MappingEntry, pattern: string): MemberRead {
  const { at, node } = readSource(rule.name, entry, pattern)
  const start = startRead(at, node)
  if (typeof node !== 'string') return { ...start, node: undefined }
  const found = findListings(rule, entry, node)
  if (new Set(found.map(({ becomes }) => canonicalizeValue(becomes))).size > 1)
    return withFault(
      start,
      'listed_twice',
      `it stands at ${found.map(({ places }) => places[0]).join(' and at ')}`,
    )
  const value = found[0]?.becomes ?? rule.otherwise
  return recordChange(start, ['listed'], valueToNode(value))
}

/** Records one change for each code, and none where the text stays the same. */
function recordChange(
  current: MemberRead,
  codes: readonly MappingChangeCode[],
  node: JsonNode | undefined,
): MemberRead {
  if (isSameNode(current.node, node)) return current
  const changes = codes.map((code) => new NodeChange(code, current, node))
  return { ...current, node, changes: [...current.changes, ...changes], untouched: false }
}
/** Texts are compared as they are, since most values are. */
const isSameNode = (a: JsonNode | undefined, b: JsonNode | undefined): boolean =>
  a === b || (!(typeof a === 'string' && typeof b === 'string') && toText(a) === toText(b))

/** Writes its texts when they are asked for: of many changes few are listed. */
class NodeChange implements MappingChange {
  readonly code: MappingChangeCode
  readonly pointer: string
  private readonly from: JsonNode | undefined
  private readonly to: JsonNode | undefined

  constructor(code: MappingChangeCode, { at, node }: MemberRead, to: JsonNode | undefined) {
    this.code = code
    this.pointer = at
    this.from = node
    this.to = to
  }

  get was(): string | null {
    return toText(this.from)
  }

  get becomes(): string | null {
    return toText(this.to)
  }
}

const toText = (node: JsonNode | undefined): string | null =>
  node === undefined ? null : serializeNode(node)
