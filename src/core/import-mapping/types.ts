import type { ProblemCode } from '../problem.ts'
import type { RowLine } from '../row-format/row-line.ts'

/** Reads the form of a time, or makes text of a number; `type` detects the JSON type of a value instead. */
export type Conversion =
  | 'rfc3339'
  | 'timestamp'
  | 'date'
  | 'unix_s'
  | 'unix_ms'
  | 'unix_us'
  | 'text'
  | 'type'
/** What a conversion of a time may assume or give up; without them such a time is refused. */
export interface TimeAllowances {
  /** `Z` or an offset such as `+02:00`: the zone of a time that names none. */
  readonly zone?: string
  /** Whether digits below a millisecond are cut. */
  readonly truncate?: boolean
}
export type NameCase = 'lower' | 'kebab' | 'snake'
/** One part of a text that a separator divides into exactly `of` parts; `part` counts from 1. */
export interface SplitStep {
  readonly by: string
  readonly part: number
  readonly of: number
}
/** The steps applied to a value, in this order: map, split, as, case, prefix. */
export interface ConversionSteps extends TimeAllowances {
  readonly map?: readonly { readonly was: unknown; readonly becomes?: unknown }[]
  readonly split?: SplitStep
  readonly as?: Conversion
  readonly case?: NameCase
  readonly prefix?: string
}

/** The name that the n-th `*` of the entry stands for. */
export interface NameSource {
  readonly key: number
}
/** A place of the file: below the entry, or below the value that is `up` levels above it. */
export interface PlaceSource {
  /** JSON pointer from there; of several, the first that the file has. */
  readonly from: string | readonly string[]
  readonly up?: number
  /** Names the member, or gives the index of the element, of the value at `from` that is meant. */
  readonly select?: ValueSource
}
export type ValueSource = NameSource | PlaceSource

/** One value for each type that a flag can have; a type without one is refused. */
export interface DefaultByType {
  readonly of: ValueSource
  readonly boolean?: unknown
  readonly string?: unknown
  readonly number?: unknown
  readonly object?: unknown
}
/** A value by the lists of the file that a name stands in; `otherwise` where it stands in none. */
export interface ListedRule {
  readonly name: ValueSource
  readonly listed: readonly { readonly in: string; readonly becomes: unknown }[]
  readonly otherwise: unknown
}
export type ReadRule = ConversionSteps &
  PlaceSource & { readonly default?: unknown; readonly default_by_type?: DefaultByType }
/** What a person has still to answer; a mapping with it is refused before it is applied. */
export interface GapRule {
  readonly gap: string
}
/** A value that every row has; the note says what a person has to decide. */
export interface ConstantRule {
  readonly const: unknown
  readonly note?: string | undefined
}
/** The source of a member: a constant, a name, a place, or lists of names. */
export type MemberRule =
  | ConstantRule
  | GapRule
  | (ConversionSteps & NameSource)
  | ReadRule
  | ListedRule

/** A test of one value; exactly one of the four tests is present. */
export type EntryCondition = ValueSource & {
  readonly split?: SplitStep
  readonly equals?: unknown
  readonly one_of?: readonly unknown[]
  readonly present?: boolean
  readonly type?: string
}
/** The entries that a rule is about. */
export interface EntryPattern {
  /** JSON pointer from the root of the file; the token `*` stands for each member or element. */
  readonly at: string
  /** Every one must hold. */
  readonly where?: readonly EntryCondition[]
}
export interface EntryRule extends EntryPattern {
  /** Whether the file may lack the place before the first `*`. */
  readonly optional?: boolean
  readonly members: Readonly<Record<string, MemberRule>>
}
/** Entries that are left behind. */
export interface SkipRule extends EntryPattern {
  readonly reason: string
  /** What the file loses; such an entry is refused unless the loss is accepted. */
  readonly loss?: string
}
/** The part of contracts/schemas/incumbent-mapping.schema.json that rows are built from. */
export interface ImportMapping {
  readonly flags: readonly EntryRule[]
  readonly tenant_overrides: readonly EntryRule[]
  readonly user_overrides: readonly EntryRule[]
  /** Places that are ignored on purpose. */
  readonly ignored: readonly string[]
  readonly skipped?: readonly SkipRule[]
}

/** A place of the file that cannot become part of a row. */
export interface MappingRefusal {
  readonly code: MappingRefusalCode
  /** JSON pointer into the file. */
  readonly pointer: string
  /** The member and table of the row, or the name of the loss; absent for any other place. */
  readonly about?: string
  /** The row and member where known, the value, the form wanted and the reason, for display. */
  readonly detail: string
}
export type MappingRefusalCode =
  | ProblemCode
  | 'place_missing'
  | 'member_unmapped'
  | 'name_unmapped'
  | 'entry_untaken'
  | 'entry_taken_twice'
  | 'scope_contradicted'
  | 'not_carried'
  | 'row_repeated'
  | 'name_collision'
  | 'time_not_convertible'
  | 'text_not_convertible'
  | 'text_not_divisible'
  | 'reference_unknown'
  | 'listed_twice'
  | 'default_missing'

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
  | 'divided'
  | 'time_converted'
  | 'zone_assumed'
  | 'time_truncated'
  | 'text_converted'
  | 'case_changed'
  | 'prefixed'
  | 'listed'
  | 'number_respelled'
  | 'members_sorted'

/** A row as a line of a snapshot. */
export interface MappedRow extends RowLine {
  readonly line: string
}
