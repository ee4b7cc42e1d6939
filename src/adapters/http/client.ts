import { Agent as PlainAgent } from 'node:http'
import { Agent as SecureAgent } from 'node:https'
import { exchange } from '../http-client/exchange.ts'
import { decodeUtf8 } from '../../core/text/utf8.ts'
import { FfError } from '../../errors.ts'
import type { HttpClient } from '../../ports/http.ts'

/** Deadline of one call, up to the last byte of the response. */
const CALL_MS = 30_000
/** Larger than one page of the flag list. */
const MAX_RESPONSE_BYTES = 16_777_216
const MAX_SOCKETS = 64

/**
 * Opens a client with a connection pool of its own; connects on the first `send`, and `close` destroys the pool.
 * `send` resolves with status, headers and text of any response, within 30 s and 16 MiB, and follows no redirect; a
 * body is sent as JSON unless the headers say otherwise. It rejects with FfError `request_unsendable` for a header or
 * path that HTTP forbids, else `target_unreachable`, also for a body that is too large or not UTF-8.
 * @param origin `http://host:port` or `https://host:port`
 */
export function openClient(origin: string): HttpClient {
  const url = new URL(origin)
  const Agent = url.protocol === 'https:' ? SecureAgent : PlainAgent
  const agent = new Agent({ keepAlive: true, maxSockets: MAX_SOCKETS })
  return {
    origin,
    close: () => agent.destroy(),
    send: async ({ method, path, headers = {}, body = null }) => {
      const typed = body === null ? {} : { 'content-type': 'application/json' }
      const request = { method, path, headers: { ...typed, ...headers }, body }
      const signal = AbortSignal.timeout(CALL_MS)
      try {
        const answer = await exchange(url, request, { signal, agent, maxBytes: MAX_RESPONSE_BYTES })
        return { status: answer.status, headers: answer.headers, text: decodeUtf8(answer.body) }
      } catch (error) {
        throw toCallError(error, origin)
      }
    },
  }
}

const NAMES: Readonly<Record<string, string>> = { ABORT_ERR: 'timeout' }
const UNSENDABLE = ['ERR_INVALID_CHAR', 'ERR_UNESCAPED_CHARACTERS', 'ERR_HTTP_INVALID_HEADER_VALUE']

function toCallError(error: unknown, origin: string): FfError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
  if (UNSENDABLE.includes(code))
    return new FfError(
      'request_unsendable',
      'Cannot send the request: a header value has characters that HTTP does not allow.',
      {
        hint: 'Name the stores instead of the service: file:DIR and postgres://... accept any text.',
        cause: error,
      },
    )
  return new FfError(
    'target_unreachable',
    `${origin} sent no whole response (${NAMES[code] ?? code}).`,
    {
      hint: `Check that the service answers: run \`curl -i ${origin}/health/live\`.`,
      cause: error,
    },
  )
}
