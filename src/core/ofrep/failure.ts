import type { Problem } from '../problem.ts'
import { SERVICE_PROBLEMS, type ServiceCode } from '../http-api/problems.ts'

/** The error codes of OFREP that are ever sent. TARGETING_KEY_MISSING is none of them: no flag needs one to be decided. */
export type OfrepErrorCode = 'PARSE_ERROR' | 'INVALID_CONTEXT' | 'FLAG_NOT_FOUND' | 'GENERAL'

/** What our codes are called there; any other is GENERAL. */
const ERROR_CODES: Readonly<Partial<Record<ServiceCode, OfrepErrorCode>>> = {
  json_empty: 'PARSE_ERROR',
  json_malformed: 'PARSE_ERROR',
  json_too_deep: 'PARSE_ERROR',
  utf8_invalid: 'PARSE_ERROR',
  media_type_unsupported: 'PARSE_ERROR',
  type_wrong: 'INVALID_CONTEXT',
  form_wrong: 'INVALID_CONTEXT',
  member_missing: 'INVALID_CONTEXT',
  duplicate_member: 'INVALID_CONTEXT',
  flag_unknown: 'FLAG_NOT_FOUND',
}

/** A 503 that is not about the store: come again, or with another token. */
const ELSEWHERE: ReadonlySet<ServiceCode> = new Set([
  'jwks_unreachable',
  'too_many_requests_in_flight',
])

/** The HTTP status of a refusal: ours, but a store that is away is 500, the only failure that clients read. */
export function toOfrepStatus(code: ServiceCode): number {
  const [status] = SERVICE_PROBLEMS[code]
  return status >= 500 && !ELSEWHERE.has(code) ? 500 : status
}

/**
 * A failure as OFREP has it: without `key` and `errorCode` clients take it for an answer that nobody expected.
 *
 * @param key null where the request was not about one flag
 * @param places what of the request is wrong
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
