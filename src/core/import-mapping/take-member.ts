import { plainText } from '../json/plain-text.ts'
import { nodeOf } from '../json/node-of.ts'
import { canonicalise } from '../json/canonical.ts'
import type { JsonNode } from '../json/read.ts'
import { nodeText } from '../parity/node-text.ts'
import { convert } from './convert.ts'
import { type Entry, firstAt } from './entries.ts'
import type { Change, ChangeCode, MemberRule, Refusal, Steps } from './types.ts'

/** One member of a row to be: where it comes from, and what the row has; undefined where it has none. */
export interface Taken {
  /** JSON pointer into the file; of what the mapping itself says, to the entry. */
  readonly at: string
  readonly node: JsonNode | undefined
  readonly changes: readonly Change[]
  /** Why what stands there cannot be read in the form that the mapping names. */
  readonly fault: Refusal['code'] | null
  /** Whether it is as it stands in the file, so far. */
  readonly untouched: boolean
}

/** Reads one member by its rule. */
export function takeMember(rule: MemberRule, entry: Entry): Taken {
  if ('const' in rule)
    return { at: entry.at, node: nodeOf(rule.const), changes: [], fault: null, untouched: false }
  const found = 'key' in rule ? named(rule.key, entry) : standing(rule.from, entry)
  const whole = STEPS.reduce((taken, step) => (goesOn(taken) ? step(taken, rule) : taken), found)
  const spare = 'from' in rule ? rule.default : undefined
  return whole.node === undefined && spare !== undefined ? withDefault(whole, spare) : whole
}

const begun = (at: string, node: JsonNode | undefined): Taken => ({
  at,
  node,
  changes: [],
  fault: null,
  untouched: true,
})
const named = (key: number, { at, names }: Entry): Taken =>
  begun(names[key - 1]?.at ?? at, names[key - 1]?.node)
const standing = (from: string, entry: Entry): Taken =>
  begun(`${entry.at}${from}`, firstAt(entry, from)?.node)

const goesOn = ({ node, fault }: Taken): boolean => node !== undefined && fault === null

type Step = (taken: Taken, steps: Steps) => Taken
const STEPS: readonly Step[] = [mapped, converted, prefixed]

function mapped(taken: Taken, { map = [] }: Steps): Taken {
  const form = canonicalise(taken.node as JsonNode)
  const row = form.ok ? map.find(({ was }) => plainText(was) === form.text) : undefined
  if (row === undefined) return taken
  return row.becomes === undefined
    ? changed(taken, 'left_out', undefined)
    : changed(taken, 'mapped', nodeOf(row.becomes))
}

function converted(taken: Taken, { as }: Steps): Taken {
  if (as === undefined) return taken
  const text = convert(as, taken.node as JsonNode)
  return text === undefined
    ? { ...taken, fault: 'time_not_convertible' }
    : as === 'type'
      ? { ...taken, node: text, untouched: false }
      : changed(taken, 'time_converted', text)
}

/** What is no text stays as it is: its row is refused for it. */
function prefixed(taken: Taken, { prefix = '' }: Steps): Taken {
  return typeof taken.node === 'string'
    ? changed(taken, 'prefixed', `${prefix}${taken.node}`)
    : taken
}

function withDefault(taken: Taken, spare: unknown): Taken {
  return changed(taken, 'default_taken', nodeOf(spare))
}

/** What becomes the same is no change. */
function changed(taken: Taken, code: ChangeCode, node: JsonNode | undefined): Taken {
  const [was, becomes] = [textOf(taken.node), textOf(node)]
  if (was === becomes) return taken
  const change = { code, pointer: taken.at, was, becomes }
  return { ...taken, node, changes: [...taken.changes, change], untouched: false }
}
const textOf = (node: JsonNode | undefined): string | null =>
  node === undefined ? null : nodeText(node)
