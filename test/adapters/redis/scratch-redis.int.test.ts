import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { connectRedis } from '../../../src/adapters/redis/connect-redis.ts'
import { openScratchRedis } from '../../../src/adapters/redis/scratch-redis.ts'
import { getOrThrow } from '../../../src/features/cache/open-redis.ts'
import type { RedisClient, RedisLinkState, ScratchRedis } from '../../../src/ports/redis.ts'
import { shared } from '../../support/shared.ts'

let redis: ScratchRedis
let client: RedisClient
beforeAll(async () => {
  const missing = await shared('redis')
  if (missing !== null) throw new Error(missing)
  redis = await openScratchRedis(new AbortController().signal)
  client = await connectRedis(redis.url)
})
afterAll(async () => {
  await client.close()
  await redis.close()
})
async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await sleep(10)
}

test('sets keys with and without an expiry', async () => {
  await redis.set('stray', 'x', null)
  await redis.set('ptt:ff:flag:{f}', 'x', 60_000)
  const [stray, short] = getOrThrow(await client.readExpiries(['stray', 'ptt:ff:flag:{f}']))
  expect(stray).toBeNull()
  expect(short).toBeGreaterThan(50_000)
  expect(redis.version).toMatch(/^\d+\.\d+/)
})
test('cuts subscribers, which subscribe again', async () => {
  const states: RedisLinkState['state'][] = []
  const held = client.subscribe(['c'], {
    message: () => undefined,
    link: ({ state }) => states.push(state),
  })
  await until(() => Promise.resolve(states.includes('up')))
  await redis.cutSubscribers()
  await until(() => Promise.resolve(states.includes('reconnected')))
  await held.close()
  expect(states).toEqual(['up', 'down', 'reconnected'])
})
test('hangs and goes on, ends and starts empty', async () => {
  redis.pause()
  expect(await client.time()).toMatchObject({ ok: false, failure: 'timeout' })
  redis.resume()
  await until(async () => (await client.time()).ok)
  await redis.stop()
  expect(await client.time()).toMatchObject({ ok: false })
  await redis.start()
  await until(async () => (await client.time()).ok)
  expect(getOrThrow(await client.listKeys('*', 10))).toEqual([])
})
test('is inconclusive where redis-server is not installed', async () => {
  const path = process.env['PATH']
  // setpriv is in /usr/bin as redis-server is, so the folder holds a link to it alone.
  const { mkdtemp, rm, symlink } = await import('node:fs/promises')
  const folder = await mkdtemp('/tmp/ff-no-redis-')
  await symlink('/usr/bin/setpriv', `${folder}/setpriv`)
  process.env['PATH'] = folder
  try {
    await expect(openScratchRedis(new AbortController().signal)).rejects.toMatchObject({
      code: 'command_unanswered',
      exitName: 'inconclusive',
      hint: 'Install it: sudo apt-get install redis-server',
    })
  } finally {
    process.env['PATH'] = path
    await rm(folder, { recursive: true })
  }
})
