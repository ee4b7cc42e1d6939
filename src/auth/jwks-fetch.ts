import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import type { Clock } from './clock.ts'
import { readJwks } from './jwks-document.ts'
import type { Jwk } from './key-filter.ts'

export interface FetchLimits {
  /** For everything: name, connection, redirects, the last byte. */
  readonly timeout_ms: number
  readonly max_bytes: number
  readonly max_redirects: number
}
/** `unreachable` may pass by itself; `misconfigured` (4xx, no JSON, too large, led elsewhere) needs somebody to act. */
export interface FetchFault {
  readonly kind: 'unreachable' | 'misconfigured'
  readonly detail: string
}
export type Fetched =
  | {
      readonly ok: true
      readonly body: Buffer
      readonly keys: readonly Jwk[]
      readonly headers: IncomingHttpHeaders
    }
  | ({ readonly ok: false } & FetchFault)

const MAX_HEADER_BYTES = 16_384

class Fault extends Error {
  readonly kind: FetchFault['kind']
  constructor(kind: FetchFault['kind'], detail: string) {
    super(detail)
    this.kind = kind
  }
}

/** One look at the endpoint, within all limits. What went wrong is told by what was seen, not by an exception's class. */
export async function fetchJwks(url: URL, limits: FetchLimits, clock: Clock): Promise<Fetched> {
  const controller = new AbortController()
  const late = new Fault('unreachable', `no whole answer within ${limits.timeout_ms} ms`)
  const stop = clock.later(limits.timeout_ms, () => controller.abort(late))
  try {
    const response = await follow(url, limits, controller.signal)
    const body = await readBody(response, limits.max_bytes)
    const keys = readJwks(body)
    if (keys === null) throw new Fault('misconfigured', 'the answer is no JWK set')
    return { ok: true, body, keys, headers: response.headers }
  } catch (error) {
    const seen: unknown = controller.signal.aborted ? controller.signal.reason : error
    if (seen instanceof Fault) return { ok: false, kind: seen.kind, detail: seen.message }
    if (seen instanceof Error) return { ok: false, kind: kindOf(seen), detail: codeOf(seen) }
    throw error
  } finally {
    stop()
  }
}

/** What is no HTTP, has more headers than anybody needs, or a certificate that does not hold: it does not pass by itself. */
const LASTING = /^(HPE|CERT|ERR_TLS|ERR_SSL|UNABLE_TO|DEPTH_ZERO|SELF_SIGNED|HOSTNAME)_/
const kindOf = (error: Error): FetchFault['kind'] =>
  LASTING.test(codeOf(error)) ? 'misconfigured' : 'unreachable'
const codeOf = (error: Error): string => ('code' in error ? String(error.code) : error.message)

async function follow(
  first: URL,
  { max_redirects }: FetchLimits,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  let url = first
  for (let hops = 0; hops <= max_redirects; hops += 1) {
    const response = await get(url, signal)
    const { statusCode = 0, headers } = response
    if (statusCode === 200) return response
    response.destroy()
    if (statusCode >= 500) throw new Fault('unreachable', `status ${statusCode}`)
    if (statusCode < 300 || statusCode >= 400 || headers.location === undefined)
      throw new Fault('misconfigured', `status ${statusCode}`)
    if (!URL.canParse(headers.location, url.href))
      throw new Fault('misconfigured', 'a redirect to nowhere')
    url = new URL(headers.location, url)
    if (url.origin !== first.origin)
      throw new Fault('misconfigured', 'a redirect to another origin')
  }
  throw new Fault('misconfigured', `more than ${max_redirects} redirects`)
}

async function get(url: URL, signal: AbortSignal): Promise<IncomingMessage> {
  const secure = url.protocol === 'https:'
  const { request } = secure ? await import('node:https') : await import('node:http')
  return new Promise((resolve, reject) => {
    const headers = { accept: 'application/json', 'accept-encoding': 'identity' }
    // Said, because an environment variable can switch it off for the whole process.
    const options = { agent: false, headers, signal, rejectUnauthorized: true } as const
    const asked = request(url, { ...options, maxHeaderSize: MAX_HEADER_BYTES })
    asked
      .once('response', (response) => {
        // A body that breaks off without a length would else look whole.
        asked.on('error', (error) => response.destroy(error))
        resolve(response)
      })
      .once('upgrade', (_, socket) => {
        socket.destroy()
        reject(new Fault('misconfigured', 'status 101'))
      })
      .once('close', () => reject(new Fault('unreachable', 'the connection was closed')))
      .on('error', reject)
      .end()
  })
}

async function readBody(response: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const tooLarge = new Fault('misconfigured', `more than ${maxBytes} bytes`)
  const { 'content-length': length, 'content-encoding': encoding = 'identity' } = response.headers
  try {
    if (Number(length ?? 0) > maxBytes) throw tooLarge
    if (encoding.toLowerCase() !== 'identity')
      throw new Fault('misconfigured', 'an encoding that was not asked for')
    const chunks: Buffer[] = []
    let bytes = 0
    for await (const chunk of response as AsyncIterable<Buffer>) {
      bytes += chunk.length
      if (bytes > maxBytes) throw tooLarge
      chunks.push(chunk)
    }
    return Buffer.concat(chunks)
  } finally {
    response.destroy()
  }
}
