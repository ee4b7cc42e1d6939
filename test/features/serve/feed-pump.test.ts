import { expect, test, vi } from 'vitest'
import { FfError, type ErrorCode } from '../../../src/errors.ts'
import { STALENESS_MS } from '../../../src/core/feed/subscriber.ts'
import { FeedPump } from '../../../src/features/serve/feed-pump.ts'
import { GuardedStore } from '../../../src/features/serve/guarded-store.ts'
import type { ChangeFeed, ServiceStore } from '../../../src/ports/store.ts'

test('a notification that comes while the pump closes is not followed', async () => {
  vi.useFakeTimers()
  let readings = 0
  const feed: ChangeFeed = {
    rows: () => Promise.resolve([]),
    changes: () => {
      readings += 1
      return Promise.resolve({ epoch: { cutover: 0, operator: 0 }, seq: 0, entries: [] })
    },
    listen: (wake) => ({
      arrives: () => true,
      close: () => {
        wake()
        return Promise.resolve()
      },
    }),
  }
  const store = new GuardedStore({ kind: 'db' } as ServiceStore, 1_000)
  const failures: unknown[] = []
  const pump = new FeedPump({ store, feed }, [])
  pump.start((error) => failures.push(error))
  await vi.advanceTimersByTimeAsync(50)
  const before = readings
  expect(before).toBeGreaterThan(0)
  await pump.close()
  await vi.advanceTimersByTimeAsync(10_000)
  expect([readings, failures]).toEqual([before, []])
  expect(vi.getTimerCount()).toBe(0)
  vi.useRealTimers()
})

test('a store that refuses the feed is reported once each time, one that is away is not', async () => {
  vi.useFakeTimers()
  let code: ErrorCode | null = 'rights_missing'
  const feed: ChangeFeed = {
    rows: () => Promise.resolve([]),
    changes: () =>
      code === null
        ? Promise.resolve({ epoch: { cutover: 0, operator: 0 }, seq: 0, entries: [] })
        : Promise.reject(new FfError(code, 'It refuses.', { hint: 'Wait.' })),
    listen: () => ({ arrives: () => false, close: () => Promise.resolve() }),
  }
  const store = new GuardedStore({ kind: 'db' } as ServiceStore, 1_000)
  const failures: unknown[] = []
  const pump = new FeedPump({ store, feed }, [])
  pump.start((error) => failures.push(error))
  const refused = [expect.objectContaining({ code: 'rights_missing' })]
  await vi.advanceTimersByTimeAsync(3_000)
  expect(failures).toEqual(refused)
  code = null
  await vi.advanceTimersByTimeAsync(1_000)
  code = 'rights_missing'
  await vi.advanceTimersByTimeAsync(3_000)
  expect(failures).toEqual([...refused, ...refused])
  code = 'target_unreachable'
  await vi.advanceTimersByTimeAsync(3_000)
  expect(failures).toHaveLength(2)
  await pump.close()
  vi.useRealTimers()
})

test('an answer confirms the position as of its question, however late it comes', async () => {
  let time = 0
  const trusts: number[] = []
  const feed: Pick<ChangeFeed, 'changes'> = {
    changes: () => {
      time += 60_000
      return Promise.resolve({ epoch: { cutover: 0, operator: 0 }, seq: 0, entries: [] })
    },
  }
  const store = new GuardedStore({ kind: 'db' } as ServiceStore, 1_000)
  const consumer = {
    apply: () => undefined,
    reset: () => undefined,
    trust: (_position: unknown, until: number) => void trusts.push(until),
  }
  const pump = new FeedPump({ store, feed: feed as ChangeFeed }, [consumer], () => time)
  await pump.poll()
  expect(trusts).toEqual([STALENESS_MS])
  expect(pump.metrics().staleness_seconds).toBe(60)
})
