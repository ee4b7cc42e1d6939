import { expect, test } from 'vitest'
import { CHANNELS } from '../../../src/core/cache/messages.ts'
import { type CacheEvent, tailCache } from '../../../src/features/cache/tail.ts'
import type { RedisClient, RedisListener } from '../../../src/ports/redis.ts'
import { toAdapters } from '../probes/context.ts'

test('a user that loses the right is told after what arrived before, and the connection is closed', async () => {
  let listener = null as RedisListener | null
  let closed = 0
  const redis = {
    time: () => Promise.resolve({ ok: true, value: 0 }),
    subscribe: (_channels: readonly string[], given: RedisListener) => (listener = given),
    close: () => Promise.resolve((closed += 1)),
  } as unknown as RedisClient
  const adapters = toAdapters({ connectRedis: () => Promise.resolve(redis) })
  const of = { url: 'redis://127.0.0.1:1', key: Buffer.alloc(32, 'k'), adapters }
  const events = tailCache(of, new AbortController().signal)
  const first = events.next()
  await expect.poll(() => listener).not.toBeNull()
  listener?.link({ state: 'up' })
  const up: readonly CacheEvent[] = [{ kind: 'link', state: 'up' }]
  expect(await first).toEqual({ done: false, value: up })
  // All of it while the reader of the output is slow.
  listener?.message(CHANNELS.invalidate, 'x')
  listener?.link({ state: 'down', failure: 'denied', code: 'NOPERM' })
  expect(await events.next()).toMatchObject({ value: [{ kind: 'dropped' }] })
  await expect(events.next()).rejects.toMatchObject({ code: 'rights_missing' })
  expect(closed).toBe(1)
})
