import type { Agent, IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders } from 'node:http'

/** Node's own limit, said because NODE_OPTIONS can raise it for the whole process. */
const MAX_HEADER_BYTES = 16_384

export interface OutgoingRequest {
  readonly method: string
  /** As it goes out, not normalised; default the path of the URL. */
  readonly path?: string
  readonly headers: OutgoingHttpHeaders
  readonly body?: string | Buffer | null
}
export interface ResponseHead {
  readonly status: number
  readonly headers: IncomingHttpHeaders
}
export interface WholeResponse extends ResponseHead {
  readonly body: Buffer
}
export interface ExchangeBounds {
  /** The deadline of the whole exchange, from the name to the last byte. */
  readonly signal: AbortSignal
  /** Of the body. */
  readonly maxBytes: number
  /** Whose connections are used; false is a connection for this exchange alone. */
  readonly agent: Agent | false
  /** Whether the body of such an answer is read; without it the connection is closed. May throw. Default: always. */
  readonly wantsBody?: (head: ResponseHead) => boolean
}

export class ResponseTooLarge extends Error {
  readonly code = 'answer_too_large'
}
export class UnexpectedUpgrade extends Error {}

/**
 * Sends one request and reads its whole answer, within a deadline and a size. A redirect is an answer like any other
 * and not followed, no proxy of the environment is used, and a certificate has to hold whatever
 * NODE_TLS_REJECT_UNAUTHORIZED says.
 *
 * @throws the system's error, ResponseTooLarge, UnexpectedUpgrade, or what `wantsBody` throws
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
    // Node throws at a header that none can be before anything is sent.
    const sent = request(url, options)
    sent
      .once('response', (response) => {
        // A body that breaks off without a length would else look whole.
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
  // What is thrown inside the loop closes the connection.
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > maxBytes) throw new ResponseTooLarge(`more than ${maxBytes} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
