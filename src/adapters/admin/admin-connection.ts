import type { Agent } from 'node:http'
import { exchange, type ResponseHead } from '../http-client/exchange.ts'
import { buildCheckUrl } from '../../core/admin/admin-url.ts'
import type { TraceContext } from '../../core/http-api/trace-context.ts'
import { decodeUtf8 } from '../../core/text/utf8.ts'
import type { ApprovalsPlan } from '../../ports/admin.ts'
import { createSharedLookup } from './shared-lookup.ts'

/** A connection pool of its own for Admin. */
export interface AdminConnection {
  /**
   * Posts one body, with the headers of its trace.
   *
   * @returns the body of the response
   * @throws for anything but a whole 2xx response in JSON
   */
  post(body: string, signal: AbortSignal, trace: TraceContext | null): Promise<string>
  /** Connections that are open or connecting. */
  sockets(): number
  close(): void
}

/** More than the expected calls in flight; a further call waits for a connection within its deadline. */
const MOST_SOCKETS = 64
const MOST_IDLE_SOCKETS = 8
/** Below the keep-alive timeout of common servers, so that no server closes a connection just as it is reused. */
const IDLE_MS = 3_000
/** Fifty times the size of an answer. */
const MAX_BODY_BYTES = 16_384

/**
 * Creates the connection pool to the Admin of the plan, with its credentials, at most 64 connections; connects on the
 * first `post`. Always verifies the certificate of an https URL. `post` sends one body to the check URL and gives the
 * text of the response; it rejects for anything but a 2xx in JSON of at most 16 KiB, follows no redirect, and has no
 * deadline but its signal.
 */
export async function openAdminConnection({
  url,
  credential: { token, client, ca },
}: Extract<ApprovalsPlan, { kind: 'admin' }>): Promise<AdminConnection> {
  const secure = url.protocol === 'https:'
  const http = secure ? await import('node:https') : await import('node:http')
  const agent: Agent = new http.Agent({
    keepAlive: true,
    maxSockets: MOST_SOCKETS,
    maxFreeSockets: MOST_IDLE_SOCKETS,
    timeout: IDLE_MS,
    lookup: createSharedLookup(),
    // Explicit, because NODE_TLS_REJECT_UNAUTHORIZED can turn it off for the whole process.
    ...(secure ? { ...client, ...(ca === null ? {} : { ca }), rejectUnauthorized: true } : {}),
  })
  const headers = {
    accept: 'application/json',
    'accept-encoding': 'identity',
    'content-type': 'application/json',
    ...(token === null ? {} : { authorization: `Bearer ${token}` }),
  }
  const target = buildCheckUrl(url)
  return {
    post: async (body, signal, trace) => {
      const bytes = Buffer.from(body)
      const own = { ...headers, ...toTraceHeaders(trace), 'content-length': bytes.length }
      const request = { method: 'POST', headers: own, body: bytes }
      const bounds = { signal, agent, maxBytes: MAX_BODY_BYTES, wantsBody: isJson }
      const response = await exchange(target, request, bounds)
      if (!isJson(response)) throw new Error('not a 2xx response in JSON')
      return decodeUtf8(response.body)
    },
    sockets: () =>
      [agent.sockets, agent.freeSockets].flatMap((held) => Object.values(held)).flat().length,
    close: () => agent.destroy(),
  }
}

const toTraceHeaders = (trace: TraceContext | null): Readonly<Record<string, string>> =>
  trace === null
    ? {}
    : {
        traceparent: trace.traceparent,
        ...(trace.tracestate === null ? {} : { tracestate: trace.tracestate }),
      }

const JSON_TYPE = /^application\/json[ \t]*(;|$)/i

/** Whether a response carries an answer. A redirect does not: none is followed. */
function isJson({ status, headers }: ResponseHead): boolean {
  const { 'content-type': type = '', 'content-encoding': encoding = 'identity' } = headers
  return status >= 200 && status <= 299 && JSON_TYPE.test(type) && encoding === 'identity'
}
