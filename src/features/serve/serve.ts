import { withDeadline } from '../../concurrency/deadline.ts'
import { type KeepOpen, openAll } from '../../concurrency/open-all.ts'
import { checkAuth, checkEnvironment } from '../tokens/auth-settings.ts'
import { createCrossOriginHeaders } from '../../core/http-api/cors.ts'
import type { TargetSpec } from '../../core/parity/target.ts'
import { DEFAULT_SETTINGS, type SettingValues } from '../../core/settings/settings.ts'
import type { Authenticator } from '../../ports/auth.ts'
import type { HttpLimits, HttpServer, ListenAt, Route, TlsCertificate } from '../../ports/http.ts'
import type { ServiceLog, Telemetry } from '../../ports/telemetry.ts'
import { loadAuth } from '../tokens/jwks-check.ts'
import type { RunningVersion } from '../team-folder/identity.ts'
import { FfError } from '../../errors.ts'
import { resolveApprovalsPlan } from './admin-settings.ts'
import {
  createHealthRoutes,
  createIndexRoute,
  createMetricsRoute,
  INDEX_ROUTE,
  probeStore,
} from './health.ts'
import { openStoreParts } from './open-store.ts'
import { createInstantClock } from './instant-clock.ts'
import { createIdentityRoute, type InstanceIdentity, readInstanceIdentity } from './identity.ts'
import type { ManagedStore } from './managed-store.ts'
import { createOpenapiRoute } from './openapi/route.ts'
import { toOfrepRefusalAt } from './ofrep-reply.ts'
import type { ServiceDependencies } from './dependencies.ts'
import { planServe, type ServeRequest } from './start-plan.ts'
import { buildServiceRoutes } from './routes.ts'
import { RefusalRecorder } from './refusal-recorder.ts'
import { openShadow } from './open-shadow.ts'
import { Signals } from './signals.ts'
import { toBacklogReading } from './sink-backlog.ts'
import { readDisk } from './store-disk.ts'
import { readCertificate } from './tls-certificate.ts'

/** A service that listens. */
export interface Service {
  readonly origin: string
  /** Null where health and metrics share the main port. */
  readonly admin_origin: string | null
  /** Whether the service serves the sample, because no store is configured. */
  readonly sample: boolean
  /** Reads the certificate again, and uses it for new connections; logs why where it keeps the one before. */
  reload(): Promise<void>
  /**
   * Drains the open requests, then closes everything that was opened; resolves within the bounds of the settings,
   * whatever still hangs.
   *
   * @param options.hurry closes the listener at once: no load balancer waits for readiness to change
   */
  close(options?: { readonly hurry?: boolean }): Promise<void>
}

/** Limits of the server by its settings, in bytes, milliseconds and requests; `x-limits` of the OpenAPI document. */
export const toHttpLimits = (settings: SettingValues): HttpLimits => ({
  body_bytes: settings.FF_MAX_BODY_BYTES,
  header_bytes: 16_384,
  headers_ms: settings.FF_HEADERS_TIMEOUT * 1000,
  request_ms: settings.FF_REQUEST_TIMEOUT * 1000,
  answer_ms: settings.FF_ANSWER_TIMEOUT * 1000,
  in_flight: settings.FF_MAX_IN_FLIGHT,
  arriving: settings.FF_MAX_ARRIVING,
  arriving_per_peer: settings.FF_MAX_ARRIVING_PER_PEER,
  settle_ms: settings.FF_DRAIN_DELAY * 1000,
  drain_ms: settings.FF_DRAIN_TIMEOUT * 1000,
})
/** The limits of a server that proofs use: it has no load balancer, so it does not wait before it closes. */
export const PROOF_LIMITS: HttpLimits = { ...toHttpLimits(DEFAULT_SETTINGS), settle_ms: 0 }

/**
 * `ff serve`: checks settings, contracts and store, then listens, and returns the addresses and `close`. A key set
 * that cannot be fetched is logged and does not stop the start; a failed start closes what it opened. With a version
 * the service says what it is (`GET /identity`).
 *
 * @throws FfError `setting_invalid`, `target_invalid`, `artefact_invalid`, `listen_failed`, and the errors of the
 *   store and telemetry
 */
export async function startService(
  request: ServeRequest & { readonly version: RunningVersion | null },
): Promise<Service> {
  const { adapters, root, settings } = request
  const environment = checkEnvironment(settings)
  const target = planServe(settings, environment)
  const { FF_JWKS_URL } = settings
  const { notes } = await loadAuth(root)
  // Without a key server every token is refused, so the issuer is optional.
  const auth = checkAuth(notes, settings, FF_JWKS_URL === null ? '' : null)
  const approvalsPlan = await resolveApprovalsPlan(settings, environment)
  const certificate = await readCertificate(settings, request.log, request.now())
  const limits = toHttpLimits(settings)
  const ending: Ending = { hurry: target === null }
  const { value: servers, close } = await openAll(async (keep) => {
    const { backing, held } = await openStoreParts(request, target, keep)
    const { pump, backlog, lastKnown, reader, channel } = backing
    const { store, managed } = held
    const keys = FF_JWKS_URL === null ? null : { url: FF_JWKS_URL }
    const authenticator = await keep(adapters.openAuthenticator(keys, auth))
    if (keys !== null) logKeys(request.log, await authenticator.loadKeys())
    const approvals = await keep(adapters.openApprovals(approvalsPlan))
    const sockets: Sockets = { server: null }
    const telemetry = await adapters.openTelemetry(request.log, {
      in_flight_limit: limits.in_flight,
      inFlight: () => sockets.server?.inFlight() ?? 0,
      droppedLines: () => request.log.dropped(),
      staleDecisions: () => lastKnown?.decisions ?? 0,
      cache: () => reader?.cache.metrics() ?? null,
      feed: () => (pump === null ? null : { ...pump.metrics(), ...channel?.metrics() }),
      authenticator: () => authenticator.metrics(),
      admin: () => approvals.metrics(),
      head: async () => (await probeStore(store)).head,
      backlog: async () => toBacklogReading((await backlog?.read()) ?? null, request),
      disk: () => readDisk(settings),
      ...(managed === undefined ? {} : { cutover: () => managed.metrics() }),
    })
    const failedToFollow = createReport(request.log, telemetry, FEED_REPORTS)
    const signals = new Signals(approvals, authenticator)
    pump?.add(signals)
    pump?.start(failedToFollow)
    channel?.start(failedToFollow)
    const failedToRecord = createReport(request.log, telemetry, RECORDER_REPORTS)
    const recorder = await keep(Promise.resolve(new RefusalRecorder(store, failedToRecord)))
    const parts: ServiceDependencies = {
      ...held,
      ...(await openShadow(managed, { request, telemetry, keep })),
      signals,
      recordRefusal: (refused) => Promise.resolve(recorder.record(refused)),
      authenticator,
      approvals,
      environment,
      now: createInstantClock(request.now),
      observer: telemetry.observer,
    }
    const more = await createIdentityRoutes(request, target, managed)
    const created = { parts, keep, telemetry, sockets, limits, ending, more, certificate }
    return listen(request, created)
  })
  return buildService(request, servers, { sample: target === null, limits, ending, close })
}

interface Reports {
  /** The line of the log for a store that is away or refuses. */
  readonly refused: string
  /** Where a bug is. */
  readonly place: string
}
const FEED_REPORTS: Reports = {
  refused: 'cannot follow the change feed; tries again',
  place: 'change feed',
}
const RECORDER_REPORTS: Reports = {
  refused: 'cannot record a refused change; tries again',
  place: 'audit of refusals',
}

/** A store that is away or refuses is tried again; any other error is a bug. */
const createReport =
  (log: ServiceLog, { httpObserver }: Telemetry, { refused, place }: Reports) =>
  (error: unknown): void => {
    if (error instanceof FfError) log.warn({ code: error.code }, refused)
    else httpObserver.failed(error, place)
  }

function buildService(
  request: ServeRequest,
  { useCertificate, ...origins }: Listening,
  {
    sample,
    limits,
    ending,
    close,
  }: Pick<CreatedService, 'limits' | 'ending'> & {
    readonly sample: boolean
    readonly close: () => Promise<void>
  },
): Service {
  return {
    ...origins,
    sample,
    reload: () => reloadCertificate(request, useCertificate),
    close: ({ hurry = ending.hurry } = {}) => {
      ending.hurry = hurry
      const within = limits.settle_ms + limits.drain_ms + CLOSE_MS
      return withDeadline(close(), within, () =>
        request.log.error({}, 'ended before all was closed'),
      )
    },
  }
}

/** Whatever is wrong with the files, the service goes on with the certificate that it has. */
async function reloadCertificate(
  { settings, log, now }: ServeRequest,
  use: HttpServer['useCertificate'],
): Promise<void> {
  try {
    const certificate = await readCertificate(settings, log, now())
    if (certificate === null)
      return log.warn({}, 'no TLS certificate is set, so none is read again')
    use(certificate)
    log.info({}, 'read the TLS certificate again')
  } catch (error) {
    if (!(error instanceof FfError)) throw error
    log.error({ reason: error.message }, 'cannot use the new TLS certificate; keeps the one before')
  }
}

/** Time for the admin port, stores and clients to close, after the drain. */
const CLOSE_MS = 2_000
const ADMIN_DRAIN_MS = 1_000
/** How a service ends; `hurry` is set before it closes. */
interface Ending {
  hurry: boolean
}

/** The first fetch of the key set does not decide the start: the client goes on in the background. */
function logKeys(log: ServiceLog, keys: Awaited<ReturnType<Authenticator['loadKeys']>>): void {
  if (keys === 'held') log.info({ keys: 'loaded' }, 'fetched the key set')
  else log.warn({ keys }, 'cannot fetch the key set; tries again in the background')
}

const createIdentityRoutes = async (
  request: ServeRequest & { readonly version: RunningVersion | null },
  target: TargetSpec | null,
  managed: ManagedStore | undefined,
): Promise<readonly Route[]> => {
  const { version } = request
  if (version === null) return []
  const read = (): Promise<InstanceIdentity> => readInstanceIdentity(request, version, target)
  return [await createIdentityRoute(read, managed ?? null)]
}

/** The server whose requests in flight are counted; null before it listens. */
interface Sockets {
  server: HttpServer | null
}
/** The servers once they listen. */
type Listening = Pick<Service, 'origin' | 'admin_origin'> & Pick<HttpServer, 'useCertificate'>

interface CreatedService {
  readonly parts: ServiceDependencies
  readonly keep: KeepOpen
  readonly telemetry: Telemetry
  readonly sockets: Sockets
  readonly limits: HttpLimits
  readonly ending: Ending
  /** Further operational routes. */
  readonly more: readonly Route[]
  readonly certificate: TlsCertificate | null
}

async function listen(
  { adapters, root, settings }: ServeRequest,
  { parts, keep, telemetry, sockets, limits, ending, more, certificate: tls }: CreatedService,
): Promise<Listening> {
  const { FF_LISTEN, FF_ADMIN_LISTEN, FF_CORS_ORIGINS } = settings
  let draining = false
  const { httpObserver } = telemetry
  const routes = buildServiceRoutes(() => parts)
  const health = createHealthRoutes(
    () => parts,
    () => draining,
  )
  const measured = [...health, createMetricsRoute(telemetry), ...more]
  const described = [...measured, INDEX_ROUTE]
  const operational = [
    ...measured,
    await createOpenapiRoute(root, [...routes, ...described], limits),
  ]
  const operationalRoutes = [...operational, createIndexRoute(operational)]
  const crossOrigin = createCrossOriginHeaders(FF_CORS_ORIGINS)
  const open = (
    served: typeof routes,
    options: { readonly at: ListenAt; readonly limits: HttpLimits },
    settle: () => number,
  ): Promise<HttpServer> => {
    const extras = { refusal: toOfrepRefusalAt, crossOrigin, tls, httpObserver }
    return keep(adapters.openServer(served, { ...options, ...extras }), (server) =>
      server.drain(settle()),
    )
  }
  const settle = (): number => (ending.hurry ? 0 : limits.settle_ms)
  // The admin port closes after the main one, which has settled before and may have taken the whole time of a drain.
  const adminLimits = { ...limits, drain_ms: Math.min(limits.drain_ms, ADMIN_DRAIN_MS) }
  const admin =
    FF_ADMIN_LISTEN === null
      ? null
      : await open(operationalRoutes, { at: FF_ADMIN_LISTEN, limits: adminLimits }, () => 0)
  const served = admin === null ? [...routes, ...operationalRoutes] : routes
  const main = await open(served, { at: FF_LISTEN, limits }, settle)
  sockets.server = main
  // Opened last, so undone first: readiness reports `draining` before anything closes.
  await keep(Promise.resolve(), () => {
    draining = true
  })
  return {
    origin: main.origin,
    admin_origin: admin?.origin ?? null,
    useCertificate: (certificate) => {
      for (const server of [main, admin]) server?.useCertificate(certificate)
    },
  }
}
