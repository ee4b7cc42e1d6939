import { type KeepOpen, openAll } from '../../concurrency/open-all.ts'
import { checkAuth, checkEnvironment } from '../tokens/auth-settings.ts'
import type { TargetSpec } from '../../core/parity/target.ts'
import type { SettingValues } from '../../core/settings/settings.ts'
import { instantFromMs } from '../../core/rows/instant.ts'
import type { Adapters } from '../../ports/adapters.ts'
import type { HttpServer, ListenAt } from '../../ports/http.ts'
import type { OpenServiceStore } from '../../ports/store.ts'
import type { ServiceLog, Telemetry } from '../../ports/telemetry.ts'
import { loadAuth } from '../tokens/jwks-check.ts'
import { loadPersistence } from '../migrate/load-persistence.ts'
import { resolveApprovalsPlan } from './admin-settings.ts'
import { createHealthRoutes, createMetricsRoute, probeStore } from './health.ts'
import { createOpenapiRoute } from './openapi/route.ts'
import { toOfrepRefusalAt } from './ofrep-reply.ts'
import type { ServiceDependencies } from './dependencies.ts'
import { planServe } from './start-plan.ts'
import { buildServiceRoutes } from './routes.ts'
import { SAMPLE_ROWS } from './sample.ts'
import { readDigestKey } from './secret-file.ts'

export interface ServeRequest {
  /** The package folder. */
  readonly root: string
  readonly adapters: Adapters
  readonly settings: SettingValues
  readonly now: () => Date
  readonly log: ServiceLog
}
/** A service that listens. */
export interface Service {
  readonly origin: string
  /** Null where health and metrics share the main port. */
  readonly admin_origin: string | null
  /** Whether the service serves the sample, because no store is configured. */
  readonly sample: boolean
  /** Drains the requests in flight, then closes everything that was opened. */
  close(): Promise<void>
}

/** Limits of the server; `x-limits` of the OpenAPI document shows them. */
export const LIMITS = {
  body_bytes: 262_144,
  header_bytes: 16_384,
  headers_ms: 10_000,
  request_ms: 20_000,
  answer_ms: 60_000,
  in_flight: 1_000,
  settle_ms: 250,
  drain_ms: 25_000,
}

/**
 * `ff serve`: checks settings, contracts and store, then listens, and returns the addresses and `close`. A failed
 * start closes what it opened.
 *
 * @throws FfError `setting_invalid`, `target_invalid`, `artefact_invalid`, and the errors of the store, telemetry and
 *   listening
 */
export async function startService(request: ServeRequest): Promise<Service> {
  const { adapters, root, settings } = request
  const environment = checkEnvironment(settings)
  const target = planServe(settings, environment)
  const { FF_LISTEN, FF_ADMIN_LISTEN, FF_JWKS_URL } = settings
  const { notes } = await loadAuth(root)
  // Without a key server every token is refused, so the issuer is optional.
  const auth = checkAuth(notes, settings, FF_JWKS_URL === null ? '' : null)
  const approvalsPlan = await resolveApprovalsPlan(settings, environment)
  const { value: servers, close } = await openAll(async (keep) => {
    const { store } = await keep(openStore(request, target))
    const keys = FF_JWKS_URL === null ? null : { url: FF_JWKS_URL }
    const authenticator = await keep(adapters.openAuthenticator(keys, auth))
    const approvals = await keep(adapters.openApprovals(approvalsPlan))
    const now = () => instantFromMs(request.now().getTime())
    const sockets: Sockets = { server: null }
    const telemetry = await adapters.openTelemetry(request.log, {
      in_flight_limit: LIMITS.in_flight,
      inFlight: () => sockets.server?.inFlight() ?? 0,
      authenticator: () => authenticator.metrics(),
      admin: () => approvals.metrics(),
      head: async () => (await probeStore(store)).head,
    })
    const { observer } = telemetry
    const parts: ServiceDependencies = {
      store,
      authenticator,
      approvals,
      environment,
      now,
      observer,
    }
    const at = { FF_LISTEN, FF_ADMIN_LISTEN }
    return listen(request, at, { parts, keep, telemetry, sockets })
  })
  return { ...servers, sample: target === null, close }
}

async function openStore(
  { adapters, root, settings }: ServeRequest,
  target: TargetSpec | null,
): Promise<OpenServiceStore> {
  const { migrations, versions } = await loadPersistence(root)
  const tools = { digestKey: await readDigestKey(settings.FF_AUDIT_DIGEST_KEY_FILE), phase: 'file' }
  if (target === null) return adapters.openSampleStore(SAMPLE_ROWS, tools)
  return adapters.openServiceStore(target, { migrations, versions, tools })
}

/** The server whose requests in flight are counted; null before it listens. */
interface Sockets {
  server: HttpServer | null
}
interface CreatedService {
  readonly parts: ServiceDependencies
  readonly keep: KeepOpen
  readonly telemetry: Telemetry
  readonly sockets: Sockets
}

async function listen(
  { adapters, root }: ServeRequest,
  { FF_LISTEN, FF_ADMIN_LISTEN }: Pick<SettingValues, 'FF_LISTEN' | 'FF_ADMIN_LISTEN'>,
  { parts, keep, telemetry, sockets }: CreatedService,
): Promise<Pick<Service, 'origin' | 'admin_origin'>> {
  let draining = false
  const { httpObserver } = telemetry
  const routes = buildServiceRoutes(() => parts)
  const health = createHealthRoutes(
    () => parts,
    () => draining,
  )
  const operational = [...health, createMetricsRoute(telemetry)]
  const operationalRoutes = [
    ...operational,
    await createOpenapiRoute(root, [...routes, ...operational], LIMITS),
  ]
  const open = (served: typeof routes, where: ListenAt): Promise<HttpServer> => {
    const options = { at: where, limits: LIMITS, httpObserver, refusal: toOfrepRefusalAt }
    return keep(adapters.openServer(served, options), (server) => server.drain())
  }
  const admin = FF_ADMIN_LISTEN === null ? null : await open(operationalRoutes, FF_ADMIN_LISTEN)
  const main = await open(admin === null ? [...routes, ...operationalRoutes] : routes, FF_LISTEN)
  sockets.server = main
  // Opened last, so undone first: readiness reports `draining` before anything closes.
  await keep(Promise.resolve(), () => {
    draining = true
  })
  return { origin: main.origin, admin_origin: admin?.origin ?? null }
}
