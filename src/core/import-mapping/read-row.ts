import { appendPointer, parsePointer } from '../json/pointer.ts'
import type { JsonMember } from '../json/read.ts'
import type { Problem } from '../problem.ts'
import { decodeRow } from '../rows/decode-row.ts'
import type { AnyRow, TableName } from '../rows/rows.ts'
import type { MappingEntry } from './entries.ts'
import { findSpellingChanges } from './spelling.ts'
import { readMember, type MemberRead } from './take-member.ts'
import type { MappingChange, EntryRule, MappingRefusal } from './types.ts'
import { describeMember } from './wanted.ts'

/** The row of one entry; null where it is refused. */
export interface RowRead {
  readonly row: AnyRow | null
  readonly refusals: readonly MappingRefusal[]
  readonly changes: readonly MappingChange[]
  /** The flag key by the mapping, also of an invalid row; null where it is not a text. */
  readonly flagKey: string | null
  /** Names that a conversion may have made equal to others. */
  readonly merged: readonly MergedName[]
  /** Builds a refusal of one of the row's members; the reason adds to what the code says. */
  readonly refusal: (
    code: MappingRefusal['code'],
    member: string,
    reason?: string,
  ) => MappingRefusal
}

/** A name before and after a conversion, as JSON. */
interface MergedName {
  readonly member: string
  readonly was: string
  readonly becomes: string
}

/**
 * Builds and validates the row of an entry. The row is null where a member cannot be converted or the row is invalid.
 * Returns the refusals and changes too, with pointers into the file; breaches of I-JSON are left to `surveyDocument`.
 */
export function readRow(table: TableName, rule: EntryRule, entry: MappingEntry): RowRead {
  const reads = new Map(
    Object.entries(rule.members).map(([name, one]) => [name, readMember(one, entry, rule.at)]),
  )
  const place = (code: MappingRefusal['code'], at: string, reason?: string): MappingRefusal => {
    const name = findMember(at)
    const read = reads.get(name)
    const below = at.slice(appendPointer('', name).length)
    const detail = describeMember({ table, name, code, node: read?.node, reason })
    return {
      code,
      pointer: `${read?.at ?? entry.at}${below}`,
      about: `${name} of ${table}`,
      detail,
    }
  }
  const { row, broken = [] } = decodeRow(table, { members: [...reads].flatMap(toMembers) })
  const faults = [...reads].flatMap(([name, { fault }]) =>
    fault === null ? [] : [place(fault.code, appendPointer('', name), fault.reason)],
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
    merged: [...reads].flatMap(([member, { merged }]) =>
      merged === null ? [] : [{ member, ...merged }],
    ),
    refusal: (code, member, reason) => place(code, appendPointer('', member), reason),
  }
}

const toMembers = ([name, { node, fault }]: readonly [string, MemberRead]): readonly JsonMember[] =>
  node === undefined || fault !== null ? [] : [[name, node]]

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
