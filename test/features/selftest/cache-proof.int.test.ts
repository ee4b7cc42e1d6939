import { expect, test } from 'vitest'
import { adapters } from '../../../src/composition.ts'
import { FfError } from '../../../src/errors.ts'
import { CACHE_FAULTS } from '../../../src/features/selftest/cache-faults.ts'
import type { PlantedFault } from '../../../src/features/selftest/fault.ts'
import { paritySelftest } from '../../../src/features/selftest/parity-selftest.ts'
import { ROOT } from '../../support/run-ff.ts'
import { shared } from '../../support/shared.ts'

const IN_REDIS = CACHE_FAULTS.filter(({ proof }) => proof === 'redis')
const runHere = (faults: readonly PlantedFault[], change: Partial<typeof adapters> = {}) =>
  paritySelftest(
    {
      root: ROOT,
      baseline: { kind: 'file', folder: null },
      candidate: { kind: 'file', folder: null },
      signal: new AbortController().signal,
      now: () => new Date(),
      adapters: { ...adapters, ...change },
      progress: () => undefined,
    },
    faults,
  )

test('over a real Redis the selftest catches the faults of a cache, and one without effect is not caught', async () => {
  expect(await shared('redis')).toBeNull()
  const idle: PlantedFault = { ...(IN_REDIS[0] as PlantedFault), id: 'idle', plant: (one) => one }
  const { items, verdict } = await runHere([...CACHE_FAULTS, idle])
  expect(IN_REDIS.length).toBeGreaterThan(1)
  expect(items.filter(({ state }) => state !== 'pass').map(({ id }) => id)).toEqual(['idle'])
  expect(verdict).toBe('fail')
})

test('without a Redis its faults are not run', async () => {
  const openScratchRedis = () =>
    Promise.reject(new FfError('command_unanswered', 'It is not here.', { hint: 'Install it.' }))
  const { items, exitName } = await runHere(IN_REDIS, { openScratchRedis })
  expect(exitName).toBe('inconclusive')
  expect(items.map(({ state, codes }) => [state, ...codes])).toEqual(
    Array.from({ length: IN_REDIS.length + 2 }, () => ['inconclusive', 'not_run']),
  )
})
