import type { ProblemCode } from '../problem.ts'
import type { RowLine } from '../row-format/row-line.ts'

/** How a text or a number that is no time of ours is read; `type` tells the JSON type of a value. */
export type Conversion = 'rfc3339' | 'unix_s' | 'unix_ms' | 'date' | 'type'
/** What becomes of what was read, in this order. */
export interface ConversionSteps {
  readonly map?: readonly { readonly was: unknown; readonly becomes?: unknown }[]
  readonly as?: Conversion
  readonly prefix?: string
}
/** Where a member of a row comes from: said once for all, the n-th `*` of the entry, or a place below the entry. */
export type MemberRule =
  | { readonly const: unknown }
  | (ConversionSteps & { readonly key: number })
  | (ConversionSteps & { readonly from: string; readonly default?: unknown })
export interface EntryRule {
  /** JSON pointer from the root of the file; the token `*` stands for each member or element. */
  readonly at: string
  readonly members: Readonly<Record<string, MemberRule>>
}
/** contracts/schemas/incumbent-mapping.schema.json, as far as rows are made of it. */
export interface ImportMapping {
  readonly flags: readonly EntryRule[]
  readonly tenant_overrides: readonly EntryRule[]
  readonly user_overrides: readonly EntryRule[]
  /** Places that are left behind on purpose. */
  readonly ignored: readonly string[]
}

/** Something of the file that no row can hold as it stands. */
export interface MappingRefusal {
  readonly code: MappingRefusalCode
  /** JSON pointer into the file. */
  readonly pointer: string
  /** Of which row and member, where that is known; for people. */
  readonly detail: string
}
export type MappingRefusalCode =
  | ProblemCode
  | 'place_missing'
  | 'member_unmapped'
  | 'name_unmapped'
  | 'row_repeated'
  | 'time_not_convertible'

/** Something that a row does not hold as the file has it; both sides as JSON, null for nothing. */
export interface MappingChange {
  readonly code: MappingChangeCode
  /** JSON pointer into the file. */
  readonly pointer: string
  readonly was: string | null
  readonly becomes: string | null
}
export type MappingChangeCode =
  | 'mapped'
  | 'left_out'
  | 'default_taken'
  | 'time_converted'
  | 'prefixed'
  | 'number_respelled'
  | 'members_sorted'

/** A row as a store's snapshot holds it. */
export interface MappedRow extends RowLine {
  readonly line: string
}
