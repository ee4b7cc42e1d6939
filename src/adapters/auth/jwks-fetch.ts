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

/** Limits of one fetch of a key set. */
export interface FetchLimits {
  /** Deadline of the whole fetch: name lookup, connection, redirects, last byte. */
  readonly timeout_ms: number
  readonly max_bytes: number
  readonly max_redirects: number
}
/**
 * `unreachable` may pass by itself; `misconfigured` (4xx but 429, no JSON, too large, foreign redirect) needs a change
 * of the set-up.
 */
export interface FetchFault {
  readonly kind: 'unreachable' | 'misconfigured'
  readonly detail: string
}
/** A fetched key set, its keys not yet judged; or why the fetch failed. */
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

/**
 * Fetches a key set once: its bytes, unjudged keys and headers. Follows redirects within the origin only. A timeout, a
 * 429, a 5xx and most network errors are `unreachable`; other statuses, a foreign redirect, an oversized body, a body that is
 * no JWK set and an invalid certificate are `misconfigured`. Rejects for no failure of the endpoint.
 */
export async function fetchJwks(
  url: URL,
  limits: FetchLimits,
  clock: Clock,
): Promise<FetchedKeySet> {
  const controller = new AbortController()
  const late = new Fault('unreachable', `no whole response within ${limits.timeout_ms} ms`)
  const stop = clock.later(limits.timeout_ms, () => controller.abort(late))
  try {
    const { body, headers } = await fetchFollowingRedirects(url, limits, controller.signal)
    const keys = readJwks(body)
    if (keys === null) throw new Fault('misconfigured', 'the response is not a JWK set')
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

/** Codes of errors that do not pass by themselves: malformed HTTP, too many headers, an invalid certificate. */
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
    if (status === 429 || status >= 500) throw new Fault('unreachable', `status ${status}`)
    if (status < 300 || status >= 400 || headers.location === undefined)
      throw new Fault('misconfigured', `status ${status}`)
    if (!URL.canParse(headers.location, url.href))
      throw new Fault('misconfigured', 'a redirect to an invalid URL')
    url = new URL(headers.location, url)
    if (url.origin !== first.origin)
      throw new Fault('misconfigured', 'a redirect to another origin')
  }
  throw new Fault('misconfigured', `more than ${max_redirects} redirects`)
}

/** Whether a response may carry a key set. @throws Fault for a 200 whose body is too large or encoded */
function isKeySet({ status, headers }: ResponseHead, maxBytes: number): boolean {
  if (status !== 200) return false
  const { 'content-length': length, 'content-encoding': encoding = 'identity' } = headers
  if (Number(length ?? 0) > maxBytes)
    throw new Fault('misconfigured', `more than ${maxBytes} bytes`)
  if (encoding.toLowerCase() !== 'identity')
    throw new Fault('misconfigured', 'a content encoding that was not requested')
  return true
}

/**
 * The keys of a JWK set (RFC 7517, 5), unchecked; may be empty. Null for bytes that are not a JSON object in UTF-8
 * without repeated members, or whose `keys` is not an array of objects.
 */
export function readJwks(bytes: Buffer): readonly UntrustedJwk[] | null {
  const keys: unknown = parseJsonObject(bytes)?.['keys']
  return Array.isArray(keys) && keys.every(isObject) ? keys : null
}

const isObject = (value: unknown): value is UntrustedJwk =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
