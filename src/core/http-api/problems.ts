import { type AuthRefusalCode, AUTH_REFUSALS } from '../auth/types.ts'
import type { Problem, ProblemCode } from '../problem.ts'
import { PATTERNS } from '../rows/grammar.ts'

/** Refusals that do not depend on stored data. */
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
  | 'too_many_requests_arriving'
  | 'too_many_members'
  | 'too_many_flags'
  | 'too_many_invalidations'
  | 'scene_unknown'
  | 'too_many_scenes'
  | 'idempotency_key_invalid'
  | 'idempotency_key_reused'
/** Refusals that any HTTP server of this program may send. */
export type ServerCode = RequestCode | 'internal'
/** Refusals of an authenticated caller that lacks a right. */
export type AccessCode = 'scope_missing' | 'tenant_foreign' | 'actor_missing'
/** Failures of the store. */
export type StoreCode =
  | 'backing_unavailable'
  | 'target_unreachable'
  | 'target_read_only'
  | 'rights_missing'
  | 'store_corrupt'
  | 'disk_full'
  | 'lock_timeout'
  | 'row_refused'
  | 'phase_refused'
  | 'mirror_behind'
  | 'outcome_unknown'
  | 'internal'
export type ServiceCode =
  | RequestCode
  | AccessCode
  | AuthRefusalCode
  | ProblemCode
  | StoreCode
  | 'revision_not_kept'

const BAD = 400
const FORBIDDEN = 403
const UNKNOWN = 404
const CONFLICT = 409
const UNAVAILABLE = 503

/** Status and title of every refusal except those of the authenticator. */
const OWN: Readonly<Record<Exclude<ServiceCode, AuthRefusalCode>, readonly [number, string]>> = {
  body_too_large: [413, 'The body is larger than the limit.'],
  headers_too_large: [431, 'The headers are larger than the limit.'],
  media_type_unsupported: [415, 'The body is not application/json.'],
  utf8_invalid: [BAD, 'The body is not UTF-8.'],
  request_malformed: [BAD, 'The request is not valid HTTP.'],
  request_timeout: [408, 'The request took too long to arrive.'],
  route_unknown: [UNKNOWN, 'No route has this path.'],
  method_not_allowed: [405, 'This path does not support the method.'],
  query_invalid: [BAD, 'A query parameter is invalid.'],
  precondition_invalid: [BAD, 'If-Match takes one strong tag or *, If-None-Match takes *.'],
  too_many_requests_in_flight: [
    UNAVAILABLE,
    'The service already handles as many requests as its limit allows.',
  ],
  too_many_requests_arriving: [
    UNAVAILABLE,
    'Too many requests arrive slowly, and this is the oldest of them.',
  ],
  too_many_members: [BAD, 'The body has more members than any request needs.'],
  too_many_flags: [BAD, 'The request names more flags than one answer holds.'],
  too_many_invalidations: [429, 'The caller had everything invalidated less than a minute ago.'],
  scene_unknown: [UNKNOWN, 'The harness holds no scene with this name.'],
  too_many_scenes: [
    BAD,
    'The harness holds no more scenes or authenticators; send the rows again.',
  ],
  idempotency_key_invalid: [
    BAD,
    'Idempotency-Key takes a string of 1 to 255 printable characters in quotes.',
  ],
  idempotency_key_reused: [422, 'Another request was made under this Idempotency-Key.'],
  scope_missing: [FORBIDDEN, 'The token lacks the required scope.'],
  tenant_foreign: [FORBIDDEN, 'The token belongs to another tenant.'],
  actor_missing: [FORBIDDEN, 'The request does not name the user who makes the change.'],
  json_empty: [BAD, 'The body is empty.'],
  json_malformed: [BAD, 'The body is not JSON.'],
  json_too_deep: [BAD, 'The JSON is nested too deeply.'],
  duplicate_member: [BAD, 'An object has two members of the same name.'],
  lone_surrogate: [BAD, 'A text holds half of a surrogate pair.'],
  nul_character: [BAD, 'A text holds U+0000, which PostgreSQL cannot store.'],
  number_not_canonical: [BAD, 'A number cannot be stored without changing it.'],
  member_missing: [BAD, 'A required member is missing.'],
  member_unknown: [BAD, 'A member is unknown.'],
  type_wrong: [BAD, 'A value has the wrong JSON type.'],
  form_wrong: [BAD, 'A value has the wrong form.'],
  time_not_canonical: [BAD, 'A time is not in UTC with milliseconds and Z.'],
  value_type_unsupported: [BAD, 'A flag cannot hold null or a list.'],
  value_too_large: [BAD, 'A value is larger than a flag can hold.'],
  text_too_long: [BAD, 'A text is longer than a row can hold.'],
  tombstone_not_bare: [BAD, 'A deleted override must not have a value, ref, note or expiry.'],
  value_type_mismatch: [422, 'The value does not fit the type of the flag.'],
  flag_unknown: [UNKNOWN, 'No flag has this key.'],
  flag_archived: [CONFLICT, 'The flag is archived, which is final.'],
  override_unknown: [UNKNOWN, 'There is no such override.'],
  revision_conflict: [412, 'The row is not in the state that the request requires.'],
  revision_not_kept: [
    CONFLICT,
    'The store does not keep this revision, or never had it: of imported rows it has none before the import.',
  ],
  type_in_use: [CONFLICT, 'The type of a flag cannot change while it has overrides.'],
  row_broken: [500, 'The stored row does not fit its schema.'],
  approval_missing: [FORBIDDEN, 'The change requires an approval, and the request names none.'],
  approval_unknown: [FORBIDDEN, 'Admin does not know the approval for this flag, tenant and user.'],
  approval_revoked: [FORBIDDEN, 'The approval is revoked.'],
  approval_not_yet_valid: [FORBIDDEN, 'The approval is not valid yet.'],
  approval_expired: [FORBIDDEN, 'The approval has expired.'],
  admin_unreachable: [UNAVAILABLE, 'Admin cannot be reached to check the approval.'],
  backing_unavailable: [UNAVAILABLE, 'The store cannot be reached.'],
  target_unreachable: [UNAVAILABLE, 'The store cannot be reached.'],
  target_read_only: [UNAVAILABLE, 'The store is read-only.'],
  rights_missing: [UNAVAILABLE, 'The service lacks a right in its store.'],
  store_corrupt: [UNAVAILABLE, 'The store is damaged.'],
  disk_full: [507, 'The disk of the store is full; nothing was changed.'],
  lock_timeout: [UNAVAILABLE, 'The store was busy for too long; nothing was changed.'],
  row_refused: [
    UNAVAILABLE,
    'The store refuses the row by a rule of its own; nothing was changed.',
  ],
  phase_refused: [UNAVAILABLE, 'In this phase of the cutover the store is served elsewhere.'],
  mirror_behind: [
    UNAVAILABLE,
    'The change is in effect and will not be undone, but one side of the cutover lacks it yet; repeat the request with its Idempotency-Key.',
  ],
  outcome_unknown: [
    UNAVAILABLE,
    'Whether the change was made is not known; repeat the request with its Idempotency-Key, or read the row.',
  ],
  internal: [500, 'The service failed; this is a bug.'],
}

/** Titles of the authenticator's refusals; the mode matrix gives their statuses. */
const CREDENTIAL_REFUSALS: Readonly<Record<AuthRefusalCode, string>> = {
  token_malformed: 'The token is not a compact JWS of type JWT or at+jwt.',
  crit_unsupported: 'The token has critical headers that the service does not support.',
  alg_not_allowed: 'The algorithm of the token is not allowed.',
  key_not_usable: 'The key of the token cannot be used to verify it.',
  kid_missing: 'The token does not name its key.',
  kid_not_found: 'The key of the token is not in the key set.',
  signature_invalid: 'The signature of the token is invalid.',
  claim_missing: 'The token lacks a claim.',
  issuer_mismatch: 'The token is from another issuer.',
  audience_mismatch: 'The token is for another audience.',
  token_not_yet_valid: 'The token is not valid yet.',
  token_expired: 'The token has expired.',
  token_missing: 'The request requires a token.',
  context_invalid: 'The tenant id or the user id is malformed.',
  context_mismatch: 'The token does not allow another tenant or user.',
  jwks_unreachable: 'The key set cannot be loaded, so no token can be verified.',
}

/** Every code with its HTTP status and title, sorted by code. */
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

/** Whether a code is in `SERVICE_PROBLEMS`, so that the service may send it to a caller as it is. */
export const isServiceCode = (code: string): code is ServiceCode =>
  Object.hasOwn(SERVICE_PROBLEMS, code)

/**
 * Limits of one problem document: a body can break a rule at tens of thousands of places, with pointers as long as
 * itself.
 */
const MOST_PLACES = 100
const MAX_POINTER = 1_024

/** The pointer itself, or that of the nearest ancestor whose pointer is within the limit. */
const shortenPointer = ({ code, pointer }: Problem): Problem => ({
  code,
  pointer:
    pointer.length <= MAX_POINTER
      ? pointer
      : pointer.slice(0, pointer.lastIndexOf('/', MAX_POINTER)),
})

/** A place of a text whose form is known says that form. */
const describePlace = (place: Problem): object => {
  const pattern = PATTERNS.get(place.pointer.slice(1))
  const shown = shortenPointer(place)
  return place.code === 'form_wrong' && pattern !== undefined ? { ...shown, pattern } : shown
}

/** What a problem document says besides its code. */
export interface ProblemFacts {
  readonly places?: readonly Problem[]
  /** The change that is in effect although it is not acknowledged: its audit record, and the revision of its row. */
  readonly change?: { readonly seq: number; readonly revision: number | null } | undefined
}

/**
 * A problem document (RFC 9457) as JSON: type, title, status, code and request id. `errors` lists the first 100
 * places, each pointer of more than 1,024 characters cut to an ancestor's; it is left out without places. A
 * `form_wrong` of a key, an id or an approval has the `pattern` that the text has to match.
 */
export function formatProblem(
  code: ServiceCode,
  request_id: string,
  { places = [], change }: ProblemFacts = {},
): string {
  const [status, title] = SERVICE_PROBLEMS[code]
  return JSON.stringify({
    type: 'about:blank',
    title,
    status,
    code,
    request_id,
    ...change,
    ...(places.length > 0 ? { errors: places.slice(0, MOST_PLACES).map(describePlace) } : {}),
  })
}
