import { formatOfrepFailure, toOfrepStatus } from '../../core/ofrep/failure.ts'
import type { Problem } from '../../core/problem.ts'
import type { ServiceCode } from '../../core/http-api/problems.ts'
import type { RouteResponse } from '../../ports/http.ts'
import { toJsonResponse, buildRefusalHeaders } from './reply.ts'

const PREFIX = '/ofrep/'
const FLAGS = `${PREFIX}v1/evaluate/flags/`

/** A JSON response with `no-store`, and `vary: Authorization` because it depends on the caller. */
export const toOfrepResponse = (
  text: string,
  status: number,
  headers: RouteResponse['headers'] = {},
): RouteResponse => toJsonResponse(text, { status, headers: { vary: 'Authorization', ...headers } })

/** The OFREP error of a refusal, with the status that OFREP has for the code; `key` is null for a bulk evaluation. */
export function toOfrepRefusal(
  code: ServiceCode,
  key: string | null,
  places: readonly Problem[] = [],
): RouteResponse {
  const status = toOfrepStatus(code)
  return {
    ...toOfrepResponse(formatOfrepFailure(code, key, places), status, buildRefusalHeaders(status)),
    code,
  }
}

/**
 * The OFREP response for a refusal by the server; null unless the path starts with `/ofrep/`. Below the flags the
 * rest of the path is the key, and `route_unknown` becomes `flag_unknown`: stock clients do not encode a `/` in a
 * key, so no route matches.
 *
 * @param path not decoded, without the query
 */
export function toOfrepRefusalAt(path: string, code: ServiceCode): RouteResponse | null {
  if (!path.startsWith(PREFIX)) return null
  const key = path.startsWith(FLAGS) ? decodeKey(path.slice(FLAGS.length)) : null
  return toOfrepRefusal(code === 'route_unknown' && key !== null ? 'flag_unknown' : code, key)
}

function decodeKey(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text // A key that cannot be decoded is reported as received.
  }
}
