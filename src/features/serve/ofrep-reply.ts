import { formatOfrepFailure, toOfrepStatus } from '../../core/ofrep/failure.ts'
import type { Problem } from '../../core/problem.ts'
import type { ServiceCode } from '../../core/http-api/problems.ts'
import type { RouteResponse } from '../../ports/http.ts'
import { toJsonResponse, refusalHeaders } from './reply.ts'

const PREFIX = '/ofrep/'
const FLAGS = `${PREFIX}v1/evaluate/flags/`

/** What is answered belongs to who asked. */
export const toOfrepResponse = (
  text: string,
  status: number,
  headers: RouteResponse['headers'] = {},
): RouteResponse => toJsonResponse(text, { status, headers: { vary: 'Authorization', ...headers } })

export function toOfrepRefusal(
  code: ServiceCode,
  key: string | null,
  places: readonly Problem[] = [],
): RouteResponse {
  const status = toOfrepStatus(code)
  return {
    ...toOfrepResponse(formatOfrepFailure(code, key, places), status, refusalHeaders(status)),
    code,
  }
}

/**
 * What a server refuses before any route, or instead of one, as the clients of that path read it: a path that no flag
 * has below the flags is an unknown flag, for stock clients do not encode a key.
 *
 * @returns null where the path is not of OFREP
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
    return text // What cannot be decoded is named as it came.
  }
}
