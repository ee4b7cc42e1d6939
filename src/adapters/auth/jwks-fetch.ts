import type { IncomingHttpHeaders } from 'node:http'
import {
  exchange,
  type ResponseHead,
  ResponseTooLarge,
  UnexpectedUpgrade,
  type WholeResponse,
} from '../http-client/exchange.ts'
import type { Clock } from './clock.ts'
import type { UntrustedJwk } from './key-filter.ts'
import { parseJsonObject } from './token-form.ts'

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
export type FetchedKeySet =
  | {
      readonly ok: true
      readonly body: Buffer
      readonly keys: readonly UntrustedJwk[]
      readonly headers: IncomingHttpHeaders
    }
  | ({ readonly ok: false } & FetchFault)

class Fault extends Error {
  readonly kind: FetchFault['kind']
  constructor(kind: FetchFault['kind'], detail: string) {
    super(detail)
    this.kind = kind
  }
}

/** One look at the endpoint, within all limits. What went wrong is told by what was seen, not by an exception's class. */
export async function fetchJwks(
  url: URL,
  limits: FetchLimits,
  clock: Clock,
): Promise<FetchedKeySet> {
  const controller = new AbortController()
  const late = new Fault('unreachable', `no whole answer within ${limits.timeout_ms} ms`)
  const stop = clock.later(limits.timeout_ms, () => controller.abort(late))
  try {
    const { body, headers } = await fetchFollowingRedirects(url, limits, controller.signal)
    const keys = readJwks(body)
    if (keys === null) throw new Fault('misconfigured', 'the answer is no JWK set')
    return { ok: true, body, keys, headers }
  } catch (error) {
    const seen: unknown = controller.signal.aborted ? controller.signal.reason : error
    if (seen instanceof Fault) return { ok: false, kind: seen.kind, detail: seen.message }
    if (seen instanceof ResponseTooLarge || seen instanceof UnexpectedUpgrade)
      return { ok: false, kind: 'misconfigured', detail: seen.message }
    if (seen instanceof Error)
      return { ok: false, kind: classifyError(seen), detail: getErrorCode(seen) }
    throw error
  } finally {
    stop()
  }
}

/** What is no HTTP, has more headers than anybody needs, or a certificate that does not hold: it does not pass by itself. */
const LASTING = /^(HPE|CERT|ERR_TLS|ERR_SSL|UNABLE_TO|DEPTH_ZERO|SELF_SIGNED|HOSTNAME)_/
const classifyError = (error: Error): FetchFault['kind'] =>
  LASTING.test(getErrorCode(error)) ? 'misconfigured' : 'unreachable'
const getErrorCode = (error: Error): string =>
  'code' in error ? String(error.code) : error.message

async function fetchFollowingRedirects(
  first: URL,
  { max_redirects, max_bytes }: FetchLimits,
  signal: AbortSignal,
): Promise<WholeResponse> {
  let url = first
  const request = {
    method: 'GET',
    headers: { accept: 'application/json', 'accept-encoding': 'identity' },
  }
  const wantsBody = (head: ResponseHead): boolean => isKeySet(head, max_bytes)
  const bounds = { signal, agent: false, maxBytes: max_bytes, wantsBody } as const
  for (let hops = 0; hops <= max_redirects; hops += 1) {
    const response = await exchange(url, request, bounds)
    const { status, headers } = response
    if (status === 200) return response
    if (status >= 500) throw new Fault('unreachable', `status ${status}`)
    if (status < 300 || status >= 400 || headers.location === undefined)
      throw new Fault('misconfigured', `status ${status}`)
    if (!URL.canParse(headers.location, url.href))
      throw new Fault('misconfigured', 'a redirect to nowhere')
    url = new URL(headers.location, url)
    if (url.origin !== first.origin)
      throw new Fault('misconfigured', 'a redirect to another origin')
  }
  throw new Fault('misconfigured', `more than ${max_redirects} redirects`)
}

/** Whether the head is one of a key set. @throws Fault where it is, and its body would not do */
function isKeySet({ status, headers }: ResponseHead, maxBytes: number): boolean {
  if (status !== 200) return false
  const { 'content-length': length, 'content-encoding': encoding = 'identity' } = headers
  if (Number(length ?? 0) > maxBytes)
    throw new Fault('misconfigured', `more than ${maxBytes} bytes`)
  if (encoding.toLowerCase() !== 'identity')
    throw new Fault('misconfigured', 'an encoding that was not asked for')
  return true
}

/** The keys of a JWK set (RFC 7517, 5); null where the bytes are none. A member of `keys` that is no object is no set. */
export function readJwks(bytes: Buffer): readonly UntrustedJwk[] | null {
  const keys: unknown = parseJsonObject(bytes)?.['keys']
  return Array.isArray(keys) && keys.every(isObject) ? keys : null
}

const isObject = (value: unknown): value is UntrustedJwk =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
