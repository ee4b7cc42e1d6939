import { type AuthRefusalCode, AUTH_REFUSALS } from '../auth/types.ts'
import type { Problem, ProblemCode } from '../problem.ts'

/** What is refused before a route, or by one, whatever is stored. */
export type RequestCode =
  | 'body_too_large'
  | 'headers_too_large'
  | 'media_type_unsupported'
  | 'utf8_invalid'
  | 'request_malformed'
  | 'request_timeout'
  | 'route_unknown'
  | 'method_not_allowed'
  | 'query_invalid'
  | 'precondition_invalid'
  | 'too_many_requests_in_flight'
  | 'too_many_flags'
  | 'scene_unknown'
  | 'too_many_scenes'
/** What a server says of itself, whatever is served. */
export type ServerCode = RequestCode | 'internal'
/** What somebody may not do who is let in. */
export type AccessCode = 'scope_missing' | 'tenant_foreign' | 'actor_missing'
/** What a store says of itself. */
export type StoreCode =
  | 'backing_unavailable'
  | 'target_unreachable'
  | 'target_read_only'
  | 'rights_missing'
  | 'store_corrupt'
  | 'disk_full'
  | 'lock_timeout'
  | 'internal'
export type ServiceCode = RequestCode | AccessCode | AuthRefusalCode | ProblemCode | StoreCode

const BAD = 400
const FORBIDDEN = 403
const UNKNOWN = 404
const CONFLICT = 409
const UNAVAILABLE = 503

/** Status and sentence of every refusal of the service but those of the door. */
const OWN: Readonly<Record<Exclude<ServiceCode, AuthRefusalCode>, readonly [number, string]>> = {
  body_too_large: [413, 'The body is larger than the service takes.'],
  headers_too_large: [431, 'The headers are larger than the service takes.'],
  media_type_unsupported: [415, 'The body is not application/json.'],
  utf8_invalid: [BAD, 'The body is not UTF-8.'],
  request_malformed: [BAD, 'The request is not HTTP as it is written down.'],
  request_timeout: [408, 'The request took too long to arrive.'],
  route_unknown: [UNKNOWN, 'Nothing is served under this path.'],
  method_not_allowed: [405, 'This path is not served with this method.'],
  query_invalid: [BAD, 'A parameter of the query cannot be used.'],
  precondition_invalid: [BAD, 'If-Match takes one strong tag or *, If-None-Match takes *.'],
  too_many_requests_in_flight: [
    UNAVAILABLE,
    'As many requests are under way as the service takes.',
  ],
  too_many_flags: [BAD, 'More flags are asked for than one answer holds.'],
  scene_unknown: [UNKNOWN, 'No scene of the harness is called as the request says.'],
  too_many_scenes: [BAD, 'More scenes or doors stand than a harness holds; put the rows anew.'],
  scope_missing: [FORBIDDEN, 'The token lacks the scope that this takes.'],
  tenant_foreign: [FORBIDDEN, 'The token is of another tenant.'],
  actor_missing: [FORBIDDEN, 'Nobody is named who makes the change.'],
  json_empty: [BAD, 'There is no JSON in the body.'],
  json_malformed: [BAD, 'The body is not JSON.'],
  json_too_deep: [BAD, 'The JSON is nested more deeply than the service takes.'],
  duplicate_member: [BAD, 'A member stands twice.'],
  lone_surrogate: [BAD, 'A text holds half of a surrogate pair.'],
  nul_character: [BAD, 'A text holds U+0000, which no database can store.'],
  number_not_canonical: [BAD, 'A number would not be stored as it is written.'],
  member_missing: [BAD, 'A member is missing.'],
  member_unknown: [BAD, 'A member is not known here.'],
  type_wrong: [BAD, 'A value is of another type.'],
  form_wrong: [BAD, 'A value has another form.'],
  time_not_canonical: [BAD, 'A time is not in UTC with milliseconds and Z.'],
  value_type_unsupported: [BAD, 'No flag can hold null or a list.'],
  value_too_large: [BAD, 'A value is larger than a flag holds.'],
  text_too_long: [BAD, 'A text is longer than a row holds.'],
  tombstone_not_bare: [BAD, 'A deleted override holds nothing.'],
  value_type_mismatch: [422, 'The value does not fit the type of the flag.'],
  flag_unknown: [UNKNOWN, 'No flag has this key.'],
  flag_archived: [CONFLICT, 'The flag is archived, which is final.'],
  override_unknown: [UNKNOWN, 'There is no such override.'],
  revision_conflict: [412, 'The row is not in the state that the request names.'],
  type_in_use: [CONFLICT, 'The type of the flag cannot change while overrides stand.'],
  row_broken: [500, 'The stored row does not fit its schema.'],
  approval_missing: [FORBIDDEN, 'The change takes an approval, and none is named.'],
  approval_unknown: [FORBIDDEN, 'Admin does not know the approval for this flag, tenant and user.'],
  approval_revoked: [FORBIDDEN, 'The approval is revoked.'],
  approval_not_yet_valid: [FORBIDDEN, 'The approval is not valid yet.'],
  approval_expired: [FORBIDDEN, 'The approval has expired.'],
  admin_unreachable: [UNAVAILABLE, 'Admin cannot be asked for the approval.'],
  backing_unavailable: [UNAVAILABLE, 'The store cannot be reached.'],
  target_unreachable: [UNAVAILABLE, 'The store cannot be reached.'],
  target_read_only: [UNAVAILABLE, 'The store takes no writes.'],
  rights_missing: [UNAVAILABLE, 'The service may not do this in its store.'],
  store_corrupt: [UNAVAILABLE, 'The store is damaged.'],
  disk_full: [507, 'The disk of the store is full; nothing was changed.'],
  lock_timeout: [UNAVAILABLE, 'The store was busy for too long; nothing was changed.'],
  internal: [500, 'The service failed; this is a bug.'],
}

/** Sentences of the door's refusals; their statuses are in the mode matrix. */
const CREDENTIAL_REFUSALS: Readonly<Record<AuthRefusalCode, string>> = {
  token_malformed: 'The token is not a compact JWS.',
  crit_unsupported: 'The token has critical headers that are not understood.',
  alg_not_allowed: 'The algorithm of the token is not allowed.',
  key_not_usable: 'The key of the token cannot verify it.',
  kid_missing: 'The token does not name its key.',
  kid_not_found: 'The key of the token is not in the key set.',
  signature_invalid: 'The signature does not verify.',
  claim_missing: 'The token lacks a claim.',
  issuer_mismatch: 'The token is from another issuer.',
  audience_mismatch: 'The token is for somebody else.',
  token_not_yet_valid: 'The token is not valid yet.',
  token_expired: 'The token has expired.',
  token_missing: 'This takes a token.',
  context_invalid: 'The tenant or the user is no id.',
  context_mismatch: 'The token speaks for another tenant or user.',
  jwks_unreachable: 'The key set cannot be had, so no token can be verified.',
}

/** Every code with its HTTP status and sentence, in the order of the alphabet. */
export const SERVICE_PROBLEMS: Readonly<
  Record<ServiceCode, readonly [status: number, title: string]>
> = Object.fromEntries(
  [
    ...Object.entries(OWN),
    ...Object.entries(CREDENTIAL_REFUSALS).map(
      ([code, title]) => [code, [AUTH_REFUSALS[code as AuthRefusalCode], title]] as const,
    ),
  ].sort(([a], [b]) => (a < b ? -1 : 1)),
) as unknown as Record<ServiceCode, readonly [number, string]>

/** Whether an error of a store is one that callers are told by its own name. */
export const isServiceCode = (code: string): code is ServiceCode =>
  Object.hasOwn(SERVICE_PROBLEMS, code)

/** One body can break a rule at tens of thousands of places, each with a pointer as long as the body. */
const MOST_PLACES = 100
const MAX_POINTER = 1_024

/** Where it is, or the nearest place above that can be named in so many characters. */
const near = ({ code, pointer }: Problem): Problem => ({
  code,
  pointer:
    pointer.length <= MAX_POINTER
      ? pointer
      : pointer.slice(0, pointer.lastIndexOf('/', MAX_POINTER)),
})

/** A problem detail (RFC 9457) as JSON. @param places what is wrong, each with its JSON pointer; the first are told */
export function formatProblem(
  code: ServiceCode,
  request_id: string,
  places: readonly Problem[] = [],
): string {
  const [status, title] = SERVICE_PROBLEMS[code]
  return JSON.stringify({
    type: 'about:blank',
    title,
    status,
    code,
    request_id,
    ...(places.length > 0 ? { errors: places.slice(0, MOST_PLACES).map(near) } : {}),
  })
}
