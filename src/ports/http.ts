import type { Credential } from '../core/auth/types.ts'
import type { CrossOriginHeaders } from '../core/http-api/cors.ts'
import type { ServerCode } from '../core/http-api/problems.ts'
import type { TraceContext } from '../core/http-api/trace-context.ts'

/** One HTTP request as its route receives it, within the server's limits. */
export interface RouteRequest {
  readonly request_id: string
  /** Address at the other end of the connection, which may be that of a proxy; empty where it is closed. */
  readonly peer: string
  /** Path parameters by name, percent-decoded. */
  readonly params: Readonly<Record<string, string>>
  readonly query: URLSearchParams
  readonly credential: Credential
  /** Value of a header by its lower-case name; null where absent. */
  readonly header: (name: string) => string | null
  /** UTF-8 text; empty where the request has no body. */
  readonly body: string
  /** The trace to hand on to calls that the request causes. */
  readonly trace: TraceSource
}

/** The trace of a request; null where it belongs to none. */
export type TraceSource = () => TraceContext | null

/** The response of a route. */
export interface RouteResponse {
  readonly status: number
  /** Media type of the text. */
  readonly type: string
  readonly headers: Readonly<Record<string, string>>
  readonly text: string
  /** Error code of the contract for a refused request, for logs and metrics; null for success. */
  readonly code: string | null
  /** Number of flags that it decides; absent where it decides none. */
  readonly flags?: number | null
  /**
   * Sends more after the headers, in place of `text`; what it returns is called once the connection is closed. Null,
   * with nothing written, where one stream more is too many: the response is `too_many_requests_in_flight` then.
   */
  readonly stream?: (sink: EventSink) => (() => void) | null
}

/** A response that is still being sent. A client that does not read what was written is disconnected. */
export interface EventSink {
  write(text: string): void
  close(): void
}

/** Methods that routes are served with. */
export type HttpMethod = 'GET' | 'PUT' | 'POST' | 'DELETE'

/** One route of a server. What `handle` throws is answered with `internal` and reported as a bug. */
export interface Route {
  /** Name of the route in metrics, logs and the OpenAPI description. */
  readonly id: string
  readonly method: HttpMethod
  /** Path pattern; a segment that begins with a colon is a parameter. */
  readonly path: string
  readonly handle: (call: RouteRequest) => Promise<RouteResponse>
  /** Body limit in bytes. Default: the server's `body_bytes`. */
  readonly body_bytes?: number
  /** Outside of the bound of requests in flight, such as liveness; default false. */
  readonly operational?: boolean
  /** Receives a request that the server refused because of its method, path or body, which is empty here. */
  readonly refused?: (call: RouteRequest, code: ServerCode) => Promise<void>
}

/**
 * Builds the response for a request that the server itself refuses; null for the default, a problem detail (RFC 9457).
 *
 * @param path the requested path, not decoded, without its query
 */
export type RefusalAt = (path: string, code: ServerCode) => RouteResponse | null

/** Certificate chain and private key of a server, in PEM. */
export interface TlsCertificate {
  readonly cert: string
  readonly key: string
}

/** What a server has besides routes, address and limits; each member may be missing. */
export interface ServerExtras {
  /** Refusals by the server itself; default problem details. */
  readonly refusal?: RefusalAt
  /** CORS headers of each response; default none. */
  readonly crossOrigin?: CrossOriginHeaders | null
  /** Default: plain HTTP. */
  readonly tls?: TlsCertificate | null
}

/** The address that a server listens on; port 0 takes a free port. */
export interface ListenAt {
  readonly host: string
  readonly port: number
}

/** Limits of a server in bytes, milliseconds and requests (docs/reference/service.md). */
export interface HttpLimits {
  readonly body_bytes: number
  readonly header_bytes: number
  /** Time to receive the headers of a request. */
  readonly headers_ms: number
  /** Time to receive a whole request. */
  readonly request_ms: number
  /** Time for the client to receive the response, on top of `request_ms`; then the connection is destroyed. */
  readonly answer_ms: number
  /** Most requests in flight that have arrived in full; one more is refused. */
  readonly in_flight: number
  /** Most requests whose body is arriving; past it the oldest is refused. */
  readonly arriving: number
  /** The same for the requests of one address. */
  readonly arriving_per_peer: number
  /** How long a drain still accepts connections before it stops listening. */
  readonly settle_ms: number
  /** How long a drain then waits for requests in flight before it closes their connections. */
  readonly drain_ms: number
}

/** The span of one request. */
export interface RequestSpan {
  readonly context: TraceSource
  /** Ends the span; `flags` is null where the response decides none. */
  end(done: {
    readonly status: number
    readonly code: string | null
    readonly flags: number | null
  }): void
}

/** Receives the events of a server, for logs, metrics and traces. */
export interface HttpObserver {
  /** The headers of a request have arrived; `route` is its path pattern, null where none matched. Absent: no spans. */
  received?(request: {
    readonly method: string
    readonly route: string | null
    /** As sent, not checked; null without `traceparent`. */
    readonly trace: TraceContext | null
  }): RequestSpan
  /** A response ended, sent or cut off. `route` is null where no route matched. */
  replied(done: {
    readonly route: string | null
    readonly status: number
    readonly seconds: number
    readonly request_id: string
    /** Error code of the contract for a refused request; null for success. */
    readonly code: string | null
  }): void
  /** A bug: a route threw an error that is not a refusal. */
  failed(error: unknown, request_id: string): void
}

/** A server that listens. */
export interface HttpServer {
  /** `http://host:port`, or `https://host:port` with TLS. */
  readonly origin: string
  /** Uses another certificate for new connections. Does nothing on plain HTTP. */
  useCertificate(certificate: TlsCertificate): void
  /** Number of requests that have arrived in full and are not answered; without operational routes. */
  inFlight(): number
  /**
   * Accepts connections for `settle_ms`, stops listening, waits up to `drain_ms` for unanswered requests, and closes
   * every connection.
   *
   * @param settle_ms default that of the limits
   */
  drain(settle_ms?: number): Promise<void>
}

/** One request to a service. A credential goes into the headers, nowhere else. */
export interface HttpRequest {
  readonly method: HttpMethod | 'PATCH'
  /** Path with query, percent-encoded. */
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  /** A JSON text; null for none. */
  readonly body?: string | null
}

/** One whole response of a service. */
export interface HttpResponse {
  readonly status: number
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
  readonly text: string
}

/** HTTP/1.1 client of one service, bounded in size and time. Follows no redirect: a 3xx is returned as it is. */
export interface HttpClient {
  readonly origin: string
  /**
   * @throws FfError `target_unreachable` without a whole response, `request_unsendable` for a header that HTTP cannot
   * carry
   */
  send(request: HttpRequest): Promise<HttpResponse>
  close(): void
}
