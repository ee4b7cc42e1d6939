import { setImmediate as turn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { mapConcurrently } from '../../src/concurrency/map-concurrently.ts'

test('results are in list order, and no more calls run than allowed', async () => {
  let [running, most] = [0, 0]
  const results = await mapConcurrently([3, 1, 2, 0, 1], 2, async (turns) => {
    running += 1
    most = Math.max(most, running)
    for (let at = 0; at < turns; at += 1) await turn()
    running -= 1
    return turns * 10
  })
  expect(results).toEqual([30, 10, 20, 0, 10])
  expect(most).toBe(2)
})

test('an empty list has no results', async () => {
  expect(await mapConcurrently([], 2, () => Promise.reject(new Error('called')))).toEqual([])
})

test('a failed call rejects the whole', async () => {
  const failing = mapConcurrently([1, 2], 1, (one) =>
    one === 2 ? Promise.reject(new Error('two')) : Promise.resolve(one),
  )
  await expect(failing).rejects.toThrow('two')
})
