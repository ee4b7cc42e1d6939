import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { TwoLevelCache } from '../../../src/adapters/cache/two-level-cache.ts'
import { connectRedis } from '../../../src/adapters/redis/connect-redis.ts'
import type { CacheContract } from '../../../src/core/cache/contract.ts'
import { evaluate } from '../../../src/core/evaluate/evaluate.ts'
import type { Decision } from '../../../src/core/evaluate/types.ts'
import type { RedisClient } from '../../../src/ports/redis.ts'
import type { RowQuery } from '../../../src/ports/store.ts'
import {
  FLAG,
  facts,
  flagRow,
  fromNow,
  json,
  principal,
  TENANT,
  tenantRow,
  USER,
  userRow,
} from '../../core/builders.ts'
import { type RedisServer, startRedis } from '../../support/redis.ts'
import { FULL } from '../../support/scale.ts'
import { ROOT } from '../../support/run-ff.ts'
import { until } from '../../support/until.ts'
import { MemoryDatabase } from './memory-database.ts'

const notes = JSON.parse(
  readFileSync(`${ROOT}/contracts/cache_runtime_notes.json`, 'utf8'),
) as CacheContract
const KEY = Buffer.alloc(32, 7)
const EPOCH = { cutover: 1, operator: 0 }
const QUERY: RowQuery = { flag_key: FLAG, tenant_id: TENANT, user_id: USER }
const FLAG_KEY = `ptt:ff:flag:{${FLAG}}`
const TENANT_KEY = `ptt:ff:ovr:t:{${TENANT}:${FLAG}}`
const text = (value: string) => json(JSON.stringify(value))

let server: RedisServer
let raw: Redis
let client: RedisClient
let database: MemoryDatabase
let open: TwoLevelCache[] = []
let clockMs = 0

/** An instance with a memory of its own, over the same database and Redis. */
function start(more: { readonly key?: Buffer; readonly redis?: RedisClient } = {}): TwoLevelCache {
  const cache = new TwoLevelCache(
    { contract: notes, key: more.key ?? KEY, redis: more.redis ?? client, store: database },
    {
      now: () => clockMs + performance.now(),
      wallClock: Date.now,
      // In the middle of the jitter, and far from an early refresh.
      random: () => 0.5,
      sleep: (ms) => sleep(ms),
      newToken: () => crypto.randomUUID(),
    },
  )
  open.push(cache)
  cache.trust({ seq: database.seq, epoch: EPOCH })
  return cache
}
const stored = (key: string) => until(async () => (await raw.exists(key)) === 1)
/** Tells every instance of a change, as the feed does. */
const announce = (change: ReturnType<MemoryDatabase['put']>): void => {
  for (const cache of open) {
    cache.apply(change)
    cache.trust({ seq: database.seq, epoch: EPOCH })
  }
}
const expectFresh = async (cache: TwoLevelCache): Promise<void> =>
  expect(await cache.read(QUERY)).toEqual(database.read(QUERY))

beforeAll(async () => {
  server = await startRedis()
  raw = new Redis(server.url)
  client = await connectRedis(server.url, { deadlineMs: 1_000 })
})
afterAll(async () => {
  raw.disconnect()
  await client.close()
  await server.stop()
})
beforeEach(async () => {
  await raw.flushall()
  database = new MemoryDatabase()
  database.put('flag_registry', flagRow({ value_type: 'string', default_value: text('a') }))
  database.put('tenant_override', tenantRow({ value: text('b') }))
})
afterEach(async () => {
  await Promise.all(open.map((cache) => cache.close()))
  open = []
  clockMs = 0
})

describe('rows', () => {
  test('are read once, then from memory, and by another instance from Redis', async () => {
    const one = start()
    await expectFresh(one)
    await expectFresh(one)
    await stored(FLAG_KEY)
    await stored(`ptt:ff:ovr:u:{${USER}:${FLAG}}`)
    await stored(TENANT_KEY)
    const other = start()
    await expectFresh(other)
    expect(database.loads).toBe(1)
    expect(one.metrics()).toMatchObject({ hits: { local: 3, redis: 0 }, loads: 1, entries: 3 })
    expect(other.metrics()).toMatchObject({ hits: { local: 0, redis: 3 }, loads: 0 })
  })
  test('have a lifetime in Redis, and so do leases and tombstones', async () => {
    const cache = start()
    await expectFresh(cache)
    await stored(TENANT_KEY)
    announce(database.put('flag_registry', flagRow({ revision: 2 })))
    await until(async () => (await raw.exists(FLAG_KEY)) === 0)
    const keys = await raw.keys('*')
    expect(keys.length).toBeGreaterThan(2)
    expect(keys.filter((key) => !key.startsWith('ptt:ff:'))).toEqual([])
    const lifetimes = await Promise.all(keys.map((key) => raw.pttl(key)))
    expect(lifetimes.filter((ms) => ms <= 0 || ms > notes.entries.flag.ttl_s * 1_100)).toEqual([])
  })
  test('are read by one load, however many ask in one process and in others', async () => {
    const caches = [start(), start(), start()]
    database.pause = () => sleep(50)
    await Promise.all(
      Array.from({ length: 300 }, (_, at) => expectFresh(caches[at % 3] as TwoLevelCache)),
    )
    expect(database.loads).toBe(1)
    expect(caches.map((cache) => cache.metrics().coalesced).every((count) => count > 100)).toBe(
      true,
    )
  })
  test('that another process stored between the look and the lease are not loaded again', async () => {
    const other = start()
    let first: Promise<unknown> | null = null
    const keys = [FLAG_KEY, TENANT_KEY, `ptt:ff:ovr:u:{${USER}:${FLAG}}`]
    const fillByOther = () => expectFresh(other).then(() => Promise.all(keys.map(stored)))
    const setLease: RedisClient['setLease'] = async (...lease) => {
      await (first ??= fillByOther())
      return client.setLease(...lease)
    }
    const redis = new Proxy(client, {
      get: (target, name) => {
        if (name === 'setLease') return setLease
        const member: unknown = Reflect.get(target, name, target)
        return typeof member === 'function' ? member.bind(target) : member
      },
    })
    const late = start({ redis })
    await expectFresh(late)
    expect(database.loads).toBe(1)
    expect(late.metrics().loads).toBe(0)
    await until(async () => (await raw.keys('ptt:ff:lock:*')).length === 0)
  })

  test('of a process that died with the lease are loaded by another after its wait', async () => {
    await raw.set(`ptt:ff:lock:{${FLAG}}`, 'dead', 'PX', 60_000)
    await raw.set(`ptt:ff:lock:{${TENANT}:${FLAG}}`, 'dead', 'PX', 60_000)
    await raw.set(`ptt:ff:lock:{${USER}:${FLAG}}`, 'dead', 'PX', 60_000)
    const begun = performance.now()
    await expectFresh(start())
    expect(performance.now() - begun).toBeLessThan(notes.lease.wait_ms + 1_000)
  })
  test('that are broken are never cached', async () => {
    announce(database.break('flag_registry', { scope_id: null, flag_key: FLAG }))
    const cache = start()
    await expectFresh(cache)
    await expectFresh(cache)
    expect(database.loads).toBe(2)
    expect(await raw.exists(FLAG_KEY)).toBe(0)
  })
  test('of ids that no row can have are never cached', async () => {
    const cache = start()
    await cache.read({ ...QUERY, user_id: 'a b' })
    await cache.read({ ...QUERY, flag_key: 'x' })
    expect(cache.metrics()).toMatchObject({ loads: 2, entries: 0 })
  })
  test('end in memory, and come from Redis again', async () => {
    const cache = start()
    await expectFresh(cache)
    await stored(TENANT_KEY)
    clockMs += notes.entries.flag.local_ttl_s * 1_100
    await expectFresh(cache)
    expect(database.loads).toBe(1)
    expect(cache.metrics().hits.redis).toBe(3)
  })
  test('of several flags come from memory, the others in one load', async () => {
    const cache = start()
    await expectFresh(cache)
    const query = { ...QUERY, flag_keys: ['ff.none', FLAG, 'ff.other'] }
    const read = () => query.flag_keys.map((flag_key) => database.read({ ...QUERY, flag_key }))
    expect(await cache.readMany(query)).toEqual(read())
    expect(await cache.readMany(query)).toEqual(read())
    expect(database.loads).toBe(2)
    announce(database.put('user_override', userRow()))
    expect(await cache.readMany(query)).toEqual(read())
  })
  test('of an error are not kept, and each caller gets it', async () => {
    const cache = start()
    database.away = true
    const all = await Promise.allSettled([cache.read(QUERY), cache.read(QUERY)])
    expect(all.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    database.away = false
    await expectFresh(cache)
  })
})

describe('a change', () => {
  test('is seen by every instance once the feed has named it', async () => {
    const caches = [start(), start()]
    for (const cache of caches) await expectFresh(cache)
    announce(database.put('tenant_override', tenantRow({ value: text('c'), revision: 2 })))
    for (const cache of caches) await expectFresh(cache)
  })
  test('is seen by an instance whose entry in Redis was not deleted', async () => {
    const cache = start()
    await expectFresh(cache)
    await stored(FLAG_KEY)
    const old = (await raw.get(FLAG_KEY)) as string
    announce(database.put('flag_registry', flagRow({ revision: 2 })))
    await until(async () => (await raw.exists(FLAG_KEY)) === 0)
    // As a replica that became the primary without the deletion.
    await raw.set(FLAG_KEY, old)
    await raw.del(`ptt:ff:ctl:{${FLAG}}`)
    await expectFresh(cache)
    expect(cache.metrics().misses.outdated).toBeGreaterThan(0)
    // An instance that starts now knows no earlier change.
    await raw.set(FLAG_KEY, old)
    await expectFresh(start())
  })
  test('between two rows of a decision makes them be read together', async () => {
    const cache = start()
    await expectFresh(cache)
    // Not announced: the instance is behind.
    database.put('flag_registry', flagRow({ revision: 2 }))
    database.put('user_override', userRow({ user_id: 'U2' }))
    const query = { ...QUERY, user_id: 'U2' }
    expect(await cache.read(query)).toEqual(database.read(query))
  })
  test('during a load is not hidden from a caller after it', async () => {
    const cache = start()
    let go = (): void => undefined
    database.pause = () => new Promise<void>((resolve) => (go = resolve))
    const early = cache.read(QUERY)
    await until(() => database.loads === 1)
    const change = database.put('tenant_override', tenantRow({ value: text('c'), revision: 2 }))
    database.pause = () => Promise.resolve()
    announce(change)
    const late = expectFresh(cache)
    go()
    await Promise.all([early, late])
    await expectFresh(cache)
  })
  test('that an operator asks for empties everything, and old entries count no more', async () => {
    const cache = start()
    await expectFresh(cache)
    await stored(TENANT_KEY)
    await raw.set('other:key', 'x')
    cache.apply({ seq: database.seq + 1, kind: 'global', target: 'global' })
    cache.trust({ seq: database.seq + 1, epoch: { cutover: 1, operator: database.seq + 1 } })
    expect(cache.metrics()).toMatchObject({ entries: 0, invalidations: { global: 1 } })
    await until(async () => (await raw.keys('ptt:ff:[feo]*')).length === 0)
    expect(await raw.exists('other:key')).toBe(1)
  })
  test('while the feed is lost is seen, since every read goes to the store', async () => {
    const cache = start()
    await expectFresh(cache)
    cache.distrust()
    const change = database.put('flag_registry', flagRow({ revision: 2 }))
    await expectFresh(cache)
    cache.apply(change)
    cache.trust({ seq: database.seq, epoch: EPOCH })
    await expectFresh(cache)
    expect(cache.metrics().degraded_seconds).toBeGreaterThan(0)
  })
  test('while the process was stopped is seen before its timers run, as trust ends by itself', async () => {
    const cache = start()
    cache.trust({ seq: database.seq, epoch: EPOCH }, clockMs + performance.now() + 4_000)
    await expectFresh(cache)
    await expectFresh(cache)
    expect(database.loads).toBe(1)
    database.put('flag_registry', flagRow({ revision: 2, state: 'killed' }))
    clockMs += 5_000
    await expectFresh(cache)
  })
})

describe('a database that was restored from a backup', () => {
  const at = (name: string) => ({ seq: database.seq, epoch: EPOCH, database: name })
  /** Goes back to before the last change, which becomes one of another row. */
  const restore = (): void => {
    database = new MemoryDatabase()
    database.put('flag_registry', flagRow({ value_type: 'string', default_value: text('a') }))
  }
  /** An instance on the database that `restore` leaves. */
  const restart = (): TwoLevelCache => {
    restore()
    const cache = start()
    cache.trust(at('bb'))
    return cache
  }
  const begin = async (): Promise<TwoLevelCache> => {
    const cache = start()
    cache.trust(at('aa'))
    await expectFresh(cache)
    await stored(TENANT_KEY)
    return cache
  }
  test('gives no entry of the lost changes to an instance that starts', async () => {
    await begin()
    const cache = restart()
    await expectFresh(cache)
    // The same numbers are given again, to other changes.
    const change = database.put('user_override', userRow({ user_id: 'U2' }))
    cache.apply(change)
    cache.trust(at('bb'))
    await expectFresh(cache)
    expect(cache.metrics().misses.epoch).toBeGreaterThan(0)
  })
  test('leaves nothing of a reading that began before', async () => {
    const cache = start()
    cache.trust(at('aa'))
    const before = database
    let go = (): void => undefined
    before.pause = () => new Promise<void>((resolve) => (go = resolve))
    const early = cache.read(QUERY)
    await until(() => before.loads === 1)
    before.pause = () => Promise.resolve()
    before.forget('tenant_override')
    cache.reset()
    cache.trust({ ...at('bb'), seq: 1 })
    go()
    await early
    await expectFresh(cache)
    const other = start()
    other.trust({ ...at('bb'), seq: 1 })
    await expectFresh(other)
  })
})

describe('an entry of Redis', () => {
  test.each<readonly [string, string, (entry: string) => Promise<unknown>]>([
    ['forged', 'forged', (entry) => raw.set(FLAG_KEY, entry.replace('"a"', '"z"'))],
    [
      'of another key',
      'forged',
      async () => raw.set(FLAG_KEY, (await raw.get(TENANT_KEY)) as string),
    ],
    ['of garbage', 'unreadable', () => raw.set(FLAG_KEY, Buffer.from([0, 255, 1]))],
    [
      'of another type',
      'wrong_type',
      async () => {
        await raw.del(FLAG_KEY)
        await raw.lpush(FLAG_KEY, 'x')
      },
    ],
    ['that is gone', 'absent', () => raw.flushall()],
  ])('%s is a miss', async (_what, reason, spoil) => {
    await expectFresh(start())
    await stored(FLAG_KEY)
    await stored(TENANT_KEY)
    await spoil((await raw.get(FLAG_KEY)) as string)
    const cache = start()
    await expectFresh(cache)
    expect(cache.metrics().misses).toMatchObject({ [reason]: expect.any(Number) })
    expect(cache.metrics().misses[reason as 'absent']).toBeGreaterThan(0)
    expect(cache.metrics().loads).toBe(1)
  })
  test('under another HMAC key, or of another epoch, is a miss', async () => {
    await expectFresh(start())
    await stored(FLAG_KEY)
    const foreign = start({ key: Buffer.alloc(32, 8) })
    await expectFresh(foreign)
    expect(foreign.metrics().misses.forged).toBeGreaterThan(0)
    await stored(FLAG_KEY)
    const later = start({ key: Buffer.alloc(32, 8) })
    later.trust({ seq: database.seq, epoch: { cutover: 2, operator: 0 } })
    await expectFresh(later)
    expect(later.metrics().misses.epoch).toBeGreaterThan(0)
  })
})

describe('a decision', () => {
  const by = principal({ tenant_id: TENANT, user_id: USER })
  const ask = async (cache: TwoLevelCache, who = by): Promise<Decision> => {
    const { rows: _, ...asked } = facts({ by: who })
    const held = await cache.decisions.find(asked)
    if (held !== null) return held
    const given = { ...asked, rows: await cache.read(QUERY) }
    const decision = evaluate(given).decision as Decision
    cache.decisions.offer(given, decision)
    return decision
  }
  const EVAL_KEY = `ptt:ff:eval:{${TENANT}:${USER}:${FLAG}}`

  test('is taken by another instance, until a change of one of its rows', async () => {
    const first = await ask(start())
    await stored(EVAL_KEY)
    const other = start()
    expect(await ask(other)).toEqual(first)
    expect(await ask(other)).toEqual(first)
    expect(other.metrics()).toMatchObject({ hits: { local: 1, redis: 1 }, loads: 0 })
    announce(database.put('user_override', userRow({ value: text('mine') })))
    expect((await ask(other)).value).toBe('"mine"')
    await until(async () => (await raw.exists(EVAL_KEY)) === 0)
  })
  test('ends with the first expiry that went into it', async () => {
    const soon = fromNow(5_000)
    announce(database.put('user_override', userRow({ value: text('mine'), expires_at: soon })))
    await ask(start())
    await stored(EVAL_KEY)
    expect(await raw.pttl(EVAL_KEY)).toBeLessThanOrEqual(5_000)
  })
  test('for a caller who is not verified is not stored', async () => {
    const cache = start()
    await ask(cache, { ...by, mode: 'decode-only', source: 'jwt-unverified' })
    await stored(TENANT_KEY)
    expect(await raw.exists(EVAL_KEY)).toBe(0)
  })
  test('on a sensitive flag is not stored', async () => {
    database.put('flag_registry', flagRow({ sensitive: true }))
    await ask(start())
    await stored(TENANT_KEY)
    expect(await raw.exists(EVAL_KEY)).toBe(0)
  })
})

describe('a load that a change overtakes', () => {
  const RACES = FULL ? 10_000 : 300
  test(`leaves nothing old behind, in ${RACES} races`, async () => {
    const [reader, writer] = [start(), start()]
    let stale = 0
    for (let revision = 2; revision < RACES + 2; revision += 1) {
      const told = revision % 2 === 0 ? [writer, reader] : [writer]
      const late = revision % 2 === 0 ? [] : [reader]
      const tell = (caches: readonly TwoLevelCache[]): void => {
        for (const cache of caches) {
          cache.apply(database.feed.at(-1) as ReturnType<MemoryDatabase['put']>)
          cache.trust({ seq: database.seq, epoch: EPOCH })
        }
      }
      // The change comes after the reading and before the fill, each time; every second reader hears of it later.
      database.pause = async () => {
        database.pause = () => Promise.resolve()
        database.put('flag_registry', flagRow({ revision }))
        tell(told)
        await sleep(revision % 3 === 0 ? 1 : 0)
      }
      clockMs += notes.entries.flag.ttl_s * 2_000
      await raw.del(FLAG_KEY, `ptt:ff:ctl:{${FLAG}}`)
      await reader.read(QUERY)
      tell(late)
      for (const cache of [reader, writer]) {
        const { flag } = await cache.read(QUERY)
        if (flag?.row?.revision !== revision) stale += 1
      }
    }
    expect(stale).toBe(0)
  })
})
