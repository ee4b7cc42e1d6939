import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createCacheMac } from '../../../src/adapters/cache/mac.ts'
import { connectRedis } from '../../../src/adapters/redis/connect-redis.ts'
import { type ChangeMessage, CHANNELS, formatMessage } from '../../../src/core/cache/messages.ts'
import type { FeedPosition } from '../../../src/core/feed/subscriber.ts'
import { instantFromMs } from '../../../src/core/rows/instant.ts'
import { FfError } from '../../../src/errors.ts'
import { CacheChannel } from '../../../src/features/serve/cache-channel.ts'
import type { FeedNews } from '../../../src/features/serve/feed-pump.ts'
import type { RedisClient } from '../../../src/ports/redis.ts'
import type { FeedReading } from '../../../src/ports/store.ts'
import { until } from '../../support/until.ts'
import { type RedisServer, startRedis } from '../../support/redis.ts'

const EPOCH = { cutover: 0, operator: 0 }
const FEED: FeedReading['entries'] = [
  { seq: 3, prev: 0, kind: 'flag', target: 'flag/ff.a', hash: 'a' },
  { seq: 5, prev: 3, kind: 'user_override', target: 'user/U1/ff.a', hash: 'b' },
  { seq: 6, prev: 5, kind: 'flag', target: 'flag/ff.b', hash: 'c' },
]
const MAC = createCacheMac(Buffer.alloc(32, 'k'))

let server: RedisServer
let raw: Redis
const clients: RedisClient[] = []
const channels: CacheChannel[] = []
const errors: unknown[] = []

/** An instance that has followed the feed to a position, and lists what it hears. */
async function openInstance(position: FeedPosition | null = null) {
  const news: FeedNews[] = []
  const store = { isAway: false }
  const redis = await connectRedis(server.url)
  const read = (from: number, limit: number): Promise<FeedReading> =>
    store.isAway
      ? Promise.reject(new FfError('backing_unavailable', 'away', { hint: '' }))
      : Promise.resolve({
          epoch: EPOCH,
          seq: 6,
          entries: FEED.filter(({ seq }) => seq >= from).slice(0, limit),
        })
  const pump = { hear: (one: FeedNews) => void news.push(one), position }
  const channel = new CacheChannel(redis, pump, { mac: MAC, now: () => instantFromMs(0), read })
  clients.push(redis)
  channels.push(channel)
  channel.start((error) => errors.push(error))
  await until(() => news.length > 0)
  expect(news.shift()).toEqual({ type: 'connected' })
  const entries = (): readonly unknown[] => news.filter(({ type }) => type === 'entry')
  return { channel, news, entries, store }
}
const entry = (at: number): FeedNews => {
  const { seq, prev, kind, target } = FEED[at] as (typeof FEED)[number]
  return { type: 'entry', epoch: EPOCH, entry: { seq, prev, kind, target } }
}

beforeAll(async () => {
  server = await startRedis()
  raw = new Redis(server.url)
  raw.on('error', () => undefined)
})
afterAll(async () => {
  for (const one of [...channels, ...clients]) await one.close()
  raw.disconnect()
  await server.stop()
  expect(errors).toEqual([])
})

test('a change is published as the feed holds it, and those of other instances are not', async () => {
  const [writer, other] = await Promise.all([openInstance(), openInstance()])
  writer.channel.written(3)
  writer.channel.written(6)
  await until(() => other.entries().length === 2)
  expect(other.entries()).toEqual([entry(0), entry(2)])
})

test('a change is published once the store answers again', async () => {
  const [writer, other] = await Promise.all([openInstance(), openInstance()])
  writer.store.isAway = true
  writer.channel.written(5)
  writer.store.isAway = false
  await until(() => other.entries().length === 1)
  expect(other.entries()).toEqual([entry(1)])
})

test('a heartbeat says the position; the own one is not heard', async () => {
  const position = { epoch: EPOCH, seq: 5 }
  const [one, other] = await Promise.all([openInstance(position), openInstance()])
  await until(() => other.news.length > 0)
  expect(other.news[0]).toEqual({ type: 'beat', ...position })
  expect(one.news).toEqual([])
})

test('forged, foreign, broken and unknown messages are counted and dropped', async () => {
  const { channel, news } = await openInstance()
  const sent = { published_at: instantFromMs(0), origin: 'ff-9' }
  const message: ChangeMessage = {
    kind: 'flag',
    target: 'flag/ff.a',
    epoch: EPOCH,
    seq: 9,
    prev: 6,
    ...sent,
  }
  const foreign = formatMessage('invalidate', message, createCacheMac(Buffer.alloc(32, 'x')))
  const signed = formatMessage('invalidate', message, MAC)
  await raw.publish(CHANNELS.invalidate, foreign)
  await raw.publish(CHANNELS.invalidate, signed.replace('"seq":9', '"seq":900'))
  // Of the other channel.
  await raw.publish(CHANNELS.heartbeat, signed)
  await raw.publish(CHANNELS.invalidate, '{')
  await raw.publish(CHANNELS.invalidate, 'x'.repeat(5_000))
  await until(() => Object.values(channel.metrics().dropped).reduce((sum, one) => sum + one) === 5)
  expect(channel.metrics().dropped).toMatchObject({ forged: 3, unreadable: 1, too_long: 1 })
  expect(news.filter(({ type }) => type === 'entry')).toEqual([])
})

test('a lost connection to Redis is counted once it is there again, and the database is asked', async () => {
  const { channel, news } = await openInstance()
  await server.kill()
  await server.restart()
  await until(() => channel.metrics().reconnects === 1)
  expect(news).toContainEqual({ type: 'connected' })
})
