import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { connectRedis } from '../../../src/adapters/redis/connect-redis.ts'
import type { RedisClient, RedisEntryKeys, RedisLinkState } from '../../../src/ports/redis.ts'
import { type RedisServer, startRedis } from '../../support/redis.ts'
import { until } from '../../support/until.ts'
import { ROOT } from '../../support/run-ff.ts'

/** Rights of the service's user: docs/reference/cache.md shows the same line. */
export const ACL_RULES =
  'resetkeys ~ptt:ff:* resetchannels &ptt:ff:* -@all +getrange +set +get +del +unlink +eval +scan +publish +subscribe +ping +info +time +select +hello +cluster|slots +cluster|info +readonly +asking'

/** The arguments that create a user of these rights, and its login in a URL. */
export const ACL_USER = ['acl', 'setuser', 'ff', 'on', '>pw:@/', ...ACL_RULES.split(' ')] as const
export const withLogin = (url: string): string => url.replace('//', '//ff:pw%3A%40%2F@')

/** Keys under one hash tag. */
export const keysOf = (id: string): RedisEntryKeys => ({
  value: `ptt:ff:flag:{${id}}`,
  lease: `ptt:ff:lock:{${id}}`,
  tombstone: `ptt:ff:ctl:{${id}}`,
})
const KEYS = keysOf('ff.x')
const LONG = 60_000
const ok = <T>(value: T): object => ({ ok: true, value })
const fails = (failure: string): object => expect.objectContaining({ ok: false, failure })

/** The tests of the adapter, for each major version of ioredis. @param protocol the version of RESP that it speaks */
export function describeRedisClient(openRaw: (url: string) => Redis, protocol: 2 | 3): void {
  let server: RedisServer
  let raw: Redis
  let client: RedisClient
  let links: RedisLinkState[] = []
  /** What one test started. */
  let clients: RedisClient[] = []
  let servers: RedisServer[] = []
  const open = async (url: string, deadlineMs = 1_000): Promise<RedisClient> => {
    const onLink = (state: RedisLinkState): unknown => links.push(state)
    const opened = await connectRedis(url, { deadlineMs, connectMs: 400, onLink })
    clients.push(opened)
    return opened
  }
  const start = async (settings: readonly string[] = []): Promise<RedisServer> => {
    const started = await startRedis(settings)
    servers.push(started)
    return started
  }

  beforeAll(async () => {
    server = await startRedis()
    raw = openRaw(server.url)
    await raw.call(...ACL_USER)
  })
  afterAll(async () => {
    raw.disconnect()
    await server.stop()
  })
  beforeEach(async () => {
    await raw.flushall()
    // The least rights: a command without a right fails its test.
    client = await open(withLogin(server.url))
    links = []
  })
  afterEach(async () => {
    await Promise.all(clients.map((one) => one.close()))
    await Promise.all(servers.map((one) => one.stop()))
    clients = []
    servers = []
  })

  describe('a server', () => {
    test('is asked with the version of ioredis that is meant', async () => {
      expect(await client.time()).toMatchObject({ ok: true })
      const connections = String(await raw.call('client', 'list'))
      const ours = connections.split('\n').filter((line) => line.includes(' user=ff '))
      expect(ours.length).toBeGreaterThan(0)
      expect(ours.map((line) => / resp=(\d)/.exec(line)?.[1])).toEqual(
        ours.map(() => String(protocol)),
      )
    })

    test('reads texts, absent keys and other types, in the order of the keys', async () => {
      await raw.set('ptt:ff:flag:{a}', 'A')
      await raw.lpush('ptt:ff:flag:{c}', 'C')
      expect(await client.get(['a', 'b', 'c'].map((id) => `ptt:ff:flag:{${id}}`))).toEqual(
        ok([{ kind: 'text', text: 'A' }, { kind: 'absent' }, { kind: 'wrong_type' }]),
      )
      expect(client.isUp()).toBe(true)
    })

    test('the reference names the rights that these tests run with', () => {
      const reference = readFileSync(join(ROOT, 'docs/reference/cache.md'), 'utf8')
      expect(reference).toContain(`ACL SETUSER ff on >PASSWORD ${ACL_RULES}\n`)
    })

    test('a key outside the prefix is out of reach', async () => {
      expect(await client.get(['other'])).toEqual(fails('denied'))
    })

    test('a lease is taken once, and released by its token only', async () => {
      expect(await client.setLease(KEYS.lease, 't1', LONG)).toEqual(ok(true))
      expect(await client.setLease(KEYS.lease, 't2', LONG)).toEqual(ok(false))
      expect(await client.release(KEYS.lease, 't2')).toEqual(ok(false))
      expect(await client.release(KEYS.lease, 't1')).toEqual(ok(true))
      expect(await client.setLease(KEYS.lease, 't2', 20)).toEqual(ok(true))
      await until(async () => (await raw.exists(KEYS.lease)) === 0)
    })

    test('a fill needs the lease, and ends it', async () => {
      const entry = { token: 't1', seq: 5, text: 'é', ttlMs: LONG }
      expect(await client.fill(KEYS, entry)).toEqual(ok('lease_lost'))
      await client.setLease(KEYS.lease, 't1', LONG)
      expect(await client.fill(KEYS, entry)).toEqual(ok('filled'))
      expect(await client.get([KEYS.value])).toEqual(ok([{ kind: 'text', text: 'é' }]))
      expect(await raw.pttl(KEYS.value)).toBeGreaterThan(LONG / 2)
      expect(await raw.exists(KEYS.lease)).toBe(0)
    })

    test('an invalidation deletes the value, and a reader that loaded before it cannot fill', async () => {
      await raw.set(KEYS.value, 'old')
      await client.setLease(KEYS.lease, 'slow', LONG)
      expect(await client.invalidate(KEYS, { seq: 6, ttlMs: LONG })).toEqual(ok(true))
      const stale = { token: 'slow', seq: 5, text: 'stale', ttlMs: LONG }
      expect(await client.fill(KEYS, stale)).toEqual(ok('lease_lost'))
      // Also not with a new lease, as a reader of a replica that lags behind has.
      await client.setLease(KEYS.lease, 'slow', LONG)
      expect(await client.fill(KEYS, stale)).toEqual(ok('outdated'))
      expect(await client.fill(KEYS, { ...stale, seq: 6, text: 'new' })).toEqual(ok('filled'))
      expect(await client.get([KEYS.value])).toEqual(ok([{ kind: 'text', text: 'new' }]))
    })

    test('an older invalidation that comes late leaves the later tombstone', async () => {
      await client.invalidate(KEYS, { seq: 10, ttlMs: LONG })
      expect(await client.invalidate(KEYS, { seq: 9, ttlMs: LONG })).toEqual(ok(false))
      expect(await raw.get(KEYS.tombstone)).toBe('10')
    })

    test('foreign types and texts under our keys stop no invalidation and no fill', async () => {
      await raw.lpush(KEYS.value, 'x')
      await raw.lpush(KEYS.tombstone, 'x')
      await raw.lpush(KEYS.lease, 'x')
      expect(await client.setLease(KEYS.lease, 't', LONG)).toEqual(ok(false))
      expect(await client.release(KEYS.lease, 't')).toEqual(fails('wrong_type'))
      expect(await client.invalidate(KEYS, { seq: 1, ttlMs: LONG })).toEqual(ok(true))
      await raw.set(KEYS.tombstone, 'garbage')
      await client.setLease(KEYS.lease, 't', LONG)
      expect(await client.fill(KEYS, { token: 't', seq: 1, text: 'v', ttlMs: LONG })).toEqual(
        ok('filled'),
      )
    })

    test('a value over the largest size is neither sent nor read whole', async () => {
      const entry = { token: 't', seq: 1, text: 'é'.repeat(600_000), ttlMs: LONG }
      expect(await client.fill(KEYS, entry)).toEqual(fails('too_large'))
      await raw.set(KEYS.value, 'x'.repeat(3_000_000))
      const read = await client.get([KEYS.value])
      expect(read).toEqual(ok([{ kind: 'text', text: 'x'.repeat(1_048_576) }]))
    })

    test('deletes keys one by one, and counts those that were there', async () => {
      await raw.set(KEYS.value, 'x')
      expect(await client.delete([KEYS.value, 'ptt:ff:flag:{none}'])).toEqual(ok(1))
    })

    test('deletes and counts by pattern, and nothing else', async () => {
      await raw.mset(
        Object.fromEntries(Array.from({ length: 1_200 }, (_, at) => [`ptt:ff:flag:{${at}}`, 'x'])),
      )
      await raw.mset({ 'ptt:ff:lock:{1}': 'x', 'other:1': 'x' })
      expect(await client.count('ptt:ff:flag:*', 5_000)).toEqual(
        ok({ keys: 1_200, complete: true }),
      )
      expect(await client.count('ptt:ff:flag:*', 700)).toEqual(ok({ keys: 700, complete: false }))
      const listed = await client.listKeys('ptt:ff:flag:*', 5_000)
      expect(new Set(listed.ok ? listed.value : []).size).toBe(1_200)
      expect(await client.listKeys('ptt:ff:flag:*', 700)).toMatchObject({ failure: 'too_large' })
      expect(await client.scanDelete('ptt:ff:flag:*')).toEqual(ok(1_200))
      expect((await raw.keys('*')).toSorted()).toEqual(['other:1', 'ptt:ff:lock:{1}'])
    })

    test('tells its memory and its time', async () => {
      const memory = await client.memory()
      expect(memory).toEqual(
        ok([
          { server: `127.0.0.1:${server.port}`, used_bytes: expect.any(Number), limit_bytes: null },
        ]),
      )
      const time = await client.time()
      expect(time.ok && Math.abs(time.value - Date.now())).toBeLessThan(5_000)
    })

    test('a message reaches a subscription, which subscribes again after a loss', async () => {
      const got: string[] = []
      const states: RedisLinkState[] = []
      const subscription = client.subscribe(['ptt:ff:invalidate', 'ptt:ff:heartbeat'], {
        message: (channel, text) => got.push(`${channel} ${text}`),
        link: (state) => states.push(state),
      })
      await until(() => states.length === 1)
      expect(await client.publish('ptt:ff:invalidate', 'ü')).toEqual(ok(1))
      await until(() => got.length === 1)
      await raw.call('client', 'kill', 'type', 'pubsub')
      await until(() => states.length === 3)
      expect(states.map(({ state }) => state)).toEqual(['up', 'down', 'reconnected'])
      expect(await client.publish('ptt:ff:heartbeat', '2')).toEqual(ok(1))
      await until(() => got.length === 2)
      expect(got).toEqual(['ptt:ff:invalidate ü', 'ptt:ff:heartbeat 2'])
      await subscription.close()
      expect(await client.publish('ptt:ff:heartbeat', '3')).toEqual(ok(0))
    })

    test('a closed client sends nothing, and closes a second time', async () => {
      await client.close()
      await client.close()
      expect(await client.get([KEYS.value])).toEqual(fails('closed'))
      expect(client.isUp()).toBe(false)
    })
  })

  describe('a fault', () => {
    test('no server: calls fail at once, and the client connects once there is one', async () => {
      const other = await start()
      await other.kill()
      const late = await open(other.url)
      expect(await late.get([KEYS.value])).toEqual({
        ok: false,
        failure: 'unreachable',
        code: 'ECONNREFUSED',
      })
      expect(links).toEqual([{ state: 'down', failure: 'unreachable', code: 'ECONNREFUSED' }])
      await other.restart()
      await until(() => late.isUp())
      expect((await late.get([KEYS.value])).ok).toBe(true)
    })

    test('wrong or no credentials are told apart from no server, without the password', async () => {
      await raw.call('acl', 'setuser', 'default', 'resetpass', '>secret')
      const none = await open(server.url)
      expect(await none.get([KEYS.value])).toEqual({ ok: false, failure: 'denied', code: 'NOAUTH' })
      const wrong = await open(server.url.replace('//', '//ff:hunter2@'))
      expect(await wrong.time()).toEqual({ ok: false, failure: 'denied', code: 'WRONGPASS' })
      expect(JSON.stringify(links)).not.toContain('hunter2')
      await raw.call('acl', 'setuser', 'default', 'nopass')
      const beside = await open(server.url.replace('//', '//ff:hunter2@'))
      expect(await beside.time()).toEqual({ ok: false, failure: 'denied', code: 'WRONGPASS' })
    })

    test('a hung server costs the deadline, then nothing, and is used again when it answers', async () => {
      const other = await start()
      const hung = await open(other.url, 30)
      other.hang()
      const started = performance.now()
      expect(await hung.get([KEYS.value])).toEqual(fails('timeout'))
      expect(performance.now() - started).toBeLessThan(500)
      await until(async () => {
        const outcome = await hung.get([KEYS.value])
        return !outcome.ok && outcome.failure !== 'timeout'
      })
      expect(hung.isUp()).toBe(false)
      // A silent connection is given up, so that one which is half open heals as well.
      await until(() => links.some(({ state }) => state === 'down'))
      other.resume()
      await until(async () => (await hung.get([KEYS.value])).ok)
    })

    test('a hung server does not keep the client from closing', async () => {
      const other = await start()
      const hung = await open(other.url, 30)
      const states: RedisLinkState[] = []
      hung.subscribe(['ptt:ff:heartbeat'], {
        message: () => undefined,
        link: (state) => states.push(state),
      })
      await until(() => states.length === 1)
      other.hang()
      const started = performance.now()
      await hung.close()
      expect(performance.now() - started).toBeLessThan(2_000)
    })

    test('a half-open subscription is noticed', async () => {
      const other = await start()
      const half = await open(other.url)
      const states: RedisLinkState[] = []
      half.subscribe(['ptt:ff:heartbeat'], {
        message: () => undefined,
        link: (state) => states.push(state),
      })
      await until(() => states.length === 1)
      other.hang()
      await until(() => states.length === 2)
      other.resume()
      await until(() => states.length === 3)
      expect(states.map(({ state }) => state)).toEqual(['up', 'down', 'reconnected'])
    })

    test('a server that was killed and comes back empty', async () => {
      const other = await start()
      const lost = await open(other.url)
      await lost.setLease(KEYS.lease, 't', LONG)
      await other.kill()
      await until(() => !lost.isUp())
      expect(await lost.get([KEYS.value])).toEqual(fails('unreachable'))
      await other.restart()
      await until(() => lost.isUp())
      const entry = { token: 't', seq: 1, text: 'v', ttlMs: LONG }
      expect(await lost.fill(KEYS, entry)).toEqual(ok('lease_lost'))
      expect(links.map(({ state }) => state)).toEqual(['up', 'down', 'reconnected'])
    })

    test('a flush takes the lease of a reader under way', async () => {
      await client.setLease(KEYS.lease, 't', LONG)
      await raw.flushall()
      const entry = { token: 't', seq: 1, text: 'v', ttlMs: LONG }
      expect(await client.fill(KEYS, entry)).toEqual(ok('lease_lost'))
    })

    test('a read-only replica reads, and refuses each write without opening the breaker', async () => {
      const replica = await start([`replicaof 127.0.0.1 ${server.port}`])
      const reader = await open(replica.url)
      await raw.set(KEYS.value, 'v')
      await until(async () => {
        const outcome = await reader.get([KEYS.value])
        return outcome.ok && outcome.value[0]?.kind === 'text'
      })
      for (let time = 0; time < 8; time += 1)
        expect(await reader.setLease(KEYS.lease, 't', LONG)).toEqual(fails('read_only'))
      const change = { seq: 1, ttlMs: LONG }
      expect(await reader.invalidate(KEYS, change)).toEqual(fails('read_only'))
      expect(reader.isUp()).toBe(true)
    })

    test('a full server refuses to fill, and still reads and invalidates', async () => {
      const full = await start()
      const writer = await open(full.url)
      const filler = openRaw(full.url)
      await filler.mset({ [KEYS.value]: 'old', [KEYS.lease]: 't' })
      await filler.config('SET', 'maxmemory', '1')
      const entry = { token: 't', seq: 1, text: 'v', ttlMs: LONG }
      expect(await writer.setLease('ptt:ff:lock:{y}', 't', LONG)).toEqual(fails('full'))
      expect(await writer.fill(KEYS, entry)).toEqual(fails('full'))
      expect(await writer.get([KEYS.value])).toEqual(ok([{ kind: 'text', text: 'old' }]))
      expect(await writer.invalidate(KEYS, { seq: 2, ttlMs: LONG })).toEqual(ok(true))
      expect(await writer.get([KEYS.value])).toEqual(ok([{ kind: 'absent' }]))
      expect(writer.isUp()).toBe(true)
      filler.disconnect()
    })
  })
}
