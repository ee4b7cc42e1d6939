import { describe, expect, test } from 'vitest'
import { adapters } from '../../../src/composition.ts'
import { PRODUCTION } from '../../../src/features/parity/dependencies.ts'
import type { ScratchSides } from '../../../src/features/parity/run-parity.ts'
import { CACHE_FAULTS } from '../../../src/features/selftest/cache-faults.ts'
import { SOUND_CACHE } from '../../../src/features/selftest/cache-parts.ts'
import { withCacheProofs } from '../../../src/features/selftest/cache-proof.ts'
import { CACHE_SCENES } from '../../../src/features/selftest/cache-scenes.ts'
import type { SelftestContext } from '../../../src/features/selftest/fault.ts'
import { UNCHANGED_SERVICES } from '../../../src/features/selftest/served-sides.ts'
import { ROOT } from '../../support/run-ff.ts'

const SOUND: SelftestContext = {
  sides: {} as ScratchSides,
  dependencies: PRODUCTION,
  lines: { baseline: [], candidate: [] },
  served: UNCHANGED_SERVICES,
  cache: SOUND_CACHE,
}
/** What a comparison finds, over a Redis in memory. */
const findIn = (context: SelftestContext) => {
  const { signal } = new AbortController()
  return withCacheProofs({ root: ROOT, adapters, signal, withRedis: false }, ({ cached }) =>
    cached(context),
  )
}
/** The scene that notices each fault. */
const SEEN_IN: Readonly<Record<string, string>> = {
  stale: 'a change',
  'negative-kept': 'a change',
  outlived: 'an entry from before all changes that are remembered',
  'other-tenant': 'the entry of another tenant',
  forged: 'a forged entry',
  'earlier-epoch': 'an entry of an earlier epoch of the cutover',
  'set-after-delete': 'a load that a change overtakes',
  'deletion-lost': 'a deletion that a failover of Redis lost',
  'message-lost': 'a message that is lost',
  'message-again': 'a message that comes again',
  'message-forged': 'a forged message',
  'high-number': 'a heartbeat with a high number',
  'epoch-ignored': 'another epoch of the cutover',
}

describe('the faults of a cache', () => {
  test('are none in a sound one', async () => expect(await findIn(SOUND)).toBeNull())
  test('are all listed here, and each scene notices one', () => {
    expect(CACHE_FAULTS.map(({ id }) => id)).toEqual(
      Object.keys(SEEN_IN).map((name) => `cache.${name}`),
    )
    expect([...new Set(Object.values(SEEN_IN))].toSorted()).toEqual(
      Object.keys(CACHE_SCENES).toSorted(),
    )
  })
  test.each(CACHE_FAULTS.map((fault) => [fault.id, fault] as const))(
    '%s is noticed',
    async (id, { plant }) => {
      const found = await findIn(plant(SOUND))
      expect(found).toMatchObject({ proof: 'cached', subject: SEEN_IN[id.replace('cache.', '')] })
      expect(found?.pointer).toMatch(/^\/tenant/)
    },
  )
})
