import { uptime } from 'node:os'

/**
 * Milliseconds of a monotonic clock that goes on while the machine is suspended (CLOCK_BOOTTIME), in steps of 10 ms. Those
 * of `performance.now` and `process.hrtime` stand still then, so that a lease would outlive its time.
 */
export const readLeaseClock = (): number => uptime() * 1_000
