import { expect, test } from 'vitest'
import { Bell } from '../../src/concurrency/bell.ts'

const LONG_MS = 3_600_000

test('a ring ends every wait that has begun, and no later one', async () => {
  const bell = new Bell()
  const ended: number[] = []
  const waits = [1, 2].map((one) => bell.wait(LONG_MS).then(() => ended.push(one)))
  bell.ring()
  await Promise.all(waits)
  expect(ended).toEqual([1, 2])
  const later = bell.wait(LONG_MS).then(() => ended.push(3))
  await Promise.resolve()
  expect(ended).toEqual([1, 2])
  bell.ring()
  await later
})

test('a wait ends after its time without a ring', async () => {
  await expect(new Bell().wait(1)).resolves.toBeUndefined()
})
