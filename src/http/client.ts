import { Agent as PlainAgent, type IncomingMessage, request as plainRequest } from 'node:http'
import { Agent as SecureAgent, request as secureRequest } from 'node:https'
import { decodeUtf8 } from '../core/text/utf8.ts'
import { FfError } from '../errors.ts'
import type { HttpClient, HttpResponse } from '../ports.ts'

/** How long one call may take from its beginning to the last byte of its answer. */
const CALL_MS = 30_000
/** More than a page of the registry takes. */
const MAX_ANSWER_BYTES = 16_777_216
const MAX_SOCKETS = 64

const SCHEMES = {
  'http:': { Agent: PlainAgent, request: plainRequest },
  'https:': { Agent: SecureAgent, request: secureRequest },
} as const
type Scheme = keyof typeof SCHEMES

/** @param origin `http://host:port` or `https://host:port` */
export function openClient(origin: string): HttpClient {
  const url = new URL(origin)
  const { Agent, request } = SCHEMES[url.protocol as Scheme]
  const agent = new Agent({ keepAlive: true, maxSockets: MAX_SOCKETS })
  return {
    origin,
    close: () => agent.destroy(),
    send: async ({ method, path, headers = {}, body = null }) => {
      const signal = AbortSignal.timeout(CALL_MS)
      const typed = body === null ? {} : { 'content-type': 'application/json' }
      const options = { agent, method, path, signal, headers: { ...typed, ...headers } }
      try {
        const response = await new Promise<IncomingMessage>((resolve, reject) => {
          // Node refuses what no header can hold before anything is sent.
          request(url, options, resolve)
            .once('error', reject)
            .end(body ?? undefined)
        })
        return await received(response)
      } catch (error) {
        throw callFault(error, origin)
      }
    },
  }
}

async function received(response: IncomingMessage): Promise<HttpResponse> {
  const parts: Buffer[] = []
  let bytes = 0
  for await (const part of response as AsyncIterable<Buffer>) {
    bytes += part.length
    if (bytes > MAX_ANSWER_BYTES) throw Object.assign(new Error(), { code: 'answer_too_large' })
    parts.push(part)
  }
  const text = decodeUtf8(Buffer.concat(parts))
  return { status: response.statusCode ?? 0, headers: response.headers, text }
}

const NAMES: Readonly<Record<string, string>> = { ABORT_ERR: 'timeout' }
const UNSENDABLE = ['ERR_INVALID_CHAR', 'ERR_UNESCAPED_CHARACTERS', 'ERR_HTTP_INVALID_HEADER_VALUE']

function callFault(error: unknown, origin: string): FfError {
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
