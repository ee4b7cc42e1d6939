import { expect, test } from 'vitest'
import { createInstantClock } from '../../../src/features/serve/instant-clock.ts'

test('an instant is that of the clock, in the same millisecond, a later one, an earlier one, and 1970', () => {
  const times = [1_768_467_600_000, 1_768_467_600_000, 1_768_467_600_001, 1_768_467_599_999, 0]
  const left = times.values()
  const now = createInstantClock(() => new Date(Number(left.next().value)))
  expect(times.map(() => now())).toEqual(times.map((ms) => new Date(ms).toISOString()))
})
