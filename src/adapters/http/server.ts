import fastify, {
  type FastifyError,
  type FastifyHttpOptions,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify'
import { isUtf8 } from 'node:buffer'
import { randomUUID } from 'node:crypto'
import type { IncomingMessage, Server } from 'node:http'
import { Server as SecureServer } from 'node:https'
import { type AddressInfo, Server as NetServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { TLSSocket } from 'node:tls'
import { isRequestId } from '../../core/rows/write-request.ts'
import type {
  HttpLimits,
  HttpObserver,
  HttpServer,
  ListenAt,
  RequestSpan,
  Route,
  ServerExtras,
  TlsCertificate,
} from '../../ports/http.ts'
import { EventStreams } from './event-stream.ts'
import { ReplyBatcher } from './reply-batcher.ts'
import {
  answerOtherMethods,
  refuseFailures,
  refuseSocket,
  reportUnrouted,
  reportUnserved,
} from './refusals.ts'
import { type ObservedRequest, RequestTracker } from './request-tracker.ts'
import { readTrace, setCommonHeaders } from './reply-headers.ts'
import { sendLastRefusal, sendRefusal, sendReply, type ServerState } from './reply.ts'
import { toRouteRequest } from './route-request.ts'
import { FfError } from '../../errors.ts'

/** Interval of the check for slow requests. */
const SLOW_CHECK_MS = 1_000
/** Interval at which a drain checks the number of unanswered requests. */
const DRAIN_CHECK_MS = 20
/** How long a drain goes on to accept connections that come in every turn of the event loop. */
const BACKLOG_MS = 500
/** Connections that the kernel holds for a listener of Node. */
const BACKLOG = 511
/** A turn of the event loop that does nothing takes a tenth of it. */
const SHORT_TURN_MS = 0.3
/** How long a drain waits for the first request of a connection that it has accepted. */
const FIRST_REQUEST_MS = 1_000
/** Node would drop the headers after its own limit silently, a credential among them. */
const MAX_HEADERS = 2_000
/** Longer than any valid id in a path, so that the route refuses a long id with the code of that parameter. */
const MAX_PARAM = 1_024

/** Address, limits, observer and further parts of a server. */
export interface ServerOptions extends ServerExtras {
  readonly at: ListenAt
  readonly limits: HttpLimits
  readonly httpObserver: HttpObserver
}

/**
 * Serves routes over HTTP/1.1, over TLS with a certificate, within the limits; resolves once it listens, with its origin, the count of requests in
 * flight, and `drain`. `drain` closes connections after their response, stops listening after `settle_ms`, cuts what
 * is left about `drain_ms` later, and resolves when all is closed.
 * @throws FfError `listen_failed` for any error of listening
 */
export async function openServer(
  routes: readonly Route[],
  options: ServerOptions,
): Promise<HttpServer> {
  const { at, limits } = options
  const server = makeServer(routes, options)
  server.decorate('refusalAt', options.refusal ?? (() => null))
  server.decorate('crossOrigin', options.crossOrigin ?? null)
  const state: ServerState = { draining: false }
  server.decorate('serverState', state)
  const eventStreams = new EventStreams()
  server.decorate('eventStreams', eventStreams)
  const tracker = new RequestTracker(limits)
  observeRequests(server, tracker, options.httpObserver)
  // An unknown expectation may be ignored (RFC 9110, 10.1.1); Node would answer 417 without a code.
  server.server.on('checkExpectation', (request, reply) => server.routing(request, reply))
  acceptJsonBodies(server)
  refuseFailures(server, options.httpObserver)
  const replyBatcher = new ReplyBatcher()
  for (const route of routes) addRoute(server, route, { replyBatcher, tracker })
  answerOtherMethods(server, routes, options.httpObserver)
  try {
    await server.listen(at)
  } catch (error) {
    throw toListenError(error, at)
  }
  const sweep = setInterval(() => tracker.cutLate(), SLOW_CHECK_MS).unref()
  return {
    origin: getOrigin(server.server),
    useCertificate: (certificate) => {
      if (server.server instanceof SecureServer)
        server.server.setSecureContext(toSecureOptions(certificate))
    },
    inFlight: () => tracker.inFlight,
    drain: async (settle_ms = limits.settle_ms) => {
      // Closing now would reset connections in the kernel's backlog; kept-alive ones get `connection: close`.
      state.draining = true
      await sleep(settle_ms)
      const end = performance.now() + limits.drain_ms
      eventStreams.end()
      await emptyBacklog(tracker, end)
      // Only stop listening: http.Server.close would also cut connections that still send, which Node counts as idle.
      NetServer.prototype.close.call(server.server)
      eventStreams.end()
      await waitForAnswers(tracker, end)
      tracker.cut()
      clearInterval(sweep)
      await server.close()
    },
  }
}

/**
 * Waits for a short turn of the event loop that accepts no connection. A turn takes one from the backlog of the kernel, and
 * closing the listener resets what came since it looked. Connections that go on to come are taken for a short time, and
 * until `end` for as many turns as the backlog holds.
 */
async function emptyBacklog(tracker: RequestTracker, end: number): Promise<void> {
  const soon = performance.now() + BACKLOG_MS
  for (let turns = 0; ; turns += 1) {
    const { accepted } = tracker
    const began = performance.now()
    await new Promise(setImmediate)
    const now = performance.now()
    if (tracker.accepted === accepted && now - began < SHORT_TURN_MS) return
    if (now > soon && (now > end || turns >= BACKLOG)) return
  }
}

/** Waits until every request is answered, and a short time for requests of connections that were just accepted. */
async function waitForAnswers(tracker: RequestTracker, end: number): Promise<void> {
  // In steps: a process that did not run for a while reads what has arrived meanwhile.
  for (let waited_ms = 0; performance.now() < end; waited_ms += DRAIN_CHECK_MS) {
    if (tracker.unanswered === 0 && (tracker.waiting === 0 || waited_ms >= FIRST_REQUEST_MS)) return
    await sleep(DRAIN_CHECK_MS)
  }
}

function makeServer(
  routes: readonly Route[],
  { limits, httpObserver, tls = null }: ServerOptions,
): FastifyInstance {
  const options = {
    bodyLimit: limits.body_bytes,
    requestTimeout: limits.request_ms,
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    exposeHeadRoutes: true,
    schemaController: { compilersFactory: NO_COMPILERS },
    routerOptions: { maxParamLength: MAX_PARAM, caseSensitive: true },
    genReqId: ({ headers }: IncomingMessage) => getRequestId(headers['x-request-id']),
    frameworkErrors: (error: FastifyError, request: FastifyRequest, reply: FastifyReply): void => {
      const code = error.code === 'FST_ERR_BAD_URL' ? 'request_malformed' : 'route_unknown'
      reportUnrouted(httpObserver, code, request.id)
      reportUnserved(routes, request, { code, httpObserver })
      request.server.tracker.heard(request.raw.socket)
      setCommonHeaders(reply)
      void sendRefusal(reply, code)
    },
    clientErrorHandler: (error: Error, socket: Socket) => refuseSocket(error, socket, httpObserver),
  } satisfies FastifyHttpOptions<Server>
  const http = {
    headersTimeout: limits.headers_ms,
    maxHeaderSize: limits.header_bytes,
    connectionsCheckingInterval: SLOW_CHECK_MS,
    // Node would answer 400 without a code; `observeRequests` refuses it with one.
    requireHostHeader: false,
  }
  if (tls === null) return fastify({ ...options, http })
  const https = { ...http, ...toSecureOptions(tls), handshakeTimeout: limits.headers_ms }
  return fastify<SecureServer>({ ...options, https })
}

/** Routes check their requests themselves; without these, fastify loads the compilers of ajv at each start. */
const NO_COMPILERS = { buildValidator: refuseSchema, buildSerializer: refuseSchema }
function refuseSchema(): never {
  throw new Error('a route declares a schema, but this server compiles none')
}

/** Explicit, because NODE_OPTIONS could allow older versions for the whole process. */
const toSecureOptions = ({ cert, key }: TlsCertificate) =>
  ({ cert, key, minVersion: 'TLSv1.2' }) as const

/** Tracks each connection and request, and reports each response, sent or cut off. */
function observeRequests(
  server: FastifyInstance,
  tracker: RequestTracker,
  httpObserver: HttpObserver,
): void {
  server.decorate('tracker', tracker)
  server.decorateRequest('refusedAs', null)
  server.decorateRequest('tracked')
  server.decorateRequest('span')
  server.decorateRequest('flags', null)
  // 0 is no limit; `isMalformed` refuses more than MAX_HEADERS.
  server.server.maxHeadersCount = 0
  server.server.on('connection', (socket) => tracker.connect(socket))
  server.server.on('secureConnection', (socket: TLSSocket) => tracker.secure(socket))
  server.addHook('onRequest', (request, reply, done) => {
    const observed = new RequestInProgress(reply, httpObserver)
    const tracked = tracker.arrive(observed)
    request.tracked = tracked
    reply.raw.on('close', () => tracker.end(tracked))
    setCommonHeaders(reply)
    if (isMalformed(request.raw)) sendLastRefusal(reply, 'request_malformed')
    else done()
  })
}

/** Observes a request from its headers to its end. */
class RequestInProgress implements ObservedRequest {
  readonly socket: Socket
  private readonly reply: FastifyReply
  private readonly httpObserver: HttpObserver
  private readonly span: RequestSpan
  private readonly started = performance.now()

  constructor(reply: FastifyReply, httpObserver: HttpObserver) {
    const { request } = reply
    const { raw, method, routeOptions } = request
    const route = routeOptions.url ?? null
    this.socket = raw.socket
    this.reply = reply
    this.httpObserver = httpObserver
    this.span = httpObserver.received?.({ method, route, trace: readTrace(raw) }) ?? NO_SPAN
    request.span = this.span
  }

  refuse(): void {
    sendLastRefusal(this.reply, 'too_many_requests_arriving')
  }

  ended(): void {
    const { request, statusCode: status } = this.reply
    const { id, refusedAs: code, flags, routeOptions } = request
    this.span.end({ status, code, flags })
    this.httpObserver.replied({
      route: routeOptions.config.id ?? null,
      status,
      seconds: (performance.now() - this.started) / 1000,
      request_id: id,
      code,
    })
  }
}

const NO_SPAN: RequestSpan = { context: () => null, end: () => undefined }

/**
 * Whether a request breaks a rule that Node does not check: one valid Host header in HTTP/1.1 (RFC 9112, 3.2), no transfer
 * coding but chunked, whose end alone this server finds (RFC 9112, 6.1), and not more headers than the limit.
 */
function isMalformed({ httpVersion, headers, rawHeaders }: IncomingMessage): boolean {
  const hosts = countHosts(rawHeaders)
  const coding = headers['transfer-encoding']
  return (
    hosts > 1 ||
    (hosts === 0 && httpVersion === '1.1') ||
    !HOST.test(headers.host ?? '') ||
    (coding !== undefined && coding.toLowerCase() !== 'chunked') ||
    rawHeaders.length > 2 * MAX_HEADERS
  )
}

function countHosts(rawHeaders: readonly string[]): number {
  let hosts = 0
  for (let at = 0; at < rawHeaders.length; at += 2)
    if (rawHeaders[at]?.length === 4 && rawHeaders[at]?.toLowerCase() === 'host') hosts += 1
  return hosts
}

/** The characters of a host and a port (RFC 3986, 3.2.2 and 3.2.3); none for a target without an authority. */
const HOST = /^[\w.~!$&'()*+,;=%:[\]-]*$/

/** The client's request id, if it is valid and no token, so that both sides' logs can be matched; else a new one. */
const getRequestId = (named: string | readonly string[] | undefined): string =>
  typeof named === 'string' && isRequestId(named) && !TOKEN.test(named) ? named : randomUUID()
/** The beginning of a compact JWS: its header is an object, and `{"` is `eyJ` in base64url. */
const TOKEN = /eyJ[\w-]*\.[\w-]*\./

function addRoute(
  server: FastifyInstance,
  { id, method, path, handle, body_bytes, operational = false, refused }: Route,
  {
    replyBatcher,
    tracker,
  }: { readonly replyBatcher: ReplyBatcher; readonly tracker: RequestTracker },
): void {
  server.route({
    method,
    url: path,
    config: { id, ...(refused === undefined ? {} : { refused }) },
    ...(body_bytes === undefined ? {} : { bodyLimit: body_bytes }),
    // Not async: fastify's handling of a returned promise costs more than this call.
    handler: (request, reply) => {
      if (operational) tracker.settle(request.tracked)
      else if (!tracker.begin(request.tracked))
        return void sendRefusal(reply, 'too_many_requests_in_flight')
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

function getOrigin(server: NetServer): string {
  const { address, family, port } = server.address() as AddressInfo
  const scheme = server instanceof SecureServer ? 'https' : 'http'
  return `${scheme}://${family === 'IPv6' ? `[${address}]` : address}:${port}`
}

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
