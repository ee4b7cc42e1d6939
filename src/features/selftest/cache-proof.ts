import { randomBytes } from 'node:crypto'
import { closeAfter, type KeepOpen } from '../../concurrency/open-all.ts'
import { FfError } from '../../errors.ts'
import type { Adapters } from '../../ports/adapters.ts'
import type { EntryClient, RedisClient } from '../../ports/redis.ts'
import { loadCacheContract } from '../serve/cached-reader.ts'
import { CACHE_SCENES, REMEMBERED } from './cache-scenes.ts'
import { CacheStage, type StageRedis, type StageTools } from './cache-stage.ts'
import type { SelftestContext } from './fault.ts'
import { MemoryRedis } from './memory-redis.ts'
import type { FindInCache, SelftestOptions } from './run-selftest.ts'

/** Where the proofs of the cache come from. */
interface CacheNeeds {
  readonly root: string
  readonly adapters: Adapters
  readonly signal: AbortSignal
  /** Whether a real Redis is needed; none is started otherwise. */
  readonly withRedis: boolean
}

type CacheProofs = Pick<SelftestOptions, 'cached' | 'redis'>

/**
 * Lends the proofs of the cache: `cached` over a Redis in memory, `redis` over a real one on loopback, or the error where
 * none starts; closes all afterwards. Each plays every scene, and returns the first in which a read differs from the
 * database.
 *
 * @throws FfError `artefact_invalid`, and the errors of `use`
 */
export const withCacheProofs = <T>(
  needs: CacheNeeds,
  use: (proofs: CacheProofs) => Promise<T>,
): Promise<T> => closeAfter(async (keep) => use(await openCacheProofs(needs, keep)))

async function openCacheProofs(
  { root, adapters, signal, withRedis }: CacheNeeds,
  keep: KeepOpen,
): Promise<CacheProofs> {
  const contract = { ...(await loadCacheContract(root)), known_changes: REMEMBERED }
  const key = randomBytes(32)
  const [mac, foreignMac] = [await adapters.cacheMac(key), await adapters.cacheMac(randomBytes(32))]
  const tools = { adapters, contract, key, mac, foreignMac }
  const real = withRedis ? await openRealRedis({ adapters, signal }, keep) : NOT_ASKED_FOR
  return {
    cached: proveWith('cached', () => ({ ...tools, redis: openMemoryRedis() })),
    redis: real instanceof FfError ? real : proveWith('redis', () => ({ ...tools, redis: real })),
  }
}

const NOT_ASKED_FOR = new FfError(
  'proof_inconclusive',
  'No fault of the catalogue needs a Redis.',
  {
    hint: 'Run ff parity selftest.',
  },
)

function openMemoryRedis(): StageRedis {
  const client = new MemoryRedis()
  return { client, set: (key, text) => Promise.resolve(client.set(key, text)) }
}

const DEADLINE_MS = 2_000
const KEPT_MS = 60_000

async function openRealRedis(
  { adapters, signal }: Pick<CacheNeeds, 'adapters' | 'signal'>,
  keep: KeepOpen,
): Promise<StageRedis | FfError> {
  try {
    const server = await keep(adapters.openScratchRedis(signal))
    const client = await keep(adapters.connectRedis(server.url, { deadlineMs: DEADLINE_MS }))
    return { client: withoutScans(client), set: (key, text) => server.set(key, text, KEPT_MS) }
  } catch (error) {
    if (error instanceof FfError && error.code === 'command_unanswered') return error
    throw error
  }
}

/** A scan of one scene would also delete the entries of the next one. */
const withoutScans = (client: RedisClient): EntryClient => ({
  isUp: () => client.isUp(),
  get: (keys) => client.get(keys),
  setLease: (key, token, ttlMs) => client.setLease(key, token, ttlMs),
  fill: (keys, entry) => client.fill(keys, entry),
  invalidate: (keys, change) => client.invalidate(keys, change),
  release: (key, token) => client.release(key, token),
  scanDelete: () => Promise.resolve({ ok: true, value: 0 }),
})

const proveWith = (
  proof: 'cached' | 'redis',
  open: () => Omit<StageTools, 'compare' | 'parts'>,
): FindInCache => {
  let scenes = 0
  return async ({ dependencies: { compare }, cache: parts }: SelftestContext) => {
    const tools = { ...open(), compare, parts }
    for (const [subject, play] of Object.entries(CACHE_SCENES)) {
      scenes += 1
      const pointer = await closeAfter(async (keep) => {
        const stage = new CacheStage(`ff.selftest.s${scenes}`, tools, keep)
        await play(stage)
        return stage.difference
      })
      if (pointer !== null) return { proof, subject, pointer }
    }
    return null
  }
}
