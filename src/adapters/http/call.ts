import type { FastifyRequest } from 'fastify'
import type { RouteRequest } from '../../ports/http.ts'
import { readCredential } from './credential.ts'

/** A request as a route sees it. What it asks for is taken apart when somebody looks at it. */
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
})
