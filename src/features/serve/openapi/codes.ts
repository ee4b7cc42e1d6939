import { AUTH_REFUSALS, type AuthRefusalCode } from '../../../core/auth/types.ts'
import type { ServiceCode } from '../../../core/http-api/problems.ts'

/** Codes of any request. */
export const ANY_CODES: readonly ServiceCode[] = [
  'request_malformed',
  'request_timeout',
  'headers_too_large',
  'too_many_requests_in_flight',
  'too_many_requests_arriving',
  'internal',
]
const ABOUT_SOMETHING: readonly AuthRefusalCode[] = ['token_missing', 'context_mismatch']
/**
 * The codes with which a route refuses a credential: all of the authenticator except `token_missing` and
 * `context_mismatch`.
 */
export const CREDENTIAL_CODES = (Object.keys(AUTH_REFUSALS) as AuthRefusalCode[]).filter(
  (code) => !ABOUT_SOMETHING.includes(code),
)
/** Codes of a route that requires a scope. */
export const SCOPED_CODES: readonly ServiceCode[] = [
  ...CREDENTIAL_CODES,
  'token_missing',
  'scope_missing',
]

/** Codes of a route that reads the store. */
export const READ_CODES: readonly ServiceCode[] = [
  'backing_unavailable',
  'target_unreachable',
  'rights_missing',
  'store_corrupt',
  'lock_timeout',
  'phase_refused',
]
/** Codes of a body that is not read, or is not an I-JSON object (RFC 7493). */
export const BODY_CODES: readonly ServiceCode[] = [
  'body_too_large',
  'media_type_unsupported',
  'utf8_invalid',
  'json_empty',
  'json_malformed',
  'json_too_deep',
  'duplicate_member',
  'type_wrong',
  'too_many_members',
]
/** Codes of a body that breaks I-JSON (RFC 7493) or its schema. */
export const STRICT_CODES: readonly ServiceCode[] = [
  'lone_surrogate',
  'nul_character',
  'number_not_canonical',
  'member_missing',
  'member_unknown',
  'form_wrong',
]
/** Codes of a change, without those of its body. */
export const CHANGE_CODES: readonly ServiceCode[] = [
  ...SCOPED_CODES,
  ...READ_CODES,
  'actor_missing',
  'form_wrong',
  'precondition_invalid',
  'revision_conflict',
  'row_broken',
  'flag_unknown',
  'flag_archived',
  'target_read_only',
  'disk_full',
  'row_refused',
  'mirror_behind',
  'outcome_unknown',
  'idempotency_key_invalid',
  'idempotency_key_reused',
]
/** Codes of a transition and a rollback. */
export const DETAIL_CODES: readonly ServiceCode[] = [
  ...CHANGE_CODES,
  ...BODY_CODES,
  ...STRICT_CODES,
]
/** Codes of a put. */
export const PUT_CODES: readonly ServiceCode[] = [
  ...CHANGE_CODES,
  ...BODY_CODES,
  ...STRICT_CODES,
  'time_not_canonical',
  'value_type_unsupported',
  'value_type_mismatch',
  'value_too_large',
  'text_too_long',
]
/** Codes of a change that requires an approval. */
export const APPROVAL_CODES: readonly ServiceCode[] = [
  'approval_missing',
  'approval_unknown',
  'approval_revoked',
  'approval_not_yet_valid',
  'approval_expired',
  'admin_unreachable',
]
