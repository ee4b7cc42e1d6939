import { appendPointer, parsePointer } from '../json/pointer.ts'
import type { JsonMember } from '../json/read.ts'
import type { Problem } from '../problem.ts'
import { decodeRow } from '../rows/decode-row.ts'
import type { AnyRow, TableName } from '../rows/rows.ts'
import type { MappingEntry } from './entries.ts'
import { findSpellingChanges } from './spelling.ts'
import { readMember, type MemberRead } from './take-member.ts'
import type { MappingChange, EntryRule, MappingRefusal } from './types.ts'

/** The row of one entry; null where it is refused. */
export interface RowRead {
  readonly row: AnyRow | null
  readonly refusals: readonly MappingRefusal[]
  readonly changes: readonly MappingChange[]
  /** The flag key by the mapping, also of an invalid row; null where it is not a text. */
  readonly flagKey: string | null
  /** Builds a refusal of one of the row's members. */
  readonly refusal: (code: MappingRefusal['code'], member: string) => MappingRefusal
}

/**
 * Builds and validates the row of an entry. The row is null where a member cannot be converted or the row is invalid.
 * Returns the refusals and changes too, with pointers into the file; breaches of I-JSON are left to `surveyDocument`.
 */
export function readRow(table: TableName, { members }: EntryRule, entry: MappingEntry): RowRead {
  const reads = new Map(
    Object.entries(members).map(([name, rule]) => [name, readMember(rule, entry)]),
  )
  const place = (code: MappingRefusal['code'], at: string): MappingRefusal => {
    const name = findMember(at)
    const stands = reads.get(name)?.at ?? entry.at
    const below = at.slice(appendPointer('', name).length)
    return { code, pointer: `${stands}${below}`, detail: `${name} of ${table}` }
  }
  const { row, broken = [] } = decodeRow(table, { members: [...reads].flatMap(toMembers) })
  const faults = [...reads].flatMap(([name, { fault }]) =>
    fault === null ? [] : [place(fault, appendPointer('', name))],
  )
  const key = reads.get('flag_key')?.node
  return {
    row: faults.length > 0 ? null : (row ?? null),
    refusals: [
      ...faults,
      ...broken.filter((one) => isOwn(one, reads)).map((one) => place(one.code, one.pointer)),
    ],
    changes: withoutRepeats([...reads].flatMap(toChanges)),
    flagKey: typeof key === 'string' ? key : null,
    refusal: (code, member) => place(code, appendPointer('', member)),
  }
}

const toMembers = ([name, { node, fault }]: readonly [
  string,
  MemberRead,
]): readonly JsonMember[] => (node === undefined || fault !== null ? [] : [[name, node]])

/**
 * Whether the fault is new: the survey already reported breaches of I-JSON, and a faulty member is not also missing.
 */
function isOwn({ code, pointer: at }: Problem, reads: ReadonlyMap<string, MemberRead>): boolean {
  return !IN_THE_FILE.has(code) && (reads.get(findMember(at))?.fault ?? null) === null
}
const IN_THE_FILE: ReadonlySet<Problem['code']> = new Set([
  'duplicate_member',
  'lone_surrogate',
  'nul_character',
  'number_not_canonical',
])

/** The member that a fault of a row lies in. @param at JSON pointer into the row */
const findMember = (at: string): string => parsePointer(at)[0] as string

/** Two members may read one place. */
const withoutRepeats = (changes: readonly MappingChange[]): readonly MappingChange[] => [
  ...new Map(changes.map((one) => [`${one.code} ${one.becomes} ${one.pointer}`, one])).values(),
]

const VALUES: ReadonlySet<string> = new Set(['default_value', 'safe_value', 'value'])
const toChanges = ([name, { at, node, changes, untouched }]: readonly [string, MemberRead]) =>
  untouched && node !== undefined && VALUES.has(name) ? findSpellingChanges(node, at) : changes
