import type { Agent, IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders } from 'node:http'

/** Node's default, explicit because NODE_OPTIONS can raise it for the whole process. */
const MAX_HEADER_BYTES = 16_384

/** One request; method and headers are sent as given. */
export interface OutgoingRequest {
  readonly method: string
  /** Sent as given, not normalised. Default: path and query of the URL. */
  readonly path?: string
  readonly headers: OutgoingHttpHeaders
  readonly body?: string | Buffer | null
}
/** Status and headers of a response; header names are lower-case. */
export interface ResponseHead {
  readonly status: number
  readonly headers: IncomingHttpHeaders
}
/** A response with its whole body; the body is empty where `wantsBody` was false. */
export interface WholeResponse extends ResponseHead {
  readonly body: Buffer
}
/** Limits of one exchange, and the connections that it uses. */
export interface ExchangeBounds {
  /** Aborts the exchange: carries the deadline for everything from the name lookup to the last byte. */
  readonly signal: AbortSignal
  /** Limit of the body. */
  readonly maxBytes: number
  /** Connection pool; false opens one connection for this exchange. */
  readonly agent: Agent | false
  /** Whether to read the body; if not, the connection is closed. May throw. Default: always. */
  readonly wantsBody?: (head: ResponseHead) => boolean
}

/** The body exceeds `maxBytes`. */
export class ResponseTooLarge extends Error {
  readonly code = 'answer_too_large'
}
/** The server answered 101. */
export class UnexpectedUpgrade extends Error {}

/**
 * Sends one request and reads the whole response of any status, within the signal's deadline, `maxBytes` of body and
 * 16 KiB of headers. Follows no redirect, uses no proxy of the environment, and verifies certificates whatever
 * NODE_TLS_REJECT_UNAUTHORIZED says. Where `wantsBody` is false the body is empty and the connection is closed.
 * @throws the system's error, the abort error of the signal, ResponseTooLarge, UnexpectedUpgrade for a 101, or the
 * error of `wantsBody`
 */
export async function exchange(
  url: URL,
  request: OutgoingRequest,
  { signal, maxBytes, agent, wantsBody = () => true }: ExchangeBounds,
): Promise<WholeResponse> {
  const response = await sendRequest(url, request, { signal, agent })
  const head = { status: response.statusCode ?? 0, headers: response.headers }
  let wanted = false
  try {
    wanted = wantsBody(head)
  } finally {
    if (!wanted) response.destroy()
  }
  return { ...head, body: wanted ? await readBody(response, maxBytes) : Buffer.alloc(0) }
}

async function sendRequest(
  url: URL,
  { method, path, headers, body = null }: OutgoingRequest,
  bounds: Pick<ExchangeBounds, 'signal' | 'agent'>,
): Promise<IncomingMessage> {
  const secure = url.protocol === 'https:'
  const { request } = secure ? await import('node:https') : await import('node:http')
  const options = {
    ...bounds,
    method,
    headers,
    ...(path === undefined ? {} : { path }),
    maxHeaderSize: MAX_HEADER_BYTES,
    rejectUnauthorized: true,
  }
  return new Promise((resolve, reject) => {
    // For an invalid header Node throws here, before it sends a byte.
    const sent = request(url, options)
    sent
      .once('response', (response) => {
        // Otherwise a body without a length that breaks off would look whole.
        sent.on('error', (error) => response.destroy(error))
        resolve(response)
      })
      .once('upgrade', (_, socket) => {
        socket.destroy()
        reject(new UnexpectedUpgrade('status 101'))
      })
      .once('close', () => reject(new Error('the connection was closed')))
      .on('error', reject)
      .end(body ?? undefined)
  })
}

async function readBody(response: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let bytes = 0
  // An error inside the loop destroys the response and its connection.
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > maxBytes) throw new ResponseTooLarge(`more than ${maxBytes} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
