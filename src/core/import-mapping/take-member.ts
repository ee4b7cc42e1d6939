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

/** Reads one member by its rule. */
export function readMember(rule: MemberRule, entry: MappingEntry): MemberRead {
  if ('const' in rule)
    return {
      at: entry.at,
      node: valueToNode(rule.const),
      changes: [],
      fault: null,
      untouched: false,
    }
  const found = 'key' in rule ? named(rule.key, entry) : standing(rule.from, entry)
  const whole = STEPS.reduce((taken, step) => (goesOn(taken) ? step(taken, rule) : taken), found)
  const spare = 'from' in rule ? rule.default : undefined
  return whole.node === undefined && spare !== undefined ? withDefault(whole, spare) : whole
}

const begun = (at: string, node: JsonNode | undefined): MemberRead => ({
  at,
  node,
  changes: [],
  fault: null,
  untouched: true,
})
const named = (key: number, { at, names }: MappingEntry): MemberRead =>
  begun(names[key - 1]?.at ?? at, names[key - 1]?.node)
const standing = (from: string, entry: MappingEntry): MemberRead =>
  begun(`${entry.at}${from}`, findFirstEntry(entry, from)?.node)

const goesOn = ({ node, fault }: MemberRead): boolean => node !== undefined && fault === null

type Step = (taken: MemberRead, steps: ConversionSteps) => MemberRead
const STEPS: readonly Step[] = [mapped, converted, prefixed]

function mapped(taken: MemberRead, { map = [] }: ConversionSteps): MemberRead {
  const form = canonicalize(taken.node as JsonNode)
  const row = form.ok ? map.find(({ was }) => canonicalizeValue(was) === form.text) : undefined
  if (row === undefined) return taken
  return row.becomes === undefined
    ? changed(taken, 'left_out', undefined)
    : changed(taken, 'mapped', valueToNode(row.becomes))
}

function converted(taken: MemberRead, { as }: ConversionSteps): MemberRead {
  if (as === undefined) return taken
  const text = convert(as, taken.node as JsonNode)
  return text === undefined
    ? { ...taken, fault: 'time_not_convertible' }
    : as === 'type'
      ? { ...taken, node: text, untouched: false }
      : changed(taken, 'time_converted', text)
}

/** A value that is not a text stays unchanged, and validation of the row refuses it. */
function prefixed(taken: MemberRead, { prefix = '' }: ConversionSteps): MemberRead {
  return typeof taken.node === 'string'
    ? changed(taken, 'prefixed', `${prefix}${taken.node}`)
    : taken
}

function withDefault(taken: MemberRead, spare: unknown): MemberRead {
  return changed(taken, 'default_taken', valueToNode(spare))
}

/** Records no change where the text stays the same. */
function changed(
  taken: MemberRead,
  code: MappingChangeCode,
  node: JsonNode | undefined,
): MemberRead {
  const [was, becomes] = [toText(taken.node), toText(node)]
  if (was === becomes) return taken
  const change = { code, pointer: taken.at, was, becomes }
  return { ...taken, node, changes: [...taken.changes, change], untouched: false }
}
const toText = (node: JsonNode | undefined): string | null =>
  node === undefined ? null : serializeNode(node)
