import { isUtf8 } from 'node:buffer'
import { randomUUID } from 'node:crypto'
import type { AddressInfo, Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import {
  PROBLEMS,
  problemText,
  type RequestCode,
  type ServerCode,
} from '../core/service/problems.ts'
import type { Credential } from '../core/auth/types.ts'
import { isRequestId } from '../core/state/write-request.ts'
import type {
  HttpCall,
  HttpLimits,
  HttpReply,
  HttpRoute,
  HttpServer,
  HttpWitness,
  ListenAt,
  RefusalAt,
} from '../ports.ts'
import { credentialOf } from './credential.ts'
import { listenFault } from './listen-fault.ts'

const PROBLEM_TYPE = 'application/problem+json; charset=utf-8'
const METHODS = ['GET', 'PUT', 'POST', 'DELETE', 'PATCH'] as const
/** How often the server looks for requests that are too slow, in milliseconds. */
const CHECKED_EVERY_MS = 1_000
/** Longer than any id in a path, so that what is too long is refused by its own name. */
const MAX_PARAM = 1_024

export interface ServerOptions {
  readonly at: ListenAt
  readonly limits: HttpLimits
  readonly witness: HttpWitness
  readonly refusal?: RefusalAt
}

/**
 * Serves routes over HTTP/1.1, bounded in sizes and times (page 5, limits).
 *
 * @throws FfError `listen_failed`
 */
export async function openServer(
  routes: readonly HttpRoute[],
  options: ServerOptions,
): Promise<HttpServer> {
  const { at, limits } = options
  const server = makeServer(options)
  server.decorate('refusalAt', options.refusal ?? (() => null))
  const state: State = { inFlight: 0, draining: false }
  watch(server, state, options)
  takeBodies(server)
  refuseFailures(server, options.witness)
  for (const route of routes) serve(server, route)
  refuseOtherMethods(server, routes)
  try {
    await server.listen(at)
  } catch (error) {
    throw listenFault(error, at)
  }
  return {
    origin: originOf(server.server.address() as AddressInfo),
    inFlight: () => state.inFlight,
    drain: async () => {
      // A connection that the system has taken and we have not would be reset; one that is kept alive is told.
      state.draining = true
      await sleep(limits.settle_ms)
      const closed = server.close()
      const timer = setTimeout(() => server.server.closeAllConnections(), limits.drain_ms)
      await closed
      clearTimeout(timer)
    },
  }
}

const makeServer = ({ limits, witness }: ServerOptions): FastifyInstance =>
  fastify({
    bodyLimit: limits.body_bytes,
    requestTimeout: limits.request_ms,
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    exposeHeadRoutes: false,
    routerOptions: { maxParamLength: MAX_PARAM, caseSensitive: true },
    genReqId: ({ headers }) => requestIdOf(headers['x-request-id']),
    frameworkErrors: (error, { id }, reply) => {
      const code = error.code === 'FST_ERR_BAD_URL' ? 'request_malformed' : 'route_unknown'
      tellUnmet(witness, code, id)
      void refuse(reply, code)
    },
    clientErrorHandler: (error, socket) => refuseSocket(error, socket, witness),
    http: {
      headersTimeout: limits.headers_ms,
      maxHeaderSize: limits.header_bytes,
      connectionsCheckingInterval: CHECKED_EVERY_MS,
    },
  })

interface State {
  inFlight: number
  draining: boolean
}

/** Counts what is under way, refuses one too many, and tells the witness of each reply, sent or cut off. */
function watch(server: FastifyInstance, state: State, { limits, witness }: ServerOptions): void {
  server.decorateRequest('refusedAs', null)
  server.addHook('onRequest', (request, reply, done) => {
    const started = process.hrtime.bigint()
    // Whoever does not receive an answer would hold it, and a place among those under way, for ever.
    const late = setTimeout(() => reply.raw.destroy(), limits.request_ms + limits.answer_ms)
    state.inFlight += 1
    reply.raw.once('close', () => {
      state.inFlight -= 1
      clearTimeout(late)
      witness.replied({
        route: request.routeOptions.config.id ?? null,
        status: reply.statusCode,
        seconds: Number(process.hrtime.bigint() - started) / 1e9,
        request_id: request.id,
        code: request.refusedAs,
      })
    })
    if (state.draining) reply.header('connection', 'close')
    if (state.inFlight > limits.in_flight) refuse(reply, 'too_many_requests_in_flight')
    else done()
  })
}

function refuseFailures(server: FastifyInstance, witness: HttpWitness): void {
  server.setErrorHandler((error, request, reply) => {
    const code = codeOf(error)
    if (code === null) witness.failed(error, request.id)
    return refuse(reply, code ?? 'internal')
  })
  server.setNotFoundHandler((_request, reply) => refuse(reply, 'route_unknown'))
}

/** A caller's own id where it is one, so that its logs and ours can be laid side by side; a token is none. */
const requestIdOf = (named: string | readonly string[] | undefined): string =>
  typeof named === 'string' && isRequestId(named) && !TOKEN.test(named) ? named : randomUUID()
/** A compact JWS: its header is an object, and `{"` is `eyJ` in base64url. */
const TOKEN = /eyJ[\w-]*\.[\w-]*\./

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Name of the route that was met. */
    id?: string
  }
  interface FastifyRequest {
    /** A code of the contract. */
    refusedAs: string | null
  }
  interface FastifyInstance {
    refusalAt: RefusalAt
  }
}

function serve(server: FastifyInstance, route: HttpRoute): void {
  const { id, method, path, handle, body_bytes } = route
  server.route({
    method,
    url: path,
    config: { id },
    ...(body_bytes === undefined ? {} : { bodyLimit: body_bytes }),
    // Not async: what fastify does beside to wait for a promise costs more than the wait.
    handler: (request, reply) =>
      void handle(new Call(request)).then(
        (done) => send(request, reply, done),
        (error: unknown) => reply.send(error),
      ),
  })
}

/** What is seldom asked of a request is made when it is asked. */
class Call implements HttpCall {
  private readonly request: FastifyRequest
  readonly credential: Credential
  readonly body: string

  constructor(request: FastifyRequest) {
    this.request = request
    this.credential = credentialOf(request.raw)
    this.body = typeof request.body === 'string' ? request.body : ''
  }

  get request_id(): string {
    return this.request.id
  }

  get params(): HttpCall['params'] {
    return this.request.params as HttpCall['params']
  }

  get query(): URLSearchParams {
    const { url } = this.request
    const from = url.indexOf('?')
    return new URLSearchParams(from === -1 ? '' : url.slice(from + 1))
  }

  header(name: string): string | null {
    const value = this.request.headers[name]
    return value === undefined ? null : String(value)
  }
}

const pathOf = (url: string): string => url.split('?', 1)[0] as string

function send(
  request: FastifyRequest,
  reply: FastifyReply,
  { status, type, headers, text, code }: HttpReply,
): FastifyReply {
  request.refusedAs = code
  // An empty text would be a body of no bytes, which a 304 does not have (RFC 9110, 15.4.5).
  return reply
    .code(status)
    .headers(headers)
    .type(type)
    .send(status === 304 ? undefined : text)
}

function refuse(reply: FastifyReply, code: ServerCode): FastifyReply {
  const { request } = reply
  const worded = reply.server.refusalAt(pathOf(request.url), code)
  if (worded !== null) return send(request, reply, worded)
  const [status] = PROBLEMS[code]
  request.refusedAs = code
  reply.header('cache-control', 'no-store')
  if (status === 503) reply.header('retry-after', '1')
  return reply.code(status).type(PROBLEM_TYPE).send(problemText(code, request.id))
}

/** A body is the text of a JSON value, whoever reads it; nothing is parsed twice, and nothing is lost (page 4). */
function takeBodies(server: FastifyInstance): void {
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

/** What of fastify's own errors is the caller's doing. */
const CODES: Readonly<Record<string, RequestCode>> = {
  // The caller went away before the end of its request.
  ECONNRESET: 'request_malformed',
  utf8_invalid: 'utf8_invalid',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'media_type_unsupported',
  FST_ERR_CTP_BODY_TOO_LARGE: 'body_too_large',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'request_malformed',
  FST_ERR_CTP_EMPTY_TYPE: 'media_type_unsupported',
}
const codeOf = (error: unknown): RequestCode | null =>
  error instanceof Error && 'code' in error ? (CODES[String(error.code)] ?? null) : null

/** A path that is served, with a method that it is not served with (RFC 9110, 15.5.6). */
function refuseOtherMethods(server: FastifyInstance, routes: readonly HttpRoute[]): void {
  for (const path of new Set(routes.map((route) => route.path))) {
    const taken = routes.filter((route) => route.path === path).map(({ method }) => method)
    server.route({
      method: METHODS.filter((method) => !(taken as readonly string[]).includes(method)),
      url: path,
      handler: (_request, reply) =>
        refuse(reply.header('allow', taken.join(', ')), 'method_not_allowed'),
    })
  }
}

/** What Node refuses before there is a request to answer. */
const SOCKET_CODES: Readonly<Record<string, RequestCode>> = {
  HPE_HEADER_OVERFLOW: 'headers_too_large',
  ERR_HTTP_REQUEST_TIMEOUT: 'request_timeout',
}

/** No hook hears of what never came to a route. */
const tellUnmet = (witness: HttpWitness, code: RequestCode, request_id: string): void =>
  witness.replied({ route: null, status: PROBLEMS[code][0], seconds: 0, request_id, code })

function refuseSocket(error: NodeJS.ErrnoException, socket: Socket, witness: HttpWitness): void {
  // The other end is gone: there is nobody to tell.
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy()
  const code = SOCKET_CODES[error.code ?? ''] ?? 'request_malformed'
  const id = randomUUID()
  const text = problemText(code, id)
  const [status] = PROBLEMS[code]
  tellUnmet(witness, code, id)
  socket.end(
    `HTTP/1.1 ${status} ${code}\r\nconnection: close\r\ncontent-type: ${PROBLEM_TYPE}\r\n` +
      `content-length: ${Buffer.byteLength(text)}\r\n\r\n${text}`,
  )
}

const originOf = ({ address, family, port }: AddressInfo): string =>
  `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`
