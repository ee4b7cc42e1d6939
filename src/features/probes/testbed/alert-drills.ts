import type { AdminFaultKind, StoreFaultKind } from './faulty-store.ts'
import { TEST_IN_FLIGHT_LIMIT, type TestService } from './test-service.ts'

type Traffic = (stage: TestService) => Promise<unknown>
/** How the fault that a rule is about comes about in a real service. */
export interface AlertDrill {
  /** @returns what takes the fault away again */
  readonly inject: (stage: TestService) => Promise<() => Promise<void>>
  /** What is asked between two scrapes. */
  readonly usual: Traffic
  /** And while the fault is there. */
  readonly meanwhile: Traffic
}

/** Something of everything. */
const usual: Traffic = (stage) =>
  Promise.all([stage.evaluate(), stage.evaluateSensitive(), stage.change()])
/** So many that one which is slow by chance is less than one in a hundred. */
const many: Traffic = async (stage) => {
  for (let batch = 0; batch < 2; batch += 1)
    await Promise.all(Array.from({ length: 10 }, () => stage.evaluate()))
}
const nothing: Traffic = () => Promise.resolve()

const drill = (inject: AlertDrill['inject'], traffic: Partial<AlertDrill> = {}): AlertDrill => ({
  inject,
  usual,
  meanwhile: usual,
  ...traffic,
})
const store =
  (trouble: StoreFaultKind): AlertDrill['inject'] =>
  async ({ fault }) => {
    fault.store = trouble
    return async () => {
      fault.store = 'none'
    }
  }
const admin =
  (trouble: AdminFaultKind): AlertDrill['inject'] =>
  async ({ fault }) => {
    fault.admin = trouble
    return async () => {
      fault.admin = 'none'
    }
  }
/** The key server has been away for so many seconds. */
const keysAway =
  (seconds: number): AlertDrill['inject'] =>
  async (stage) => {
    await stage.keyServer('refused')
    await stage.pass(seconds)
    return () => stage.keyServer('up')
  }
const held =
  (count: number): AlertDrill['inject'] =>
  async (stage) =>
    stage.hold(count)

/** Past the last good set, past what sensitive flags take, past the cooldown of a fetch. */
const [LOST_S, STALE_S, COOLDOWN_S] = [3_700, 660, 31]

/** A drill for each rule of the contract. To add one: its line. */
export const ALERT_DRILLS: Readonly<Record<string, AlertDrill>> = {
  error_rate: drill(store('down')),
  latency_p99: drill(store('slow'), { usual: many, meanwhile: many }),
  store_down: drill(store('down')),
  admin_breaker_open: drill(admin('open')),
  admin_failing: drill(admin('failing')),
  jwks_missing: drill(keysAway(LOST_S)),
  jwks_stale: drill(keysAway(STALE_S)),
  jwks_failing: drill(keysAway(COOLDOWN_S)),
  changes_failing: drill(store('full')),
  disk_full: drill(store('full')),
  audit_not_moving: drill(store('unaudited')),
  decode_only_in_use: drill(keysAway(COOLDOWN_S), {
    meanwhile: (stage) => stage.evaluateUnverified(),
  }),
  in_flight_high: drill(held(TEST_IN_FLIGHT_LIMIT - 2), { meanwhile: nothing }),
  requests_turned_away: drill(held(TEST_IN_FLIGHT_LIMIT), {
    meanwhile: (stage) => stage.evaluate(),
  }),
  service_absent: drill(
    async (stage) => {
      await stage.stop()
      return () => stage.start()
    },
    { meanwhile: nothing },
  ),
}
