/** The headers of W3C Trace Context that a request arrives with, or hands on. */
export interface TraceContext {
  readonly traceparent: string
  /** What vendors of tracing add; null for none. */
  readonly tracestate: string | null
}

/** A valid `traceparent` in its parts. */
export interface TraceParent {
  /** 32 hexadecimal digits. */
  readonly traceId: string
  /** 16 hexadecimal digits: the span of the caller. */
  readonly spanId: string
  /** One byte; its last bit says that the trace is recorded. */
  readonly traceFlags: number
}

const FORM = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/
const ZEROS = /^0+$/
/** The longest `tracestate` that is handed on (Trace Context, 3.3.1.5). */
const MAX_STATE = 512

/**
 * Parses a `traceparent` (Trace Context, 3.2.2), of version 00 or a later one, which may add parts; null where it is
 * invalid, so that the request begins a trace of its own.
 */
export function parseTraceParent(header: string): TraceParent | null {
  const [, version, traceId = '', spanId = '', flags = '', more] = FORM.exec(header) ?? []
  if (version === undefined || version === 'ff' || (version === '00' && more !== undefined))
    return null
  if (ZEROS.test(traceId) || ZEROS.test(spanId)) return null
  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16) }
}

/** Formats a `traceparent` of version 00. */
export const formatTraceParent = ({ traceId, spanId, traceFlags }: TraceParent): string =>
  `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`

/** The `tracestate` to hand on; null where it is missing or empty, and for a longer one than is handed on. */
export const takeTraceState = (header: string | null): string | null =>
  header === null || header === '' || header.length > MAX_STATE ? null : header
