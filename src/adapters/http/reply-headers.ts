import type { IncomingMessage } from 'node:http'
import type { FastifyReply } from 'fastify'
import type { CrossOriginHeaders } from '../../core/http-api/cors.ts'
import { takeTraceState, type TraceContext } from '../../core/http-api/trace-context.ts'

declare module 'fastify' {
  interface FastifyInstance {
    crossOrigin: CrossOriginHeaders | null
  }
}

/** Path of a request target, without its query. */
export const getPath = (url: string): string => url.split('?', 1)[0] as string

/**
 * Sets the headers that every response has, whatever becomes of its request: `x-request-id`, and those of CORS, without
 * which a browser would hide a refusal from its page.
 */
export function setCommonHeaders(reply: FastifyReply): void {
  const { request, server } = reply
  reply.header('x-request-id', request.id)
  if (server.crossOrigin === null) return
  const { origin = null, 'access-control-request-method': asked } = request.headers
  const preflight = request.method === 'OPTIONS' && asked !== undefined
  reply.headers(server.crossOrigin({ path: getPath(request.url), origin, preflight }))
}

/** The headers of a response, whose `vary` adds to what is set already. */
export function mergeVary(
  reply: FastifyReply,
  headers: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const before = reply.getHeader('vary')
  const { vary } = headers
  return before === undefined || vary === undefined
    ? headers
    : { ...headers, vary: `${String(before)}, ${vary}` }
}

/** The trace that a request names; null without a `traceparent`. A repeated header is no valid one. */
export function readTrace({ headers }: IncomingMessage): TraceContext | null {
  const { traceparent, tracestate } = headers
  if (traceparent === undefined) return null
  return {
    traceparent: String(traceparent),
    tracestate: takeTraceState(tracestate === undefined ? null : String(tracestate)),
  }
}
