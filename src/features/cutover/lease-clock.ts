import { uptime } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import type { CutoverClock } from './lease-observer.ts'

/**
 * Milliseconds of a monotonic clock that goes on while the machine is suspended (CLOCK_BOOTTIME), in steps of 10 ms. Those
 * of `performance.now` and `process.hrtime` stand still then, so that a lease would outlive its time.
 */
export const readLeaseClock = (): number => uptime() * 1_000

/** The clock of a command. */
export const CUTOVER_CLOCK: CutoverClock = {
  now: readLeaseClock,
  // The signal ends the rest, and the caller sees it.
  rest: (ms, signal) => sleep(ms, undefined, { signal }).catch(() => undefined),
}
