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

/** How often the server looks for requests that are too slow, in milliseconds. */
const CHECKED_EVERY_MS = 1_000
/** How often a drain looks whether anything is still under way, in milliseconds. */
const DRAINED_EVERY_MS = 20
/** Longer than any id in a path, so that what is too long is refused by its own name. */
const MAX_PARAM = 1_024

export interface ServerOptions {
  readonly at: ListenAt
  readonly limits: HttpLimits
  readonly httpObserver: HttpObserver
  readonly refusal?: RefusalAt
}

/**
 * Serves routes over HTTP/1.1, bounded in sizes and times (page 5, limits).
 *
 * @throws FfError `listen_failed`
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
  // An expectation that nobody knows may be passed over (RFC 9110, 10.1.1); Node would refuse it without a code.
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
      // A connection that the system has taken and we have not would be reset; one that is kept alive is told.
      state.draining = true
      await sleep(limits.settle_ms)
      // It only listens no more: to close it would break off what is being sent, which Node takes for idle.
      NetServer.prototype.close.call(server.server)
      const timer = setTimeout(() => server.server.closeAllConnections(), limits.drain_ms)
      while (state.inFlight > 0) await sleep(DRAINED_EVERY_MS)
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
      connectionsCheckingInterval: CHECKED_EVERY_MS,
      // Node would refuse it without a code; `observeRequests` does.
      requireHostHeader: false,
    },
  })

/** Counts what is under way, refuses one too many, and tells the witness of each reply, sent or cut off. */
function observeRequests(
  server: FastifyInstance,
  state: ServerState,
  { limits, httpObserver }: ServerOptions,
): void {
  server.decorateRequest('refusedAs', null)
  server.addHook('onRequest', (request, reply, done) => {
    const started = process.hrtime.bigint()
    // Whoever does not receive an answer would hold it, and a place among those under way, for ever.
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

/** RFC 9112, 3.2. */
const isWithoutHost = ({ httpVersion, headers }: IncomingMessage): boolean =>
  httpVersion === '1.1' && headers.host === undefined

/** A caller's own id where it is one, so that its logs and ours can be laid side by side; a token is none. */
const getRequestId = (named: string | readonly string[] | undefined): string =>
  typeof named === 'string' && isRequestId(named) && !TOKEN.test(named) ? named : randomUUID()
/** A compact JWS: its header is an object, and `{"` is `eyJ` in base64url. */
const TOKEN = /eyJ[\w-]*\.[\w-]*\./

function addRoute(server: FastifyInstance, route: Route, replyBatcher: ReplyBatcher): void {
  const { id, method, path, handle, body_bytes } = route
  server.route({
    method,
    url: path,
    config: { id },
    ...(body_bytes === undefined ? {} : { bodyLimit: body_bytes }),
    // Not async: what fastify does beside to wait for a promise costs more than the wait.
    handler: (request, reply) => {
      const failed = (error: unknown): unknown => reply.send(error)
      void handle(toRouteRequest(request)).then(
        (done) => replyBatcher.put(() => sendReply(request, reply, done), failed),
        failed,
      )
    },
  })
}

/** A body is the text of a JSON value, whoever reads it; nothing is parsed twice, and nothing is lost (page 4). */
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

/** A request as a route sees it. What it asks for is taken apart when somebody looks at it. */
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

/** Why a place cannot be listened at. */
export function toListenError(error: unknown, { host, port }: ListenAt): FfError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  return new FfError('listen_failed', `${host}:${port} cannot be listened at (${code}).`, {
    hint:
      code === 'EADDRINUSE'
        ? 'Stop whoever listens there, or set FF_LISTEN to another port; 0 takes a free one.'
        : 'Set FF_LISTEN to an address of this machine, such as 127.0.0.1:8420.',
    cause: error,
  })
}
