import type { AdminFaultKind, DeliveryFaultKind, StoreFaultKind } from './faulty-store.ts'
import { TEST_IN_FLIGHT_LIMIT, type TestService } from './test-service.ts'

type Traffic = (service: TestService) => Promise<unknown>
/** Injects the fault of an alert rule into a real service. */
export interface AlertDrill {
  /** @returns the undo that removes the fault */
  readonly inject: (service: TestService) => Promise<() => Promise<void>>
  /** Requests between two scrapes without the fault. */
  readonly usual: Traffic
  /** Requests between two scrapes with the fault. */
  readonly meanwhile: Traffic
}

/** One request of each kind. */
const usual: Traffic = (service) =>
  Promise.all([service.evaluate(), service.evaluateSensitive(), service.change()])
/** Enough requests that one that is slow by chance does not move the p99. */
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
const delivery =
  (kind: DeliveryFaultKind): AlertDrill['inject'] =>
  async ({ fault }) => {
    fault.delivery = kind
    return async () => {
      fault.delivery = 'none'
    }
  }
/** Stops the key server, and advances virtual time. */
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

/**
 * Virtual seconds past the expiry of the last good key set, past the age that sensitive flags accept, and past the
 * cooldown of a fetch.
 */
const [LOST_S, STALE_S, COOLDOWN_S] = [3_700, 660, 31]

/**
 * By id of a rule in `contracts/alert_rules.json`: how to inject the fault that fires it, and the requests to send with
 * and without the fault.
 */
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
  audit_undelivered: drill(delivery('stopped')),
  audit_failed: drill(delivery('refused')),
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
