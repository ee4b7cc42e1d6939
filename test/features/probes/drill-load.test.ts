import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { ServiceInstance } from '../../../src/features/probes/testbed/cached-services.ts'
import { DrillLoad } from '../../../src/features/probes/testbed/drill-load.ts'
import type { HttpClient, HttpRequest } from '../../../src/ports/http.ts'

const CALLERS = [{ headers: {}, tenant_id: 'T' }]
const MOST_MS = 10_000
const { signal } = new AbortController()

let load: DrillLoad | null = null
afterEach(async () => {
  await load?.stop().catch(() => undefined)
})

interface Answered {
  readonly status: number
  readonly text: string
}
type Answer = (request: HttpRequest) => Answered | Promise<Answered>
/** A load on one service that answers so. */
function startLoad(answer: Answer, readers = 0): DrillLoad {
  const client: HttpClient = {
    origin: 'http://127.0.0.1:1',
    send: async (request) => ({ headers: {}, ...(await answer(request)) }),
    close: () => undefined,
  }
  load = new DrillLoad([new ServiceInstance(0, { client, admin: client })], {
    callers: CALLERS,
    pauseMs: 1,
    readers,
  })
  return load
}
const until = (one: DrillLoad, requests: number, mostMs = MOST_MS): Promise<void> =>
  one.untilSent(requests, { mostMs, signal, progress: () => undefined })
const isWrite = ({ method }: HttpRequest): boolean => method === 'PUT'
const decide = (value: number) => ({
  status: 200,
  text: JSON.stringify({ value, reason: 'TENANT_OVERRIDE' }),
})

test('wrong decisions do not hide a refused write', async () => {
  let writes = 0
  const one = startLoad((request) => {
    if (!isWrite(request)) return decide(-1)
    writes += 1
    return writes % 4 === 0 ? { status: 500, text: 'refused' } : { status: 200, text: '{}' }
  })
  await until(one, 60)
  const kinds = (word: string): number => one.examples.filter((text) => text.includes(word)).length
  expect([kinds('decided'), kinds('a write was answered refused')]).toEqual([5, 5])
})

test('a value is no wrong decision before its change was answered, nor is the default one', async () => {
  let value = 0
  const one = startLoad(async (request) => {
    if (!isWrite(request)) return decide(value)
    ;({ value } = JSON.parse(request.body ?? '') as { value: number })
    await sleep(20)
    return { status: 200, text: '{}' }
  }, 3)
  await until(one, 100)
  await one.stop()
  expect(one.examples).toEqual([])
  expect(one.counter.take()).toMatchObject({
    failed: 0,
    acknowledged: expect.any(Number) as number,
  })
})

test('a look for lost values that gets no decision counts as failed', async () => {
  let isGone = false
  const one = startLoad((request) =>
    isWrite(request)
      ? { status: 200, text: '{}' }
      : isGone
        ? { status: 500, text: 'gone' }
        : decide(1),
  )
  await until(one, 1)
  await one.stop()
  one.counter.take()
  isGone = true
  expect(await one.countLost()).toBe(0)
  expect(one.counter.take()).toMatchObject({ requests: 1, failed: 1 })
})

test('a load without answers is waited for no longer than its time', async () => {
  const one = startLoad(() => decide(0))
  const began = performance.now()
  await until(one, Infinity, 50)
  expect(performance.now() - began).toBeLessThan(MOST_MS)
})

test('a client that breaks ends the wait with its error', async () => {
  const one = startLoad(() => {
    throw new TypeError('broken')
  })
  await expect(until(one, 1)).rejects.toThrow('broken')
})
