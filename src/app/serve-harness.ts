import { byContract } from '../core/auth/contract.ts'
import type { TargetSpec } from '../core/parity/target.ts'
import { fromMilliseconds } from '../core/state/instant.ts'
import { loadAuth } from './jwks-check.ts'
import { loadPersistence } from './persistence-inputs.ts'
import { LIMITS, type ServeRequest, type Service } from './serve.ts'
import { Harness } from './service/harness.ts'
import { healthRoutes } from './service/health.ts'
import { planHarness } from './service/harness-plan.ts'
import { NO_APPROVALS } from './service/nobody.ts'
import { serviceRoutes } from './service/routes.ts'

export interface HarnessRequest extends Pick<
  ServeRequest,
  'root' | 'adapters' | 'serve' | 'now' | 'log'
> {
  /** What `FF_DATABASE_URL` names; null where it is not set. @throws FfError `target_invalid` */
  readonly database: () => TargetSpec | null
}

/** `ff serve --harness`: scratch state that goes with it, for proofs over HTTP. @throws FfError saying why it does not start */
export async function startHarness(request: HarnessRequest): Promise<Service> {
  const { adapters, root, log } = request
  const { scratch: target, listen } = planHarness(request.serve, request.database)
  const { notes, fixtures } = await loadAuth(root)
  const settings = byContract(notes, fixtures)
  const { migrations, versions } = await loadPersistence(root)
  const scratch = await adapters.openServedScratch(target, { migrations, versions })
  try {
    const door = await adapters.openDoor(null, settings)
    const { witness, observer } = await adapters.openTelemetry(log, {
      in_flight_limit: LIMITS.in_flight,
      inFlight: () => 0,
      door: () => door.metrics(),
      admin: () => NO_APPROVALS.metrics(),
      head: () => scratch.store.auditHead(),
    })
    const harness = new Harness({
      scratch,
      observer,
      openDoor: (script) => adapters.openDoor(script, settings),
      routes: serviceRoutes,
    })
    const now = () => fromMilliseconds(request.now().getTime())
    const idle = {
      store: scratch.store,
      door,
      approvals: NO_APPROVALS,
      environment: 'prod',
      now,
      observer,
    } as const
    const health = healthRoutes(
      () => idle,
      () => false,
    )
    const server = await adapters.openServer([...harness.routes(), ...health], {
      at: listen,
      limits: LIMITS,
      witness,
    })
    return {
      origin: server.origin,
      admin_origin: null,
      sample: false,
      close: async () => {
        await server.drain()
        await harness.close()
        await scratch.close()
      },
    }
  } catch (error) {
    await scratch.close()
    throw error
  }
}
