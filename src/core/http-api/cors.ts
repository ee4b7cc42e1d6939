/** A request for the CORS protocol (Fetch standard, 3.2). */
export interface CrossOriginRequest {
  /** The requested path, not decoded, without its query. */
  readonly path: string
  /** The `Origin` header; null where absent. */
  readonly origin: string | null
  /** Whether it asks, by OPTIONS, if a request may follow. */
  readonly preflight: boolean
}
/** The headers that the response to a request carries for a browser; empty for none. */
export type CrossOriginHeaders = (request: CrossOriginRequest) => Readonly<Record<string, string>>

/** Paths that pages of other origins may use, besides those below `/ofrep/`, each with its method. */
const PATHS: ReadonlyMap<string, string> = new Map([
  ['/v1/flags/evaluate', 'POST'],
  ['/v1/changes', 'GET'],
])
const findMethod = (path: string): string | undefined =>
  path.startsWith('/ofrep/') ? 'POST' : PATHS.get(path)

/** Of the response headers that a page cannot read otherwise, those that a client uses. */
const EXPOSED = 'ETag, Retry-After, X-Request-Id'
const PREFLIGHT = {
  'access-control-allow-headers':
    'Authorization, Cache-Control, Content-Type, If-None-Match, Last-Event-ID, X-Request-Id, traceparent, tracestate',
  // Chromium keeps a preflight for two hours at most, Safari for ten minutes.
  'access-control-max-age': '600',
}

/**
 * Makes the CORS headers of the evaluation routes and of the event stream for the allowed origins; null where none is allowed. A covered path
 * always has `vary: Origin`, so that no cache hands the answer of one origin to another; an origin that is not
 * allowed gets nothing more, so that its browser hides the response. Cookies are not allowed: `ff` reads none.
 *
 * @param origins serialised (RFC 6454, 6.2), such as `https://app.example`
 */
export function createCrossOriginHeaders(origins: readonly string[]): CrossOriginHeaders | null {
  const allowed = new Set(origins)
  if (allowed.size === 0) return null
  return ({ path, origin, preflight }) => {
    const method = findMethod(path)
    if (method === undefined) return NONE
    if (origin === null || !allowed.has(origin)) return VARY
    return {
      ...VARY,
      'access-control-allow-origin': origin,
      ...(preflight
        ? { 'access-control-allow-methods': method, ...PREFLIGHT }
        : { 'access-control-expose-headers': EXPOSED }),
    }
  }
}
const NONE = {}
const VARY = { vary: 'Origin' }
