import { setTimeout } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { searchScenes } from '../../../src/adapters/fuzz/search.ts'

test('a scene in flight at the time limit has ended when the search returns', async () => {
  let begun = 0
  let ended = 0
  const fails = async (): Promise<boolean> => {
    begun += 1
    await setTimeout(20)
    ended += 1
    return false
  }
  const limits = { runs: 1_000, seed: 1, timeMs: 50, stopped: () => false }
  const { played } = await searchScenes(fails, limits)
  expect(begun).toBeGreaterThan(0)
  expect([played, ended]).toEqual([begun, begun])
})
