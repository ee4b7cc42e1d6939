import type { FastifyReply, FastifyRequest } from 'fastify'
import { SERVICE_PROBLEMS, formatProblem, type ServerCode } from '../../core/http-api/problems.ts'
import type { RouteResponse, RefusalAt } from '../../ports/http.ts'

export const PROBLEM_TYPE = 'application/problem+json; charset=utf-8'

/** How a server stands. */
export interface ServerState {
  inFlight: number
  /** Whether each connection ends with the answer that is under way on it. */
  draining: boolean
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Name of the route that was met. */
    id?: string
  }
  interface FastifyRequest {
    /** A code of the contract. */
    refusedAs: string | null
  }
  interface FastifyInstance {
    refusalAt: RefusalAt
    serverState: ServerState
  }
}

const getPath = (url: string): string => url.split('?', 1)[0] as string

export function sendReply(
  request: FastifyRequest,
  reply: FastifyReply,
  { status, type, headers, text, code }: RouteResponse,
): FastifyReply {
  request.refusedAs = code
  endIfDraining(reply)
  // An empty text would be a body of no bytes, which a 304 does not have (RFC 9110, 15.4.5).
  return reply
    .code(status)
    .headers(headers)
    .type(type)
    .send(status === 304 ? undefined : text)
}

function endIfDraining(reply: FastifyReply): void {
  if (reply.server.serverState.draining) reply.header('connection', 'close')
}

export function sendRefusal(reply: FastifyReply, code: ServerCode): FastifyReply {
  const { request } = reply
  const worded = reply.server.refusalAt(getPath(request.url), code)
  if (worded !== null) return sendReply(request, reply, worded)
  const [status] = SERVICE_PROBLEMS[code]
  request.refusedAs = code
  endIfDraining(reply)
  reply.header('cache-control', 'no-store')
  if (status === 503) reply.header('retry-after', '1')
  return reply.code(status).type(PROBLEM_TYPE).send(formatProblem(code, request.id))
}
