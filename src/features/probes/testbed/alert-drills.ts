import type { AdminFaultKind, StoreFaultKind } from './faulty-store.ts'
import { TEST_IN_FLIGHT_LIMIT, type TestService } from './test-service.ts'

type Traffic = (service: TestService) => Promise<unknown>
/** How the fault that a rule is about comes about in a real service. */
export interface AlertDrill {
  /** @returns what takes the fault away again */
  readonly inject: (service: TestService) => Promise<() => Promise<void>>
  /** What is asked between two scrapes. */
  readonly usual: Traffic
  /** And while the fault is there. */
  readonly meanwhile: Traffic
}

/** Something of everything. */
const usual: Traffic = (service) =>
  Promise.all([service.evaluate(), service.evaluateSensitive(), service.change()])
/** So many that one which is slow by chance is less than one in a hundred. */
const manyRequests: Traffic = async (service) => {
  for (let batch = 0; batch < 2; batch += 1)
    await Promise.all(Array.from({ length: 10 }, () => service.evaluate()))
}
const nothing: Traffic = () => Promise.resolve()

const drill = (inject: AlertDrill['inject'], traffic: Partial<AlertDrill> = {}): AlertDrill => ({
  inject,
  usual,
  meanwhile: usual,
  ...traffic,
})
const store =
  (kind: StoreFaultKind): AlertDrill['inject'] =>
  async ({ fault }) => {
    fault.store = kind
    return async () => {
      fault.store = 'none'
    }
  }
const admin =
  (kind: AdminFaultKind): AlertDrill['inject'] =>
  async ({ fault }) => {
    fault.admin = kind
    return async () => {
      fault.admin = 'none'
    }
  }
/** The key server has been away for so many seconds. */
const stopKeyServer =
  (seconds: number): AlertDrill['inject'] =>
  async (service) => {
    await service.keyServer('refused')
    await service.advance(seconds)
    return () => service.keyServer('up')
  }
const holdRequests =
  (count: number): AlertDrill['inject'] =>
  async (service) =>
    service.hold(count)

/** Past the last good set, past what sensitive flags take, past the cooldown of a fetch. */
const [LOST_S, STALE_S, COOLDOWN_S] = [3_700, 660, 31]

/** A drill for each rule of the contract. To add one: its line. */
export const ALERT_DRILLS: Readonly<Record<string, AlertDrill>> = {
  error_rate: drill(store('down')),
  latency_p99: drill(store('slow'), { usual: manyRequests, meanwhile: manyRequests }),
  store_down: drill(store('down')),
  admin_breaker_open: drill(admin('open')),
  admin_failing: drill(admin('failing')),
  jwks_missing: drill(stopKeyServer(LOST_S)),
  jwks_stale: drill(stopKeyServer(STALE_S)),
  jwks_failing: drill(stopKeyServer(COOLDOWN_S)),
  changes_failing: drill(store('full')),
  disk_full: drill(store('full')),
  audit_not_moving: drill(store('unaudited')),
  decode_only_in_use: drill(stopKeyServer(COOLDOWN_S), {
    meanwhile: (service) => service.evaluateUnverified(),
  }),
  in_flight_high: drill(holdRequests(TEST_IN_FLIGHT_LIMIT - 2), { meanwhile: nothing }),
  requests_turned_away: drill(holdRequests(TEST_IN_FLIGHT_LIMIT), {
    meanwhile: (service) => service.evaluate(),
  }),
  service_absent: drill(
    async (service) => {
      await service.stop()
      return () => service.start()
    },
    { meanwhile: nothing },
  ),
}
