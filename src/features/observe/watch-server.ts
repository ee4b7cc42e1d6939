import { FfError } from '../../errors.ts'
import type { Adapters } from '../../ports/adapters.ts'
import type { EventSink, HttpServer, Route, RouteRequest, RouteResponse } from '../../ports/http.ts'
import { HttpRefusal, NO_STORE } from '../serve/reply.ts'
import { withRefusals } from '../serve/routes.ts'
import { PROOF_LIMITS } from '../serve/serve.ts'

/** What the live page shows, and how. */
export interface WatchPage<Sent> {
  /** Its Content-Security-Policy. */
  readonly policy: string
  readonly html: () => string
  /** The data of the next event of a client, in one line, by what it was sent; undefined before its first. */
  readonly event: (sent: Sent | undefined) => { readonly data: string; readonly sent: Sent }
}

/** The live page is for this machine alone, and for a tunnel that ends on it. */
const LOOPBACK = '127.0.0.1'
const HOST_NAMES = /^(?:127\.0\.0\.1|localhost|\[::1\])(?::\d{1,5})?$/i
/** How the browser says where a request comes from; absent from other clients. */
const OWN_SITES = ['same-origin', 'none']
/** Open streams; one more is refused. */
export const MOST_STREAMS = 16
/** How long a browser waits before it connects again. */
const RETRY_MS = 2_000

const HEADERS = {
  ...NO_STORE,
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
} as const

/** A live page that is served. */
export interface WatchServer {
  readonly origin: string
  /** Sends each client what is new; the reader of a page counts on it as the sign that all of this runs. */
  send(): void
  /** Ends every stream and connection. */
  close(): Promise<void>
}

/**
 * Serves the live page on loopback: `GET /` and its events at `GET /events`, and refuses every other host name, path and
 * method, so that no page of another origin reads them.
 *
 * @param port 0 takes a free one @param failed told of a bug
 * @throws FfError `listen_failed`
 */
export async function openWatchServer<Sent>(
  { openServer }: Pick<Adapters, 'openServer'>,
  page: WatchPage<Sent>,
  { port, failed }: { readonly port: number; readonly failed: (error: unknown) => void },
): Promise<WatchServer> {
  const streams = new Map<EventSink, Sent | undefined>()
  const sendTo = (sink: EventSink): void => {
    const { data, sent } = page.event(streams.get(sink))
    streams.set(sink, sent)
    sink.write(`event: view\ndata: ${data}\n\n`)
  }
  const open = (sink: EventSink): (() => void) | null => {
    if (streams.size >= MOST_STREAMS) return null
    streams.set(sink, undefined)
    sink.write(`retry: ${RETRY_MS}\n\n`)
    sendTo(sink)
    return () => streams.delete(sink)
  }
  const answer = (type: string, rest: Partial<RouteResponse>): RouteResponse => {
    const headers = { ...HEADERS, 'content-security-policy': page.policy }
    return { status: 200, type: `${type}; charset=utf-8`, headers, text: '', code: null, ...rest }
  }
  const routes = [
    toRoute('watch.page', '/', () => answer('text/html', { text: page.html() })),
    toRoute('watch.events', '/events', () => answer('text/event-stream', { stream: open })),
  ]
  const server = await listen(openServer, routes, { port, failed })
  return {
    origin: server.origin,
    send: () => [...streams.keys()].forEach(sendTo),
    close: () => server.drain(0),
  }
}

const toRoute = (id: string, path: string, handle: () => RouteResponse): Route => ({
  id,
  method: 'GET',
  path,
  handle: withRefusals(async (call) => {
    refuseForeign(call)
    return handle()
  }),
})

/** A name that a stranger points at this machine (DNS rebinding), and a request that another page makes. */
function refuseForeign({ header }: RouteRequest): void {
  const site = header('sec-fetch-site')
  if (!HOST_NAMES.test(header('host') ?? '') || !OWN_SITES.includes(site ?? 'none'))
    throw new HttpRefusal('request_malformed')
}

async function listen(
  openServer: Adapters['openServer'],
  routes: readonly Route[],
  { port, failed }: { readonly port: number; readonly failed: (error: unknown) => void },
): Promise<HttpServer> {
  const httpObserver = { replied: () => undefined, failed }
  try {
    return await openServer(routes, {
      at: { host: LOOPBACK, port },
      limits: PROOF_LIMITS,
      httpObserver,
    })
  } catch (error) {
    if (!(error instanceof FfError) || error.code !== 'listen_failed') throw error
    throw new FfError('listen_failed', error.message, {
      hint: 'Leave --port out to take a free one: `ff observe watch --web`.',
      cause: error,
    })
  }
}
