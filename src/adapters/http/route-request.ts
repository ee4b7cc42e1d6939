import type { FastifyRequest } from 'fastify'
import type { RouteRequest } from '../../ports/http.ts'
import { readCredential } from './credential.ts'

const noTrace = (): null => null

/**
 * The request as its route receives it: dev headers and token read but not verified, the query parsed on each access, a
 * missing header null, and '' for a body that is missing or was not parsed as text. A class, because a literal with an
 * accessor is slow to make.
 */
class ReceivedRequest implements RouteRequest {
  readonly request_id: string
  readonly params: RouteRequest['params']
  readonly credential: RouteRequest['credential']
  readonly body: string
  readonly trace: RouteRequest['trace']
  private readonly request: FastifyRequest

  constructor(request: FastifyRequest, params: RouteRequest['params']) {
    this.request = request
    this.request_id = request.id
    this.params = params
    this.credential = readCredential(request.raw)
    this.body = typeof request.body === 'string' ? request.body : ''
    this.trace = request.span?.context ?? noTrace
  }

  get peer(): string {
    return this.request.raw.socket.remoteAddress ?? ''
  }

  get query(): URLSearchParams {
    const { url } = this.request
    const from = url.indexOf('?')
    return new URLSearchParams(from === -1 ? '' : url.slice(from + 1))
  }

  readonly header = (name: string): string | null => {
    const value = this.request.headers[name]
    return value === undefined ? null : String(value)
  }
}

/** The request of fastify as its route receives it. @param params default: those of the matched route */
export const toRouteRequest = (
  request: FastifyRequest,
  params = request.params as RouteRequest['params'],
): RouteRequest => new ReceivedRequest(request, params)
