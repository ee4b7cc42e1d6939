import { expect, test } from 'vitest'
import { sumSlots } from '../../../src/core/shipping/backlog.ts'

test('the backlog of all slots has the age of the oldest record', () => {
  expect(
    sumSlots([
      { pending: 2, oldest_seconds: 1.5 },
      { pending: 0, oldest_seconds: null },
      { pending: 3, oldest_seconds: 9 },
    ]),
  ).toEqual({ pending: 5, oldest_seconds: 9 })
})

test('the backlog of slots without pending records has no age', () => {
  expect(sumSlots([])).toEqual({ pending: 0, oldest_seconds: null })
  expect(sumSlots([{ pending: 0, oldest_seconds: null }])).toEqual({
    pending: 0,
    oldest_seconds: null,
  })
})
