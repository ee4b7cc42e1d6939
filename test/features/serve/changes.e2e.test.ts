import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { runFf } from '../../support/run-ff.ts'
import {
  ask,
  type Issuer,
  openIssuer,
  startService,
  type StartedService,
  FLAG_BODY,
} from '../../support/service.ts'

let issuer: Issuer
let service: StartedService
let folder = ''
let token = ''
beforeAll(async () => {
  ;[issuer, folder] = await Promise.all([openIssuer(), mkdtemp(join(tmpdir(), 'ff-test-changes-'))])
  await runFf(['store', 'init', join(folder, 'store')])
  token = await issuer.token()
  service = await startService({
    ...issuer.env,
    FF_STORE_DIR: join(folder, 'store'),
    FF_ENV: 'dev',
    FF_MAX_LISTENERS: '3',
    FF_DRAIN_TIMEOUT: '20',
  })
})
afterAll(async () => {
  await service.stop()
  await issuer.close()
  await rm(folder, { recursive: true, force: true })
})

/** An open event stream; `next` is the text up to the next empty line, null at the end. */
async function listen(headers: Readonly<Record<string, string>> = {}) {
  const ending = new AbortController()
  const { signal } = ending
  const response = await fetch(`${service.origin}/v1/changes`, { headers, signal })
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
  let buffer = ''
  const next = async (): Promise<string | null> => {
    for (;;) {
      const end = buffer.indexOf('\n\n')
      if (end >= 0) {
        const text = buffer.slice(0, end)
        buffer = buffer.slice(end + 2)
        return text
      }
      const read = await reader?.read()
      if (read === undefined || read.done) return null
      buffer += read.value
    }
  }
  return { response, next, close: () => ending.abort() }
}
const put = async (key: string): Promise<void> => {
  const body = JSON.stringify({ ...FLAG_BODY, description: key })
  const { status } = await ask(service.origin, `/v1/flags/${key}`, { method: 'PUT', token, body })
  expect(status).toBe(201)
}
const countBy = (statuses: readonly number[]): Record<number, number> => {
  const counts: Record<number, number> = {}
  for (const one of statuses) counts[one] = (counts[one] ?? 0) + 1
  return counts
}
const event = (seq: number): string =>
  `id: 0.0-${seq}\nevent: message\ndata: {"type":"refetchEvaluation","seq":${seq}}`

test('a change is an event; a client that does not come back with the newest id gets one at once', async () => {
  const [first, second] = await Promise.all([
    listen(),
    listen({ authorization: `Bearer ${token}` }),
  ])
  expect(first.response.status).toBe(200)
  expect(first.response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8')
  expect(first.response.headers.get('cache-control')).toBe('no-store')
  expect([await first.next(), await second.next()]).toEqual([event(0), event(0)])
  await put('ff.a')
  expect([await first.next(), await second.next()]).toEqual([event(1), event(1)])
  const behind = await listen({ 'last-event-id': '0.0-0' })
  expect(await behind.next()).toBe(event(1))
  const { status, text } = await ask(service.origin, '/v1/changes')
  expect([status, JSON.parse(text)]).toMatchObject([503, { code: 'too_many_requests_in_flight' }])
  behind.close()
  await expect
    .poll(async () => {
      const again = await listen({ 'last-event-id': '0.0-1' })
      if (again.response.status !== 200) return 'full'
      await put('ff.b')
      const found = await again.next()
      again.close()
      return found
    })
    .toBe(event(2))
  first.close()
  second.close()
})

test('a refused token is refused before the stream; HEAD has no stream', async () => {
  const refused = await ask(service.origin, '/v1/changes', { token: 'x.y.z' })
  expect(refused.status).toBe(401)
  const head = await fetch(`${service.origin}/v1/changes`, { method: 'HEAD' })
  expect([head.status, await head.text()]).toEqual([200, ''])
})

test('a stream ends when its token expires', async () => {
  const short = await issuer.token({ exp: Math.floor(Date.now() / 1000) + 2 })
  const open = await listen({ authorization: `Bearer ${short}`, 'last-event-id': '0.0-2' })
  expect(open.response.status).toBe(200)
  expect(await open.next()).toBeNull()
  const { status } = await ask(service.origin, '/v1/changes', { token: short })
  expect(status).toBe(401)
})

test('the answer for all flags points at the stream', async () => {
  const { text, status } = await ask(service.origin, '/ofrep/v1/evaluate/flags', {
    body: '{"context":{}}',
  })
  expect([status, JSON.parse(text)]).toMatchObject([
    200,
    {
      eventStreams: [
        { type: 'sse', endpoint: { requestUri: '/v1/changes' }, inactivityDelaySec: 120 },
      ],
    },
  ])
})

test('of many at once, one address gets as many streams as its limit, and another address the rest', async () => {
  const crowd = await startService({ FF_MAX_LISTENERS: '12', FF_MAX_LISTENERS_PER_PEER: '8' })
  const ending = new AbortController()
  const open = async (localAddress: string): Promise<number> => {
    const { hostname, port } = new URL(crowd.origin)
    const sent = get({ hostname, port, localAddress, path: '/v1/changes', agent: false })
    ending.signal.addEventListener('abort', () => sent.destroy())
    sent.on('error', () => undefined)
    const [answer] = (await once(sent, 'response')) as [IncomingMessage]
    answer.on('error', () => undefined).resume()
    return answer.statusCode ?? 0
  }
  const openMany = async (from: string): Promise<Record<number, number>> => {
    const statuses = await Promise.all(Array.from({ length: 60 }, () => open(from)))
    return countBy(statuses)
  }
  expect(await openMany('127.0.0.2')).toEqual({ 200: 8, 503: 52 })
  expect(await openMany('127.0.0.3')).toEqual({ 200: 4, 503: 56 })
  ending.abort()
  // The places are free again.
  await expect.poll(() => open('127.0.0.2')).toBe(200)
  await crowd.stop()
})

test('SIGTERM ends the streams at once, and the service ends 0', async () => {
  const open = await listen({ 'last-event-id': '0.0-2' })
  const stopped = performance.now()
  const [end, { status }] = await Promise.all([open.next(), service.stop()])
  expect([end, status]).toEqual([null, 0])
  expect(performance.now() - stopped).toBeLessThan(10_000)
})
