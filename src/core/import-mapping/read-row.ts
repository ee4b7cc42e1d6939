import { appendPointer, parsePointer } from '../json/pointer.ts'
import type { JsonMember } from '../json/read.ts'
import type { Problem } from '../problem.ts'
import { decodeRow } from '../rows/decode-row.ts'
import type { AnyRow, TableName } from '../rows/rows.ts'
import type { MappingEntry } from './entries.ts'
import { findSpellingChanges } from './spelling.ts'
import { readMember, type MemberRead } from './take-member.ts'
import type { EntryRule, MappingChange, MappingRefusal, MemberRule } from './types.ts'
import { describeMember } from './wanted.ts'

/** A name before and after a conversion, as JSON. */
interface MergedName {
  readonly member: string
  readonly was: string
  readonly becomes: string
}

/**
 * The row of an entry, built and validated. `row` is null where a member cannot be converted or the row is invalid.
 * Breaches of I-JSON are left to `surveyDocument`.
 */
export class RowRead {
  readonly row: AnyRow | null
  /** With pointers into the file. */
  readonly refusals: readonly MappingRefusal[]
  readonly changes: readonly MappingChange[]
  /** Names that a conversion may have made equal to others. */
  readonly merged: readonly MergedName[]
  private readonly table: TableName
  private readonly entry: MappingEntry
  private readonly reads: readonly NamedRead[]

  constructor(table: TableName, rule: EntryRule, entry: MappingEntry) {
    this.table = table
    this.entry = entry
    this.reads = Object.keys(rule.members).map((name) => ({
      name,
      read: readMember(rule.members[name] as MemberRule, entry, rule.at),
    }))
    const members = this.reads.flatMap(toMembers)
    const { row, broken = [] } = decodeRow(table, { members })
    const faulty = this.reads.filter(({ read }) => read.fault !== null)
    this.row = faulty.length > 0 ? null : (row ?? null)
    this.refusals = [
      ...faulty.map(({ name, read: { fault } }) =>
        this.refuseAt(
          fault?.code as MappingRefusal['code'],
          appendPointer('', name),
          fault?.reason,
        ),
      ),
      ...broken
        .filter((one) => this.isOwn(one))
        .map(({ code, pointer }) => this.refuseAt(code, pointer)),
    ]
    this.changes = listChanges(this.reads)
    this.merged = this.reads.flatMap(({ name, read: { merged } }) =>
      merged === null ? [] : [{ member: name, ...merged }],
    )
  }

  /** The flag key by the mapping, also of an invalid row; null where it is not a text. */
  get flagKey(): string | null {
    const node = this.find('flag_key')?.node
    return typeof node === 'string' ? node : null
  }

  /** JSON pointer into the file: what the member is read from, or the entry for one that the rule lacks. */
  placeOf(member: string): string {
    return this.find(member)?.at ?? this.entry.at
  }

  /** A refusal of one of the row's members; the reason adds to what the code says. */
  refuse(code: MappingRefusal['code'], member: string, reason?: string): MappingRefusal {
    return this.refuseAt(code, appendPointer('', member), reason)
  }

  private find(member: string): MemberRead | undefined {
    return this.reads.find(({ name }) => name === member)?.read
  }

  /** @param at JSON pointer into the row */
  private refuseAt(code: MappingRefusal['code'], at: string, reason?: string): MappingRefusal {
    const { table } = this
    const name = findMember(at)
    const below = at.slice(appendPointer('', name).length)
    const detail = describeMember({ table, name, code, node: this.find(name)?.node, reason })
    const pointer = `${this.placeOf(name)}${below}`
    return { code, pointer, about: `${name} of ${table}`, detail }
  }

  /** Whether the fault is new: the survey reports breaches of I-JSON, and a faulty member is not also missing. */
  private isOwn({ code, pointer: at }: Problem): boolean {
    return !IN_THE_FILE.has(code) && (this.find(findMember(at))?.fault ?? null) === null
  }
}

interface NamedRead {
  readonly name: string
  readonly read: MemberRead
}
const toMembers = ({ name, read: { node, fault } }: NamedRead): readonly JsonMember[] =>
  node === undefined || fault !== null ? [] : [[name, node]]

const IN_THE_FILE: ReadonlySet<Problem['code']> = new Set([
  'duplicate_member',
  'lone_surrogate',
  'nul_character',
  'number_not_canonical',
])

/** The member that a fault of a row lies in. @param at JSON pointer into the row */
const findMember = (at: string): string => parsePointer(at)[0] as string

/** Two members may read one place; a change of it is listed once. */
function listChanges(reads: readonly NamedRead[]): readonly MappingChange[] {
  const found: MappingChange[] = []
  for (const read of reads)
    for (const change of toChanges(read))
      if (!found.some((one) => isSameChange(one, change))) found.push(change)
  return found
}
const isSameChange = (a: MappingChange, b: MappingChange): boolean =>
  a.code === b.code && a.pointer === b.pointer && a.becomes === b.becomes

const VALUES: ReadonlySet<string> = new Set(['default_value', 'safe_value', 'value'])
const toChanges = ({
  name,
  read: { at, node, changes, untouched },
}: NamedRead): readonly MappingChange[] =>
  untouched && node !== undefined && VALUES.has(name) ? findSpellingChanges(node, at) : changes
