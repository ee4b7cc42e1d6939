import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { connectRedis } from '../../../src/adapters/redis/connect-redis.ts'
import type { RedisClient } from '../../../src/ports/redis.ts'
import {
  makeRedisTls,
  redisCliOver,
  type RedisTls,
  startCluster,
  startSentinels,
} from '../../support/redis-topologies.ts'
import { until } from '../../support/until.ts'
import { ACL_USER, keysOf, withLogin } from './redis-contract.ts'

const OPTIONS = { deadlineMs: 1_000, connectMs: 1_000 }
const CHANNEL = 'ptt:ff:invalidate'
const IDS = Array.from({ length: 30 }, (_, at) => `ff.${at}`)
const VALUES = IDS.map((id) => keysOf(id).value)
let folder: string
let tls: RedisTls
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'ff-redis-tls-'))
  tls = makeRedisTls(folder)
})
afterAll(() => rmSync(folder, { recursive: true }))

/** Values over all slots are stored and read, and a message arrives. */
async function expectWorking(client: RedisClient): Promise<void> {
  for (const id of IDS) {
    const keys = keysOf(id)
    await until(async () => (await client.setLease(keys.lease, id, 60_000)).ok)
    expect(await client.fill(keys, { token: id, seq: 9, text: id, ttlMs: 60_000 })).toEqual({
      ok: true,
      value: 'filled',
    })
  }
  const value = IDS.map((text) => ({ kind: 'text', text }))
  expect(await client.get(VALUES)).toEqual({ ok: true, value })
  const [states, got]: [string[], string[]] = [[], []]
  const subscription = client.subscribe([CHANNEL], {
    message: (_, text) => got.push(text),
    link: ({ state }) => states.push(state),
  })
  await until(() => states.includes('up'))
  await client.publish(CHANNEL, 'said')
  await until(() => got.length > 0)
  await subscription.close()
}

/** Without the authority, and without TLS, there is no connection. */
async function expectRefused(url: string): Promise<void> {
  const [address = ''] = url.split('?')
  const own = `?sslcert=${folder}/client.pem&sslkey=${folder}/client.key`
  for (const other of [address + own, address.replace('rediss', 'redis')]) {
    const client = await connectRedis(other, { ...OPTIONS, connectMs: 300 })
    expect(await client.time()).toMatchObject({ ok: false, failure: 'unreachable' })
    await client.close()
  }
}

test('over TLS the client follows a primary behind Sentinels to its replica', async () => {
  const group = await startSentinels(tls)
  const [primary, replica] = group.servers
  for (const one of [primary, replica]) await redisCliOver(tls, one, ACL_USER)
  await expectRefused(withLogin(group.url))
  const client = await connectRedis(withLogin(group.url), OPTIONS)
  await expectWorking(client)
  await primary.kill()
  await until(async () => (await client.setLease(keysOf('ff.after').lease, 'x', 60_000)).ok)
  await client.scanDelete('ptt:ff:*')
  await expectWorking(client)
  expect(await redisCliOver(tls, replica, ['get', VALUES[0] ?? ''])).toBe(`${IDS[0]}\n`)
  await client.close()
  await group.stop()
})

test('over TLS the client finds every node of a cluster, and a purge visits each primary', async () => {
  const group = await startCluster(tls)
  await Promise.all(group.servers.map((one) => redisCliOver(tls, one, ACL_USER)))
  await expectRefused(withLogin(group.url))
  const client = await connectRedis(withLogin(group.url), OPTIONS)
  await expectWorking(client)
  expect(await client.scanDelete('ptt:ff:flag:*')).toEqual({ ok: true, value: IDS.length })
  expect(await client.memory()).toMatchObject({ ok: true, value: [{}, {}, {}] })
  await client.close()
  await group.stop()
})
