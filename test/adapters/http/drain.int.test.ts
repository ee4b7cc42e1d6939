import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { expect, test } from 'vitest'
import { openServer } from '../../../src/adapters/http/server.ts'
import { PROOF_LIMITS } from '../../../src/features/serve/serve.ts'
import type { HttpServer } from '../../../src/ports/http.ts'
import { FULL } from '../../support/scale.ts'
import { until } from '../../support/until.ts'

/** A server whose answers keep its thread busy for `busyMs` each. @param served is called at each */
const open = (busyMs: number, served = (): unknown => null): Promise<HttpServer> =>
  openServer(
    [
      {
        id: 'slow',
        method: 'GET',
        path: '/slow',
        handle: () => {
          served()
          const end = performance.now() + busyMs
          while (performance.now() < end);
          return Promise.resolve({
            status: 200,
            type: 'text/plain',
            headers: {},
            text: 'x',
            code: null,
          })
        },
      },
    ],
    {
      at: { host: '127.0.0.1', port: 0 },
      limits: PROOF_LIMITS,
      httpObserver: { replied: () => undefined, failed: () => undefined },
    },
  )

interface Client {
  readonly count: number
  /** Between two connections; 0 opens all at once. */
  readonly everyMs: number
  /** Whether a request follows its connection at once. */
  readonly eager: boolean
}
const start = (server: HttpServer, client: Client): Worker =>
  new Worker(new URL('connections.mjs', import.meta.url), {
    workerData: { port: Number(new URL(server.origin).port), ...client },
  })
async function hear<T>(worker: Worker): Promise<T> {
  const [said] = (await once(worker, 'message')) as [T]
  return said
}
type Ends = Readonly<Record<string, number>>

test('every connection that waits in the backlog when the drain begins is answered', async () => {
  const count = 300
  const server = await open(3)
  const worker = start(server, { count, everyMs: 0, eager: true })
  expect(await hear(worker)).toBe('connected')
  const ends = hear<Ends>(worker)
  await server.drain(0)
  expect(await ends).toEqual({ answered: count })
  await worker.terminate()
})

test('connections that send while the process does not run are answered', async () => {
  const count = 50
  const server = await open(0)
  const worker = start(server, { count, everyMs: 0, eager: false })
  expect(await hear(worker)).toBe('connected')
  const drained = server.drain(0)
  // The drain has closed the listener and waits for their requests.
  await sleep(100)
  worker.postMessage('send')
  expect(await hear(worker)).toBe('sending')
  // As a process that gets no processor for longer than the drain waits for a first request.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_200)
  const ends = hear<Ends>(worker)
  expect(await ends).toEqual({ answered: count })
  await drained
  await worker.terminate()
})

test('of connections that go on to come while the listener closes, one in hundreds is reset', async () => {
  const rounds = FULL ? 50 : 5
  const total: Record<string, number> = {}
  for (let round = 0; round < rounds; round += 1) {
    let served = 0
    const server = await open(0, () => (served += 1))
    const worker = start(server, { count: 120, everyMs: 1, eager: true })
    const ends = hear<Ends>(worker)
    await until(() => served > 20)
    await server.drain(20)
    for (const [how, count] of Object.entries(await ends)) total[how] = (total[how] ?? 0) + count
    await worker.terminate()
  }
  const { answered = 0, ECONNREFUSED: refused = 0, ...others } = total
  expect([answered > 0, refused > 0]).toEqual([true, true])
  // The kernel resets what has come since the last look into the backlog.
  const reset = Object.values(others).reduce((sum, one) => sum + one, 0)
  expect(reset, JSON.stringify(total)).toBeLessThanOrEqual(Math.max(2, rounds / 10))
})
