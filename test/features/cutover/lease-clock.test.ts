import { expect, test } from 'vitest'
import { readLeaseClock } from '../../../src/features/cutover/lease-clock.ts'

test('the clock of leases counts milliseconds since the host was started, and never goes back', () => {
  const first = readLeaseClock()
  const second = readLeaseClock()
  expect(second).toBeGreaterThanOrEqual(first)
  // No less than the time that this process has run, whose clock stands still in a suspension.
  expect(second).toBeGreaterThan(performance.now() - 20)
})
