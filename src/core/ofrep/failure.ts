import type { Problem } from '../problem.ts'
import { SERVICE_PROBLEMS, type ServiceCode } from '../http-api/problems.ts'

/** The OFREP error codes in use. TARGETING_KEY_MISSING is not: no flag requires a targeting key. */
export type OfrepErrorCode = 'PARSE_ERROR' | 'INVALID_CONTEXT' | 'FLAG_NOT_FOUND' | 'GENERAL'

/** The OFREP code of each service code; GENERAL for any other. */
const ERROR_CODES: Readonly<Partial<Record<ServiceCode, OfrepErrorCode>>> = {
  json_empty: 'PARSE_ERROR',
  json_malformed: 'PARSE_ERROR',
  json_too_deep: 'PARSE_ERROR',
  utf8_invalid: 'PARSE_ERROR',
  media_type_unsupported: 'PARSE_ERROR',
  type_wrong: 'INVALID_CONTEXT',
  form_wrong: 'INVALID_CONTEXT',
  member_missing: 'INVALID_CONTEXT',
  too_many_members: 'INVALID_CONTEXT',
  duplicate_member: 'INVALID_CONTEXT',
  flag_unknown: 'FLAG_NOT_FOUND',
}

/** 503 for other reasons than the store: the client may retry, or use another token. */
const ELSEWHERE: ReadonlySet<ServiceCode> = new Set([
  'jwks_unreachable',
  'too_many_requests_in_flight',
  'too_many_requests_arriving',
])

/**
 * The HTTP status in OFREP: that of the service, but 500 for its 5xx codes, the only server error that OFREP clients
 * handle. `jwks_unreachable` and those of a server that is too busy keep theirs, as a retry or another token may help.
 */
export function toOfrepStatus(code: ServiceCode): number {
  const [status] = SERVICE_PROBLEMS[code]
  return status >= 500 && !ELSEWHERE.has(code) ? 500 : status
}

/**
 * The JSON text of an OFREP failure: `errorCode` (GENERAL where OFREP has no closer one), `errorDetails` with the
 * code's title and the first place that is not the root, and the service code in `metadata`. Without `key` and
 * `errorCode` clients report an unexpected answer.
 *
 * @param key null for a request that is not about one flag: the member is then left out
 * @param places faults of the request
 */
export function formatOfrepFailure(
  code: ServiceCode,
  key: string | null,
  places: readonly Problem[] = [],
): string {
  const [, title] = SERVICE_PROBLEMS[code]
  const at = places.map((place) => place.pointer).find((one) => one !== '')
  return JSON.stringify({
    key: key ?? undefined,
    errorCode: ERROR_CODES[code] ?? 'GENERAL',
    errorDetails: at === undefined ? title : `${title} (${at})`,
    metadata: { code },
  })
}
