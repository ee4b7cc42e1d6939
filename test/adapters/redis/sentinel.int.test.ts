import { afterAll, beforeAll, expect, test } from 'vitest'
import { connectRedis } from '../../../src/adapters/redis/connect-redis.ts'
import type { RedisClient, RedisLinkState } from '../../../src/ports/redis.ts'
import { redisCli, startSentinels } from '../../support/redis-topologies.ts'
import { until } from '../../support/until.ts'
import { ACL_USER, keysOf, withLogin } from './redis-contract.ts'

const KEYS = keysOf('ff.x')
const TTL = { ttlMs: 60_000 }
let group: Awaited<ReturnType<typeof startSentinels>>
let client: RedisClient
const links: RedisLinkState[] = []

beforeAll(async () => {
  group = await startSentinels()
  const onLink = (state: RedisLinkState): unknown => links.push(state)
  await Promise.all(group.servers.slice(0, 2).map((one) => redisCli(one, ...ACL_USER)))
  client = await connectRedis(withLogin(group.url), { deadlineMs: 500, connectMs: 1_000, onLink })
})
afterAll(async () => {
  await client.close()
  await group.stop()
})

test('a crash of the primary: the replica takes over, and the client finds it', async () => {
  const states: string[] = []
  const got: string[] = []
  client.subscribe(['ptt:ff:invalidate'], {
    message: (_, text) => got.push(text),
    link: ({ state }) => states.push(state),
  })
  await until(() => states.length === 1)
  expect(await client.invalidate(KEYS, { seq: 1, ...TTL })).toMatchObject({ ok: true })
  const [primary, replica] = group.servers
  await primary.kill()
  await until(async () => (await client.setLease(KEYS.lease, 'token', 60_000)).ok)
  const entry = { token: 'token', seq: 1, text: 'v', ...TTL }
  expect(await client.fill(KEYS, entry)).toEqual({ ok: true, value: 'filled' })
  await until(() => states.length === 3)
  await client.publish('ptt:ff:invalidate', 'after')
  await until(() => got.length === 1)
  expect(states).toEqual(['up', 'down', 'reconnected'])
  expect(links.map(({ state }) => state).at(-1)).toBe('reconnected')
  expect(await redisCli(replica, 'get', KEYS.value)).toBe('v\n')
})
