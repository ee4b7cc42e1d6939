import { canonicalizeValue, valueToNode } from '../json/plain.ts'
import { canonicalize } from '../json/canonical.ts'
import type { JsonNode } from '../json/read.ts'
import { serializeNode } from '../parity/node-text.ts'
import { convert } from './convert.ts'
import { findFirstEntry, type MappingEntry } from './entries.ts'
import type {
  ConversionSteps,
  MappingChange,
  MappingChangeCode,
  MappingRefusal,
  MemberRule,
} from './types.ts'

/** One member of a future row; `node` is undefined where the row lacks it. */
export interface MemberRead {
  /** JSON pointer into the file; for a constant of the mapping, to the entry. */
  readonly at: string
  readonly node: JsonNode | undefined
  readonly changes: readonly MappingChange[]
  /** Why the value does not have the form that the mapping names; null where it does. */
  readonly fault: MappingRefusal['code'] | null
  /** Whether the value is still as in the file. */
  readonly untouched: boolean
}

/**
 * Reads one member by its rule: the constant, or the value after map, conversion and prefix with the changes made.
 * Steps stop at a fault (`time_not_convertible`) or a value left out. `node` is undefined where the file has none, or
 * the map leaves it out, and the rule has no default.
 */
export function readMember(rule: MemberRule, entry: MappingEntry): MemberRead {
  if ('const' in rule)
    return {
      at: entry.at,
      node: valueToNode(rule.const),
      changes: [],
      fault: null,
      untouched: false,
    }
  const found = 'key' in rule ? readName(rule.key, entry) : readPlace(rule.from, entry)
  const whole = STEPS.reduce(
    (current, step) => (canContinue(current) ? step(current, rule) : current),
    found,
  )
  const spare = 'from' in rule ? rule.default : undefined
  return whole.node === undefined && spare !== undefined ? withDefault(whole, spare) : whole
}

const startRead = (at: string, node: JsonNode | undefined): MemberRead => ({
  at,
  node,
  changes: [],
  fault: null,
  untouched: true,
})
const readName = (key: number, { at, names }: MappingEntry): MemberRead =>
  startRead(names[key - 1]?.at ?? at, names[key - 1]?.node)
const readPlace = (from: string, entry: MappingEntry): MemberRead =>
  startRead(`${entry.at}${from}`, findFirstEntry(entry, from)?.node)

const canContinue = ({ node, fault }: MemberRead): boolean => node !== undefined && fault === null

type Step = (current: MemberRead, steps: ConversionSteps) => MemberRead
const STEPS: readonly Step[] = [applyMap, applyConversion, applyPrefix]

function applyMap(current: MemberRead, { map = [] }: ConversionSteps): MemberRead {
  const form = canonicalize(current.node as JsonNode)
  const row = form.ok ? map.find(({ was }) => canonicalizeValue(was) === form.text) : undefined
  if (row === undefined) return current
  return row.becomes === undefined
    ? recordChange(current, 'left_out', undefined)
    : recordChange(current, 'mapped', valueToNode(row.becomes))
}

function applyConversion(current: MemberRead, { as }: ConversionSteps): MemberRead {
  if (as === undefined) return current
  const text = convert(as, current.node as JsonNode)
  return text === undefined
    ? { ...current, fault: 'time_not_convertible' }
    : as === 'type'
      ? { ...current, node: text, untouched: false }
      : recordChange(current, 'time_converted', text)
}

/** A value that is not a text stays unchanged, and validation of the row refuses it. */
function applyPrefix(current: MemberRead, { prefix = '' }: ConversionSteps): MemberRead {
  return typeof current.node === 'string'
    ? recordChange(current, 'prefixed', `${prefix}${current.node}`)
    : current
}

function withDefault(current: MemberRead, spare: unknown): MemberRead {
  return recordChange(current, 'default_taken', valueToNode(spare))
}

/** Records no change where the text stays the same. */
function recordChange(
  current: MemberRead,
  code: MappingChangeCode,
  node: JsonNode | undefined,
): MemberRead {
  const [was, becomes] = [toText(current.node), toText(node)]
  if (was === becomes) return current
  const change = { code, pointer: current.at, was, becomes }
  return { ...current, node, changes: [...current.changes, change], untouched: false }
}
const toText = (node: JsonNode | undefined): string | null =>
  node === undefined ? null : serializeNode(node)
