import fastify, { type FastifyInstance } from 'fastify'
import { isUtf8 } from 'node:buffer'
import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { type AddressInfo, Server as NetServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { isRequestId } from '../../core/rows/write-request.ts'
import type {
  HttpLimits,
  HttpObserver,
  HttpServer,
  ListenAt,
  RefusalAt,
  Route,
  RouteRequest,
} from '../../ports/http.ts'
import { ReplyBatcher } from './reply-batcher.ts'
import { refuseFailures, refuseOtherMethods, refuseSocket, reportUnrouted } from './refusals.ts'
import { sendRefusal, sendReply, type ServerState } from './reply.ts'
import type { FastifyRequest } from 'fastify'
import { readCredential } from './credential.ts'
import { FfError } from '../../errors.ts'

/** Interval of the check for slow requests. */
const SLOW_CHECK_MS = 1_000
/** Interval at which a drain checks the number of requests in flight. */
const DRAIN_CHECK_MS = 20
/** Longer than any valid id in a path, so that the route refuses a long id with the code of that parameter. */
const MAX_PARAM = 1_024

/** Address, limits, observer and optional refusals of a server. */
export interface ServerOptions {
  readonly at: ListenAt
  readonly limits: HttpLimits
  readonly httpObserver: HttpObserver
  readonly refusal?: RefusalAt
}

/**
 * Serves routes over HTTP/1.1, within the limits; resolves once it listens. `drain` closes connections after their
 * response, stops listening after `settle_ms`, cuts what is left `drain_ms` later, and resolves when all is closed.
 *
 * @throws FfError `listen_failed` for any error of listening
 */
export async function openServer(
  routes: readonly Route[],
  options: ServerOptions,
): Promise<HttpServer> {
  const { at, limits } = options
  const server = makeServer(options)
  server.decorate('refusalAt', options.refusal ?? (() => null))
  const state: ServerState = { inFlight: 0, draining: false }
  server.decorate('serverState', state)
  observeRequests(server, state, options)
  // An unknown expectation may be ignored (RFC 9110, 10.1.1); Node would answer 417 without a code.
  server.server.on('checkExpectation', (request, reply) => server.routing(request, reply))
  acceptJsonBodies(server)
  refuseFailures(server, options.httpObserver)
  const replyBatcher = new ReplyBatcher()
  for (const route of routes) addRoute(server, route, replyBatcher)
  refuseOtherMethods(server, routes)
  try {
    await server.listen(at)
  } catch (error) {
    throw toListenError(error, at)
  }
  return {
    origin: getOrigin(server.server.address() as AddressInfo),
    inFlight: () => state.inFlight,
    drain: async () => {
      // Closing now would reset connections in the kernel's backlog; kept-alive ones get `connection: close`.
      state.draining = true
      await sleep(limits.settle_ms)
      // Only stop listening: http.Server.close would also cut connections that still send, which Node counts as idle.
      NetServer.prototype.close.call(server.server)
      const timer = setTimeout(() => server.server.closeAllConnections(), limits.drain_ms)
      while (state.inFlight > 0) await sleep(DRAIN_CHECK_MS)
      await server.close()
      clearTimeout(timer)
    },
  }
}

const makeServer = ({ limits, httpObserver }: ServerOptions): FastifyInstance =>
  fastify({
    bodyLimit: limits.body_bytes,
    requestTimeout: limits.request_ms,
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    exposeHeadRoutes: false,
    routerOptions: { maxParamLength: MAX_PARAM, caseSensitive: true },
    genReqId: ({ headers }) => getRequestId(headers['x-request-id']),
    frameworkErrors: (error, { id }, reply) => {
      const code = error.code === 'FST_ERR_BAD_URL' ? 'request_malformed' : 'route_unknown'
      reportUnrouted(httpObserver, code, id)
      void sendRefusal(reply, code)
    },
    clientErrorHandler: (error, socket) => refuseSocket(error, socket, httpObserver),
    http: {
      headersTimeout: limits.headers_ms,
      maxHeaderSize: limits.header_bytes,
      connectionsCheckingInterval: SLOW_CHECK_MS,
      // Node would answer 400 without a code; `observeRequests` refuses it with one.
      requireHostHeader: false,
    },
  })

/** Counts requests in flight, refuses those over the limit, and reports each response, sent or cut off. */
function observeRequests(
  server: FastifyInstance,
  state: ServerState,
  { limits, httpObserver }: ServerOptions,
): void {
  server.decorateRequest('refusedAs', null)
  server.addHook('onRequest', (request, reply, done) => {
    const started = process.hrtime.bigint()
    // A client that does not read its response would keep its place in flight for ever.
    const late = setTimeout(() => reply.raw.destroy(), limits.request_ms + limits.answer_ms)
    state.inFlight += 1
    reply.raw.once('close', () => {
      state.inFlight -= 1
      clearTimeout(late)
      httpObserver.replied({
        route: request.routeOptions.config.id ?? null,
        status: reply.statusCode,
        seconds: Number(process.hrtime.bigint() - started) / 1e9,
        request_id: request.id,
        code: request.refusedAs,
      })
    })
    if (state.inFlight > limits.in_flight) sendRefusal(reply, 'too_many_requests_in_flight')
    else if (isWithoutHost(request.raw)) sendRefusal(reply, 'request_malformed')
    else done()
  })
}

/** HTTP/1.1 requires a Host header (RFC 9112, 3.2). */
const isWithoutHost = ({ httpVersion, headers }: IncomingMessage): boolean =>
  httpVersion === '1.1' && headers.host === undefined

/** The client's request id, if it is valid and no token, so that both sides' logs can be matched; else a new one. */
const getRequestId = (named: string | readonly string[] | undefined): string =>
  typeof named === 'string' && isRequestId(named) && !TOKEN.test(named) ? named : randomUUID()
/** The beginning of a compact JWS: its header is an object, and `{"` is `eyJ` in base64url. */
const TOKEN = /eyJ[\w-]*\.[\w-]*\./

function addRoute(server: FastifyInstance, route: Route, replyBatcher: ReplyBatcher): void {
  const { id, method, path, handle, body_bytes } = route
  server.route({
    method,
    url: path,
    config: { id },
    ...(body_bytes === undefined ? {} : { bodyLimit: body_bytes }),
    // Not async: fastify's handling of a returned promise costs more than this call.
    handler: (request, reply) => {
      const failed = (error: unknown): unknown => reply.send(error)
      void handle(toRouteRequest(request)).then(
        (done) => replyBatcher.put(() => sendReply(request, reply, done), failed),
        failed,
      )
    },
  })
}

/** Accepts JSON bodies as text: the route parses them once and losslessly. Other media types are refused. */
function acceptJsonBodies(server: FastifyInstance): void {
  server.removeAllContentTypeParsers()
  server.addContentTypeParser(
    'application/json',
    { parseAs: 'buffer' },
    (_request, bytes: Buffer, done) => {
      if (isUtf8(bytes)) done(null, bytes.toString('utf8'))
      else done(Object.assign(new Error('not UTF-8'), { code: 'utf8_invalid' }))
    },
  )
}

const getOrigin = ({ address, family, port }: AddressInfo): string =>
  `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`

/**
 * The request as its route receives it: dev headers and token read but not verified, the query parsed on each access, a
 * missing header null, and '' for a body that is missing or was not parsed as text.
 */
export const toRouteRequest = (request: FastifyRequest): RouteRequest => ({
  request_id: request.id,
  params: request.params as RouteRequest['params'],
  get query() {
    const { url } = request
    const from = url.indexOf('?')
    return new URLSearchParams(from === -1 ? '' : url.slice(from + 1))
  },
  credential: readCredential(request.raw),
  header: (name) => {
    const value = request.headers[name]
    return value === undefined ? null : String(value)
  },
  body: typeof request.body === 'string' ? request.body : '',
})

/**
 * Makes, without throwing it, the FfError `listen_failed` for an address; its message holds the system's code, and the
 * hint names another port for `EADDRINUSE`.
 */
export function toListenError(error: unknown, { host, port }: ListenAt): FfError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  return new FfError('listen_failed', `Cannot listen on ${host}:${port} (${code}).`, {
    hint:
      code === 'EADDRINUSE'
        ? 'Stop the process that listens there, or set FF_LISTEN to another port; port 0 takes a free one.'
        : 'Set FF_LISTEN to an address of this machine, such as 127.0.0.1:8420.',
    cause: error,
  })
}
