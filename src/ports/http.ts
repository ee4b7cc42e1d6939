import type { Credential } from '../core/auth/types.ts'
import type { ServerCode } from '../core/http-api/problems.ts'

/** One HTTP request as a route sees it: bounded, its body UTF-8 (page 5, limits). */
export interface RouteRequest {
  readonly request_id: string
  /** As the path's pattern names them, decoded. */
  readonly params: Readonly<Record<string, string>>
  readonly query: URLSearchParams
  readonly credential: Credential
  /** Lower-case names; null where the request has none. */
  readonly header: (name: string) => string | null
  /** Empty where there is none. */
  readonly body: string
}

export interface RouteResponse {
  readonly status: number
  /** Media type of the text. */
  readonly type: string
  readonly headers: Readonly<Record<string, string>>
  readonly text: string
  /** Of the contract, where the request was refused; for logs and metrics. */
  readonly code: string | null
}

export type HttpMethod = 'GET' | 'PUT' | 'POST' | 'DELETE'

export interface Route {
  /** By which metrics, logs and the description of the interface name it. */
  readonly id: string
  readonly method: HttpMethod
  /** Segments that begin with a colon are parameters. */
  readonly path: string
  readonly handle: (call: RouteRequest) => Promise<RouteResponse>
  /** The largest body that it takes, where that is not the server's limit. */
  readonly body_bytes?: number
}

/**
 * How a server words what it refuses itself where it is not a problem detail; null leaves it at that.
 *
 * @param path as it was asked for, not decoded, without its query
 */
export type RefusalAt = (path: string, code: ServerCode) => RouteResponse | null

/** Where a service listens. Port 0 takes a free one. */
export interface ListenAt {
  readonly host: string
  readonly port: number
}

/** Within what requests are taken (page 5, limits). */
export interface HttpLimits {
  readonly body_bytes: number
  readonly header_bytes: number
  readonly headers_ms: number
  readonly request_ms: number
  /** How long whoever asked may take to receive an answer, past the time for the request. */
  readonly answer_ms: number
  /** Requests under way at once; one more is refused. */
  readonly in_flight: number
  /** How long a drain still takes in what was on its way when it was asked for. */
  readonly settle_ms: number
  /** How long it then waits for requests that are under way. */
  readonly drain_ms: number
}

/** What a server tells of what it did. */
export interface HttpObserver {
  /** @param route null where no route was met */
  replied(done: {
    readonly route: string | null
    readonly status: number
    readonly seconds: number
    readonly request_id: string
    /** A code of the contract where it was refused. */
    readonly code: string | null
  }): void
  /** A bug: what was thrown is nothing that a route throws on purpose. */
  failed(error: unknown, request_id: string): void
}

export interface HttpServer {
  /** `http://host:port`. */
  readonly origin: string
  /** Requests under way. */
  inFlight(): number
  /** Takes in what is on its way, then nothing more, lets all of it come to its end, within its bounds, and closes. */
  drain(): Promise<void>
}

/** What a service is sent. The credential goes as headers, and nowhere else. */
export interface HttpRequest {
  readonly method: HttpMethod | 'PATCH'
  /** With its query, encoded. */
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  /** A JSON text; null for none. */
  readonly body?: string | null
}

export interface HttpResponse {
  readonly status: number
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
  readonly text: string
}

/** Asks one service over HTTP/1.1, bounded in sizes and times. Redirects are answers like any other. */
export interface HttpClient {
  readonly origin: string
  /** @throws FfError `target_unreachable` where no whole answer came, `request_unsendable` where none could be asked for */
  send(request: HttpRequest): Promise<HttpResponse>
  close(): void
}
