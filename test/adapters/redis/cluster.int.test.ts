import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { connectRedis } from '../../../src/adapters/redis/connect-redis.ts'
import type { RedisClient } from '../../../src/ports/redis.ts'
import type { RedisServer } from '../../support/redis.ts'
import { redisCli, startCluster } from '../../support/redis-topologies.ts'
import { until } from '../../support/until.ts'
import { ACL_USER, keysOf, withLogin } from './redis-contract.ts'

const TTL = { ttlMs: 60_000 }
/** Enough ids that each primary holds some. */
const IDS = Array.from({ length: 60 }, (_, at) => `ff.${at}`)
const VALUES = IDS.map((id) => keysOf(id).value)
let group: Awaited<ReturnType<typeof startCluster>>
let client: RedisClient

beforeAll(async () => {
  group = await startCluster()
  await Promise.all(group.servers.map((one) => redisCli(one, ...ACL_USER)))
  client = await connectRedis(withLogin(group.url), { deadlineMs: 1_000, connectMs: 1_000 })
})
afterAll(async () => {
  await client.close()
  await group.stop()
})
beforeEach(async () => {
  for (const id of IDS) {
    const keys = keysOf(id)
    await until(async () => (await client.setLease(keys.lease, id, TTL.ttlMs)).ok)
    const filled = await client.fill(keys, { token: id, seq: 9, text: id, ...TTL })
    expect(filled).toEqual({ ok: true, value: 'filled' })
  }
})

const countOn = async (server: RedisServer): Promise<number> =>
  Number(await redisCli(server, 'dbsize'))

test('values over all slots are read, invalidated and deleted', async () => {
  const read = await client.get(VALUES)
  expect(read).toEqual({ ok: true, value: IDS.map((text) => ({ kind: 'text', text })) })
  const [first = '', ...others] = VALUES
  expect(await client.invalidate(keysOf('ff.0'), { seq: 2, ...TTL })).toEqual({
    ok: true,
    value: true,
  })
  expect(await client.delete([first, ...others])).toEqual({ ok: true, value: others.length })
})

test('a purge visits every primary', async () => {
  const before = await Promise.all(group.servers.slice(0, 3).map(countOn))
  expect(before.every((count) => count > 0)).toBe(true)
  expect(await client.count('ptt:ff:flag:*', 1_000)).toEqual({
    ok: true,
    value: { keys: IDS.length, complete: true },
  })
  expect(await client.scanDelete('ptt:ff:flag:*')).toEqual({ ok: true, value: IDS.length })
  expect(await client.count('ptt:ff:flag:*', 1_000)).toMatchObject({ value: { keys: 0 } })
})

test('the memory is that of each primary', async () => {
  const memory = await client.memory()
  const servers = memory.ok ? memory.value.map(({ server }) => server).toSorted() : []
  expect(servers).toEqual(
    group.servers
      .slice(0, 3)
      .map(({ port }) => `127.0.0.1:${port}`)
      .toSorted(),
  )
})

test('a message reaches a subscription at any node, which moves on when that node ends it', async () => {
  const states: string[] = []
  const got: string[] = []
  client.subscribe(['ptt:ff:invalidate'], {
    message: (_, text) => got.push(text),
    link: ({ state }) => states.push(state),
  })
  await until(() => states.length === 1)
  await client.publish('ptt:ff:invalidate', '1')
  await until(() => got.length === 1)
  await Promise.all(group.servers.map((one) => redisCli(one, 'client', 'kill', 'type', 'pubsub')))
  await until(() => states.length === 3)
  await client.publish('ptt:ff:invalidate', '2')
  await until(() => got.length === 2)
  expect(states).toEqual(['up', 'down', 'reconnected'])
})

test('a primary that crashes: no purge looks whole until its replica has taken over', async () => {
  await group.servers[0].kill()
  const during = await client.scanDelete('ptt:ff:flag:*')
  expect(during.ok).toBe(false)
  await until(async () => (await client.scanDelete('ptt:ff:flag:*')).ok)
  // A node that has not heard of the failover yet still names the lost primary.
  let left: unknown = null
  await until(async () => {
    const counted = await client.count('ptt:ff:flag:*', 1_000)
    if (counted.ok) left = counted.value
    return counted.ok
  })
  expect(left).toEqual({ keys: 0, complete: true })
  const filled = await Promise.all(
    IDS.map((id) => client.setLease(keysOf(id).lease, id, TTL.ttlMs)),
  )
  expect(filled.every((one) => one.ok && one.value)).toBe(true)
})
