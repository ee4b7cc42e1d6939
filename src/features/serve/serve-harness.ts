import { openAll } from '../../concurrency/open-all.ts'
import { settingsFromContract } from '../../core/auth/contract.ts'
import { instantFromMs } from '../../core/rows/instant.ts'
import { loadAuth } from '../tokens/jwks-check.ts'
import { loadPersistence } from '../migrate/load-persistence.ts'
import { PROOF_LIMITS, type Service } from './serve.ts'
import type { ServeRequest } from './start-plan.ts'
import { Harness } from './harness.ts'
import { createHealthRoutes } from './health.ts'
import { planHarness } from './harness-plan.ts'
import { NULL_APPROVALS } from './dependencies.ts'
import { buildServiceRoutes } from './routes.ts'

/**
 * `ff serve --harness`: opens scratch state and listens; returns once it does. `close` ends the server and deletes
 * the state. A failed start closes what it opened.
 *
 * @throws FfError `setting_invalid`, `artefact_invalid`, and the errors of the store and of listening
 */
export async function startHarness(request: ServeRequest): Promise<Service> {
  const { adapters, root, log, settings } = request
  const target = planHarness(settings)
  const { notes, fixtures } = await loadAuth(root)
  const auth = settingsFromContract(notes, fixtures)
  const { migrations, versions } = await loadPersistence(root)
  const { value: origin, close } = await openAll(async (keep) => {
    const scratch = await keep(adapters.openScratchServiceStore(target, { migrations, versions }))
    const authenticator = await keep(adapters.openScriptedAuthenticator(null, auth))
    const { httpObserver, observer } = await adapters.openTelemetry(log, {
      in_flight_limit: PROOF_LIMITS.in_flight,
      inFlight: () => 0,
      droppedLines: () => log.dropped(),
      staleDecisions: () => 0,
      cache: () => null,
      feed: () => null,
      authenticator: () => authenticator.metrics(),
      admin: () => NULL_APPROVALS.metrics(),
      head: () => scratch.store.auditHead(),
      backlog: () => Promise.resolve(null),
      disk: () => Promise.resolve(null),
    })
    const harness = new Harness({
      scratch,
      observer,
      openAuthenticator: (script) => adapters.openScriptedAuthenticator(script, auth),
      routes: buildServiceRoutes,
    })
    await keep(Promise.resolve(harness))
    const now = () => instantFromMs(request.now().getTime())
    const idle = {
      store: scratch.store,
      lastKnown: null,
      recordRefusal: () => Promise.resolve(),
      authenticator,
      approvals: NULL_APPROVALS,
      environment: 'prod',
      now,
      observer,
    } as const
    const health = createHealthRoutes(
      () => idle,
      () => false,
    )
    const routes = [...harness.routes(), ...health]
    const options = { at: settings.FF_LISTEN, limits: PROOF_LIMITS, httpObserver }
    const server = await keep(adapters.openServer(routes, options), (one) => one.drain())
    return server.origin
  })
  return { origin, admin_origin: null, sample: false, reload: () => Promise.resolve(), close }
}
