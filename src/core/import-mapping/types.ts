import type { ProblemCode } from '../problem.ts'
import type { RowLine } from '../row-format/row-line.ts'

/** The foreign form of a time; `type` detects the JSON type of a value instead. */
export type Conversion = 'rfc3339' | 'unix_s' | 'unix_ms' | 'date' | 'type'
/** The steps applied to a value, in this order. */
export interface ConversionSteps {
  readonly map?: readonly { readonly was: unknown; readonly becomes?: unknown }[]
  readonly as?: Conversion
  readonly prefix?: string
}
/** The source of a member: a constant, the name that the n-th `*` matched, or a place below the entry. */
export type MemberRule =
  | { readonly const: unknown }
  | (ConversionSteps & { readonly key: number })
  | (ConversionSteps & { readonly from: string; readonly default?: unknown })
export interface EntryRule {
  /** JSON pointer from the root of the file; the token `*` stands for each member or element. */
  readonly at: string
  readonly members: Readonly<Record<string, MemberRule>>
}
/** The part of contracts/schemas/incumbent-mapping.schema.json that rows are built from. */
export interface ImportMapping {
  readonly flags: readonly EntryRule[]
  readonly tenant_overrides: readonly EntryRule[]
  readonly user_overrides: readonly EntryRule[]
  /** Places that are ignored on purpose. */
  readonly ignored: readonly string[]
}

/** A place of the file that cannot become part of a row. */
export interface MappingRefusal {
  readonly code: MappingRefusalCode
  /** JSON pointer into the file. */
  readonly pointer: string
  /** The row and member where known, for display. */
  readonly detail: string
}
export type MappingRefusalCode =
  | ProblemCode
  | 'place_missing'
  | 'member_unmapped'
  | 'name_unmapped'
  | 'row_repeated'
  | 'time_not_convertible'

/** A value that a row holds differently from the file; both as JSON, null for no value. */
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

/** A row as a line of a snapshot. */
export interface MappedRow extends RowLine {
  readonly line: string
}
