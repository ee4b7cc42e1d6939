import { pointer, tokens } from '../json/pointer.ts'
import type { JsonMember } from '../json/read.ts'
import type { Problem } from '../problem.ts'
import { decodeRow } from '../rows/decode-row.ts'
import type { AnyRow, Table } from '../rows/rows.ts'
import type { Entry } from './entries.ts'
import { spellingChanges } from './spelling.ts'
import { takeMember, type Taken } from './take-member.ts'
import type { Change, EntryRule, Refusal } from './types.ts'

/** One entry as a row; null where it is refused. */
export interface RowRead {
  readonly row: AnyRow | null
  readonly refusals: readonly Refusal[]
  readonly changes: readonly Change[]
  /** As the mapping has it, whether the row is fit or not; null where it is no text. */
  readonly flagKey: string | null
  /** A refusal of one of the row's members. */
  readonly refusal: (code: Refusal['code'], member: string) => Refusal
}

/** Makes a row of an entry and holds it to page 1; every pointer leads into the file. */
export function readRow(table: Table, { members }: EntryRule, entry: Entry): RowRead {
  const taken = new Map(
    Object.entries(members).map(([name, rule]) => [name, takeMember(rule, entry)]),
  )
  const place = (code: Refusal['code'], at: string): Refusal => {
    const name = memberOf(at)
    const stands = taken.get(name)?.at ?? entry.at
    const below = at.slice(pointer('', name).length)
    return { code, pointer: `${stands}${below}`, detail: `${name} of ${table}` }
  }
  const { row, broken = [] } = decodeRow(table, { members: [...taken].flatMap(present) })
  const faults = [...taken].flatMap(([name, { fault }]) =>
    fault === null ? [] : [place(fault, pointer('', name))],
  )
  const key = taken.get('flag_key')?.node
  return {
    row: faults.length > 0 ? null : (row ?? null),
    refusals: [
      ...faults,
      ...broken.filter((one) => isOwn(one, taken)).map((one) => place(one.code, one.pointer)),
    ],
    changes: once([...taken].flatMap(changesOf)),
    flagKey: typeof key === 'string' ? key : null,
    refusal: (code, member) => place(code, pointer('', member)),
  }
}

const present = ([name, { node, fault }]: readonly [string, Taken]): readonly JsonMember[] =>
  node === undefined || fault !== null ? [] : [[name, node]]

/** What breaks I-JSON was found where it stands in the file (`survey`); a member that is at fault is not missing. */
function isOwn({ code, pointer: at }: Problem, taken: ReadonlyMap<string, Taken>): boolean {
  return !IN_THE_FILE.has(code) && (taken.get(memberOf(at))?.fault ?? null) === null
}
const IN_THE_FILE: ReadonlySet<Problem['code']> = new Set([
  'duplicate_member',
  'lone_surrogate',
  'nul_character',
  'number_not_canonical',
])

/** Whatever is wrong with an object lies in a member. @param at JSON pointer into the row */
const memberOf = (at: string): string => tokens(at)[0] as string

/** Two members may be read from one place. */
const once = (changes: readonly Change[]): readonly Change[] => [
  ...new Map(changes.map((one) => [`${one.code} ${one.becomes} ${one.pointer}`, one])).values(),
]

const VALUES: ReadonlySet<string> = new Set(['default_value', 'safe_value', 'value'])
const changesOf = ([name, { at, node, changes, untouched }]: readonly [string, Taken]) =>
  untouched && node !== undefined && VALUES.has(name) ? spellingChanges(node, at) : changes
