import type { AuthTexts } from './start-up.ts'
import { checkAuth, checkEnvironment, checkJwksUrl } from './start-up.ts'
import { type Keep, openAll } from '../concurrency/open-all.ts'
import type { TargetSpec } from '../core/parity/target.ts'
import { fromMilliseconds } from '../core/state/instant.ts'
import type { HttpServer, Served, ServiceLog, Telemetry } from '../ports.ts'
import type { Adapters } from './adapters.ts'
import { loadAuth } from './jwks-check.ts'
import { loadPersistence } from './persistence-inputs.ts'
import { type AdminTexts, approvalsPlan } from './service/admin-settings.ts'
import { healthRoutes } from './service/health.ts'
import { openapiRoute } from './service/openapi/route.ts'
import { ofrepRefusalAt } from './service/ofrep-reply.ts'
import { metricsRoute } from './service/metrics.ts'
import type { ServiceParts } from './service/parts.ts'
import { type ServePlan, planServe, type ServeTexts } from './service/plan.ts'
import { serviceRoutes } from './service/routes.ts'
import { SAMPLE } from './service/sample.ts'
import { storeAnswer } from './service/store-answer.ts'
import { readDigestKey } from './service/digest-key.ts'

export interface ServeRequest {
  /** The package folder. */
  readonly root: string
  readonly adapters: Adapters
  readonly auth: AuthTexts
  readonly serve: ServeTexts
  readonly admin: AdminTexts
  /** What `FF_DATABASE_URL` names. @throws FfError `target_invalid` */
  readonly database: () => TargetSpec
  readonly now: () => Date
  readonly log: ServiceLog
}
/** A service that listens. */
export interface Service {
  readonly origin: string
  /** Null where health and metrics are served beside the rest. */
  readonly admin_origin: string | null
  /** Whether what is served is a sample, for nobody named a store. */
  readonly sample: boolean
  /** Lets what is under way come to its end, and closes all that was opened. */
  close(): Promise<void>
}

/** Page 5, limits. */
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

/** `ff serve`: checks everything that it starts with, then listens. @throws FfError saying why it does not start */
export async function startService(request: ServeRequest): Promise<Service> {
  const { adapters, auth, root } = request
  const environment = checkEnvironment(auth)
  const plan = planServe(request.serve, environment, request.database)
  const url = checkJwksUrl(auth.jwks_url)
  const { notes } = await loadAuth(root)
  // Nobody needs an issuer where no token is accepted.
  const settings = checkAuth(notes, url === null ? { ...auth, issuer: auth.issuer ?? '' } : auth)
  const answering = await approvalsPlan(request.admin, environment)
  const { value: servers, close } = await openAll(async (keep) => {
    const { store } = await keep(openStore(request, plan))
    const door = await keep(adapters.openDoorOn(url === null ? null : { url }, settings))
    const approvals = await keep(adapters.openApprovals(answering))
    const now = () => fromMilliseconds(request.now().getTime())
    const sockets: Sockets = { server: null }
    const telemetry = await adapters.openTelemetry(request.log, {
      in_flight_limit: LIMITS.in_flight,
      inFlight: () => sockets.server?.inFlight() ?? 0,
      door: () => door.metrics(),
      admin: () => approvals.metrics(),
      head: async () => (await storeAnswer(store)).head,
    })
    const { observer } = telemetry
    const parts: ServiceParts = { store, door, approvals, environment, now, observer }
    return listen(request, plan, { parts, keep, telemetry, sockets })
  })
  return { ...servers, sample: plan.store === null, close }
}

async function openStore(
  { adapters, root }: ServeRequest,
  { store, digest_key_file }: ServePlan,
): Promise<Served> {
  const { migrations, versions } = await loadPersistence(root)
  const tools = { digestKey: await readDigestKey(digest_key_file), phase: 'file' }
  if (store === null) return adapters.openSample(SAMPLE, tools)
  return adapters.openServed(store, { migrations, versions, tools })
}

/** Whose requests under way are counted: there is none before it listens. */
interface Sockets {
  server: HttpServer | null
}
interface Made {
  readonly parts: ServiceParts
  readonly keep: Keep
  readonly telemetry: Telemetry
  readonly sockets: Sockets
}

async function listen(
  { adapters, root }: ServeRequest,
  { listen: at, admin_listen }: ServePlan,
  { parts, keep, telemetry, sockets }: Made,
): Promise<Pick<Service, 'origin' | 'admin_origin'>> {
  let draining = false
  const { witness } = telemetry
  const routes = serviceRoutes(() => parts)
  const health = healthRoutes(
    () => parts,
    () => draining,
  )
  const beside = [...health, metricsRoute(telemetry)]
  const own = [...beside, await openapiRoute(root, [...routes, ...beside], LIMITS)]
  const open = (served: typeof routes, where: ServePlan['listen']): Promise<HttpServer> => {
    const options = { at: where, limits: LIMITS, witness, refusal: ofrepRefusalAt }
    return keep(adapters.openServer(served, options), (server) => server.drain())
  }
  const admin = admin_listen === null ? null : await open(own, admin_listen)
  const main = await open(admin === null ? [...routes, ...own] : routes, at)
  sockets.server = main
  // The first to be undone: readiness says so before anything is closed.
  await keep(Promise.resolve(), () => {
    draining = true
  })
  return { origin: main.origin, admin_origin: admin?.origin ?? null }
}
