/** Every rule that one place of an input can break. Reporters own the words for them. */
export type ProblemCode =
  // the text
  | 'json_empty'
  | 'json_malformed'
  | 'json_too_deep'
  | 'duplicate_member'
  | 'lone_surrogate'
  | 'nul_character'
  | 'number_not_canonical'
  // the shape
  | 'member_missing'
  | 'member_unknown'
  | 'type_wrong'
  | 'form_wrong'
  | 'time_not_canonical'
  | 'value_type_unsupported'
  | 'value_too_large'
  | 'text_too_long'
  | 'tombstone_not_bare'
  | 'value_type_mismatch'
  // the write
  | 'flag_unknown'
  | 'flag_archived'
  | 'override_unknown'
  | 'revision_conflict'
  | 'type_in_use'
  | 'row_broken'
  | 'approval_missing'
  | 'approval_unknown'
  | 'approval_revoked'
  | 'approval_not_yet_valid'
  | 'approval_expired'
  | 'admin_unreachable'

/** One fault of an input: a stable code and a place, never prose. */
export interface Problem {
  readonly code: ProblemCode
  /** JSON pointer (RFC 6901) from the root of the input. */
  readonly pointer: string
}

/** A problem from its code and its JSON pointer (RFC 6901) from the root of the input. */
export const makeProblem = (code: ProblemCode, at: string): Problem => ({ code, pointer: at })
