import type { FastifyReply, FastifyRequest } from 'fastify'
import { SERVICE_PROBLEMS, formatProblem, type ServerCode } from '../../core/http-api/problems.ts'
import type { RouteResponse, RefusalAt, RequestSpan, Route } from '../../ports/http.ts'
import type { EventStreams } from './event-stream.ts'
import { getPath, mergeVary } from './reply-headers.ts'
import type { RequestTracker, TrackedRequest } from './request-tracker.ts'

/** Media type of a problem detail (RFC 9457). */
export const PROBLEM_TYPE = 'application/problem+json; charset=utf-8'

/** Drain state of a server. */
export interface ServerState {
  /** Whether each response also closes its connection. */
  draining: boolean
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Name of the matched route. */
    id?: string
    refused?: NonNullable<Route['refused']>
  }
  interface FastifyRequest {
    /** Error code of the contract; null for success. */
    refusedAs: string | null
    tracked: TrackedRequest
    /** Absent for a request that the router refused. */
    span?: RequestSpan
    /** Number of flags that the response decides; null for none. */
    flags: number | null
  }
  interface FastifyInstance {
    refusalAt: RefusalAt
    serverState: ServerState
    eventStreams: EventStreams
    tracker: RequestTracker
  }
}

/**
 * Sends the response of a route, or starts its stream, or refuses one too many, and notes its error code for the observer. A 304 gets no body; a draining server also
 * sends `connection: close`.
 */
export function sendReply(
  request: FastifyRequest,
  reply: FastifyReply,
  { status, type, headers, text, code, stream, flags = null }: RouteResponse,
): FastifyReply {
  request.refusedAs = code
  request.flags = flags
  endIfDraining(reply)
  if (stream !== undefined && request.method !== 'HEAD') {
    const sent = { ...reply.getHeaders(), ...mergeVary(reply, headers), 'content-type': type }
    const head = { status, headers: sent as RouteResponse['headers'] }
    if (!request.server.eventStreams.start(reply.raw, head, stream))
      return sendRefusal(reply, 'too_many_requests_in_flight')
    reply.hijack()
    request.server.tracker.stream(request.tracked)
    return reply
  }
  // fastify would send an empty text as a body of 0 bytes; a 304 has no body (RFC 9110, 15.4.5).
  return reply
    .code(status)
    .headers(mergeVary(reply, headers))
    .type(type)
    .send(status === 304 ? undefined : text)
}

function endIfDraining(reply: FastifyReply): void {
  if (reply.server.serverState.draining) reply.header('connection', 'close')
}

/**
 * Sends a refusal by the server and notes its code: as the `refusalAt` of the server words it for this path, else as a
 * problem detail (RFC 9457), uncached and with `retry-after: 1` for a 503.
 */
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

/** As `sendRefusal`, and closes the connection: what follows on it cannot be trusted, or is not waited for. */
export const sendLastRefusal = (reply: FastifyReply, code: ServerCode): FastifyReply =>
  sendRefusal(reply.header('connection', 'close'), code)
