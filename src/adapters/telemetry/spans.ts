import {
  context,
  type Context,
  createTraceState,
  isSpanContextValid,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api'
import {
  formatTraceParent,
  parseTraceParent,
  type TraceContext,
} from '../../core/http-api/trace-context.ts'
import type { HttpObserver } from '../../ports/http.ts'

/** A tracer of the SDK that this process has loaded; without one its spans record nothing. */
const tracer = trace.getTracer('@pty-flags/ff')

/**
 * Starts the span of a request, as a child of the span that the SDK has active, else of the caller's. It holds method,
 * route, status, code and number of flags, and no path, id or key. Without an SDK it hands on the caller's trace alone.
 */
export const startSpan: NonNullable<HttpObserver['received']> = ({
  method,
  route,
  trace: caller,
}) => {
  const span = tracer.startSpan(
    route === null ? method : `${method} ${route}`,
    {
      kind: SpanKind.SERVER,
      attributes: { 'http.request.method': method, 'http.route': route ?? undefined },
    },
    findParent(caller),
  )
  return {
    context: () => {
      const own = span.spanContext()
      if (!isSpanContextValid(own)) return null
      return {
        traceparent: formatTraceParent(own),
        tracestate: own.traceState?.serialize() ?? null,
      }
    },
    end: ({ status, code, flags }) => {
      if (!span.isRecording()) return
      span.setAttribute('http.response.status_code', status)
      if (flags !== null) span.setAttribute('ff.flags', flags)
      if (code !== null) span.setAttribute('error.type', code)
      // A refusal of the client's request is no error of the server (semantic conventions of HTTP spans).
      if (status >= 500) span.setStatus({ code: SpanStatusCode.ERROR })
      span.end()
    },
  }
}

function findParent(caller: TraceContext | null): Context {
  const active = context.active()
  if (caller === null || trace.getSpan(active) !== undefined) return active
  const parent = parseTraceParent(caller.traceparent)
  if (parent === null) return active
  const { tracestate } = caller
  const state = tracestate === null ? {} : { traceState: createTraceState(tracestate) }
  return trace.setSpanContext(active, { ...parent, ...state, isRemote: true })
}
