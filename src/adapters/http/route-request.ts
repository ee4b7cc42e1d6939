import type { FastifyRequest } from 'fastify'
import type { RouteRequest } from '../../ports/http.ts'
import { readCredential } from './credential.ts'

const noTrace = (): null => null

/**
 * The request as its route receives it: dev headers and token read but not verified, the query parsed on each access, a
 * missing header null, and '' for a body that is missing or was not parsed as text.
 */
export const toRouteRequest = (request: FastifyRequest): RouteRequest => ({
  request_id: request.id,
  params: request.params as RouteRequest['params'],
  get query() {
    const { url } = request
    const from = url.indexOf('?')
    return new URLSearchParams(from === -1 ? '' : url.slice(from + 1))
  },
  credential: readCredential(request.raw),
  header: (name) => {
    const value = request.headers[name]
    return value === undefined ? null : String(value)
  },
  body: typeof request.body === 'string' ? request.body : '',
  trace: request.span?.context ?? noTrace,
})
