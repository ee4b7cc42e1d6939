import { randomUUID } from 'node:crypto'
import { METHODS } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { SERVICE_PROBLEMS, formatProblem, type RequestCode } from '../../core/http-api/problems.ts'
import type { Route, HttpObserver } from '../../ports/http.ts'
import { findToldRoute } from './refused-route.ts'
import { PROBLEM_TYPE, sendRefusal } from './reply.ts'
import { toRouteRequest } from './route-request.ts'

/** How long a refused connection may go on to send before it is destroyed, so that its client can read the answer. */
const LINGER_MS = 1_000

/**
 * Sets the server's handlers for errors and unknown routes. A fault of the client gets its code (`utf8_invalid`,
 * `media_type_unsupported`, `body_too_large`, `request_malformed`) and is told to `refused` of its route, a missing
 * route gets `route_unknown`, and any other error `internal`, which is also reported to the observer as a bug; so is a
 * failure of `refused`. After a disconnection before the request was complete, whatever the error, `refused` is not
 * told and no bug is reported; a client that left later hides no bug.
 */
export function refuseFailures(server: FastifyInstance, httpObserver: HttpObserver): void {
  server.setErrorHandler((error, request, reply) => {
    // A client that disconnected within its request caused the error; it is no bug.
    const gone = request.raw.destroyed && !request.raw.complete
    const code = gone ? 'request_malformed' : getErrorCode(error)
    if (code === null) httpObserver.failed(error, request.id)
    else if (!gone) reportRefused(request, code, httpObserver)
    return sendRefusal(reply, code ?? 'internal')
  })
  server.setNotFoundHandler((_request, reply) => sendRefusal(reply, 'route_unknown'))
}

/** Tells the route of a request that was refused before its handler. */
function reportRefused(request: FastifyRequest, code: RequestCode, observer: HttpObserver): void {
  const told = request.routeOptions.config.refused?.(toRouteRequest(request), code)
  told?.catch((error: unknown) => observer.failed(error, request.id))
}

/** Tells the route, if any, of a request that was refused because of its method or path; its body is not read. */
export function reportUnserved(
  routes: readonly Route[],
  request: FastifyRequest,
  { code, httpObserver }: { readonly code: RequestCode; readonly httpObserver: HttpObserver },
): void {
  const told = findToldRoute(routes, request)
  told?.route
    .refused(toRouteRequest(request, told.params), code)
    .catch((error: unknown) => httpObserver.failed(error, request.id))
}

/** The errors of fastify and the body parser that the client caused. */
const CODES: Readonly<Record<string, RequestCode>> = {
  utf8_invalid: 'utf8_invalid',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'media_type_unsupported',
  FST_ERR_CTP_BODY_TOO_LARGE: 'body_too_large',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'request_malformed',
  FST_ERR_CTP_EMPTY_TYPE: 'media_type_unsupported',
}
const getErrorCode = (error: unknown): RequestCode | null =>
  error instanceof Error && 'code' in error ? (CODES[String(error.code)] ?? null) : null

/**
 * Adds to each served path the methods that it lacks, except CONNECT: OPTIONS answers 204 with `Allow` (RFC 9110,
 * 9.3.7), every other one `method_not_allowed` (405) with `Allow` (15.5.6), before a body is read; a route of the path
 * is told of it. HEAD is there where GET is.
 */
export function answerOtherMethods(
  server: FastifyInstance,
  routes: readonly Route[],
  httpObserver: HttpObserver,
): void {
  const methods = METHODS.filter((method) => method !== 'CONNECT')
  for (const method of methods)
    if (!server.supportedMethods.includes(method)) server.addHttpMethod(method)
  for (const path of new Set(routes.map((route) => route.path))) {
    const taken = routes
      .filter((route) => route.path === path)
      .flatMap(({ method }) => (method === 'GET' ? ['GET', 'HEAD'] : [method]))
    const allow = [...taken, 'OPTIONS'].join(', ')
    server.route({
      method: 'OPTIONS',
      url: path,
      onRequest: (_request, reply) => void reply.code(204).header('allow', allow).send(),
      handler: unreached,
    })
    server.route({
      method: methods.filter((method) => method !== 'OPTIONS' && !taken.includes(method)),
      url: path,
      onRequest: (request, reply) => {
        const code = 'method_not_allowed'
        reportUnserved(routes, request, { code, httpObserver })
        void sendRefusal(reply.header('allow', allow), code)
      },
      handler: unreached,
    })
  }
}
const unreached = (): never => {
  throw new Error('a hook has answered the request')
}

/** The codes of Node's parser, among all errors of a connection. */
const PARSER_ERROR = /^(HPE|ERR_HTTP)_/
/** Errors of Node's parser, which come before there is a request. */
const SOCKET_CODES: Readonly<Record<string, RequestCode>> = {
  HPE_HEADER_OVERFLOW: 'headers_too_large',
  ERR_HTTP_REQUEST_TIMEOUT: 'request_timeout',
}

/**
 * Reports a refusal that fastify's hooks do not see, because it reached no route: route null, 0 seconds, the status of
 * its code. Sends no response.
 */
export const reportUnrouted = (
  httpObserver: HttpObserver,
  code: RequestCode,
  request_id: string,
): void =>
  httpObserver.replied({
    route: null,
    status: SERVICE_PROBLEMS[code][0],
    seconds: 0,
    request_id,
    code,
  })

/**
 * Answers a request that Node could not parse with a problem detail, reports it, and closes the connection, by force
 * after 1 s: `headers_too_large`, `request_timeout`, else `request_malformed`. Destroys the socket without a report
 * where the client is gone, or its TLS handshake failed.
 */
export function refuseSocket(
  error: NodeJS.ErrnoException,
  socket: Socket,
  httpObserver: HttpObserver,
): void {
  // The connection has failed, or TLS on it, so no response is possible.
  if (!PARSER_ERROR.test(error.code ?? '') || !socket.writable) return void socket.destroy()
  const code = SOCKET_CODES[error.code ?? ''] ?? 'request_malformed'
  const id = randomUUID()
  const text = formatProblem(code, id)
  const [status] = SERVICE_PROBLEMS[code]
  reportUnrouted(httpObserver, code, id)
  const linger = setTimeout(() => socket.destroy(), LINGER_MS)
  socket.once('close', () => clearTimeout(linger))
  socket.end(
    `HTTP/1.1 ${status} ${code}\r\nconnection: close\r\ncontent-type: ${PROBLEM_TYPE}\r\nx-request-id: ${id}\r\n` +
      `content-length: ${Buffer.byteLength(text)}\r\n\r\n${text}`,
  )
}
