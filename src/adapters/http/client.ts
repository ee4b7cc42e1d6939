import { Agent as PlainAgent } from 'node:http'
import { Agent as SecureAgent } from 'node:https'
import { exchange } from '../http-client/exchange.ts'
import { decodeUtf8 } from '../../core/text/utf8.ts'
import { FfError } from '../../errors.ts'
import type { HttpClient } from '../../ports/http.ts'

/** How long one call may take from its beginning to the last byte of its answer. */
const CALL_MS = 30_000
/** More than a page of the registry takes. */
const MAX_ANSWER_BYTES = 16_777_216
const MAX_SOCKETS = 64

/** @param origin `http://host:port` or `https://host:port` */
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
        const answer = await exchange(url, request, { signal, agent, maxBytes: MAX_ANSWER_BYTES })
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
    return new FfError('request_unsendable', 'A request holds what no HTTP header can hold.', {
      hint: 'Ask the stores themselves: file:DIR and postgres://... take any text.',
      cause: error,
    })
  return new FfError(
    'target_unreachable',
    `${origin} gave no whole answer (${NAMES[code] ?? code}).`,
    {
      hint: 'Check that the service is up, and that this machine may reach it.',
      cause: error,
    },
  )
}
