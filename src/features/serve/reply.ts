import { createHash } from 'node:crypto'
import { matchesTag } from '../../core/http-api/preconditions.ts'
import type { Problem } from '../../core/problem.ts'
import {
  isServiceCode,
  SERVICE_PROBLEMS,
  formatProblem,
  type ProblemFacts,
  type ServiceCode,
} from '../../core/http-api/problems.ts'
import { FfError } from '../../errors.ts'
import type { RouteRequest, RouteResponse } from '../../ports/http.ts'
import { UnsettledChange } from './managed-refusals.ts'

const JSON_TYPE = 'application/json; charset=utf-8'
/** `Retry-After` of a 503, in seconds. */
const RETRY_AFTER = '1'
/** A response is valid for one caller and one moment, so no cache may keep it. */
export const NO_STORE = { 'cache-control': 'no-store' } as const

/** A JSON response of serialized text, with status 200, `no-store` and no flags decided unless given otherwise. */
export const toJsonResponse = (
  text: string,
  {
    status = 200,
    headers,
    flags = null,
  }: Partial<Pick<RouteResponse, 'status' | 'headers' | 'flags'>> = {},
): RouteResponse => ({
  status,
  type: JSON_TYPE,
  headers: headers === undefined ? NO_STORE : { ...NO_STORE, ...headers },
  text,
  code: null,
  flags,
})

/** The strong entity tag of a response: a hash of its whole body, so it changes with all that the body depends on. */
export const hashEntityTag = (text: string): string =>
  `"${createHash('sha256').update(text).digest('hex')}"`

/**
 * The JSON response of a read with its entity tag; 304 without a body where If-None-Match names the tag (RFC 9110,
 * 13.1.2).
 */
export function toTaggedResponse(
  { header }: Pick<RouteRequest, 'header'>,
  text: string,
  etag = hashEntityTag(text),
): RouteResponse {
  const isCurrent = matchesTag(header('if-none-match'), etag)
  return toJsonResponse(isCurrent ? '' : text, { status: isCurrent ? 304 : 200, headers: { etag } })
}

/** Thrown to end a request at any depth; the response is a problem detail (RFC 9457). */
export class HttpRefusal extends Error {
  readonly code: ServiceCode
  readonly places: readonly Problem[]
  readonly change: ProblemFacts['change']
  constructor(code: ServiceCode, places: readonly Problem[] = [], change?: ProblemFacts['change']) {
    super(code)
    this.code = code
    this.places = places
    this.change = change
  }
}

/**
 * The problem detail of a refusal (RFC 9457): status by the table of codes, `no-store`, and the headers of a 401 or
 * 503.
 */
export function toProblemResponse(
  code: ServiceCode,
  request_id: string,
  facts: ProblemFacts = {},
): RouteResponse {
  const [status] = SERVICE_PROBLEMS[code]
  return {
    status,
    type: 'application/problem+json; charset=utf-8',
    headers: { ...NO_STORE, ...buildRefusalHeaders(status) },
    text: formatProblem(code, request_id, facts),
    code,
  }
}

/**
 * Headers of a refusal: `www-authenticate` for a 401 (RFC 6750, section 3), `retry-after` of one second for a 503;
 * else none.
 */
export const buildRefusalHeaders = (status: number): RouteResponse['headers'] => ({
  ...(status === 401 ? { 'www-authenticate': 'Bearer' } : {}),
  ...(status === 503 ? { 'retry-after': RETRY_AFTER } : {}),
})

/**
 * An HttpRefusal itself, or a refusal without places for an FfError whose code is a code of the service; undefined
 * for any other error, which is a bug.
 */
export function toHttpRefusal(error: unknown): HttpRefusal | undefined {
  if (error instanceof HttpRefusal) return error
  if (error instanceof UnsettledChange) {
    const { seq, revision } = error
    return new HttpRefusal('mirror_behind', [], { seq, revision })
  }
  if (error instanceof FfError && isServiceCode(error.code)) return new HttpRefusal(error.code)
  return undefined
}
