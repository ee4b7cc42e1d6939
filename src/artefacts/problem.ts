import type { ModeFaultCode } from '../core/auth/modes.ts'
import type { WaiverFault } from '../core/gate/waivers.ts'
import type { ProblemCode } from '../core/problem.ts'

/** One problem at one place of an artefact. A `schema_*` code names the violated JSON Schema keyword. */
export interface ArtefactProblem {
  /** The path from the command line, or relative to the package. */
  readonly file: string
  /** JSON Pointer (RFC 6901). */
  readonly pointer: string
  readonly code: ArtefactCode
  /** The wrong value or the expected one, for people; may be empty. */
  readonly detail: string
}

export type ArtefactCode =
  | ProblemCode
  | ModeFaultCode
  | `schema_${string}`
  | 'file_missing'
  | 'file_unreadable'
  | 'file_too_large'
  | 'utf8_invalid'
  | 'byte_order_mark'
  | 'line_too_long'
  | 'kind_unknown'
  | 'id_repeated'
  | 'row_repeated'
  | 'vector_missing'
  | 'vector_unexpected'
  | 'covers_differs'
  | 'coverage_missing'
  | 'error_differs'
  | 'limit_differs'
  | 'fixture_unknown'
  | 'given_to_a_service'
  | 'token_for_a_store'
  | 'variable_unset'
  | 'fixture_missing'
  | 'fixture_row_differs'
  | 'fixture_clock_differs'
  | 'fixture_environment_differs'
  | 'fixture_mode_underivable'
  | 'pointer_repeated'
  | 'rule_below_floor'
  | 'field_unnamed'
  | 'cell_count_differs'
  | 'migration_name_invalid'
  | 'migration_part_missing'
  | 'migration_not_atomic'
  | 'migration_not_in_contract'
  | 'migration_missing'
  | 'role_unknown'
  | WaiverFault
  | 'item_count_differs'
  | 'group_count_differs'
  | 'item_missing'
  | 'item_unknown'
  | 'group_missing'
  | 'identity_incomplete'
  | 'checklist_loosened'
  | 'limit_has_no_order'
  | 'control_missing'
  | 'control_unknown'
  | 'span_invalid'
  | 'wildcard_missing'
  | 'level_missing'
  | 'part_unread'
  | 'test_not_single'
  | 'gap_open'
  | 'value_repeated'
  | 'signal_unknown'
  | 'signal_has_no_buckets'
  | 'label_unknown'
