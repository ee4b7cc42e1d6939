import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { openServer } from '../../../src/adapters/http/server.ts'
import { adapters } from '../../../src/composition.ts'
import { DEFAULT_SETTINGS } from '../../../src/core/settings/settings.ts'
import { PROOF_LIMITS } from '../../../src/features/serve/serve.ts'
import { SAMPLE_FLAG } from '../../../src/features/serve/sample.ts'
import type { HttpLimits, Route, RouteRequest } from '../../../src/ports/http.ts'
import { ask } from '../../support/service.ts'
import { askFlag, except, getService, type RunningService } from '../../support/service-here.ts'

let service: RunningService | null = null
const sockets: Socket[] = []
afterEach(async () => {
  vi.restoreAllMocks()
  for (const socket of sockets.splice(0)) socket.destroy()
  await service?.close()
  service = null
})
async function started(options: Parameters<typeof getService>[0] = {}): Promise<RunningService> {
  service = await getService(options)
  return service
}

/** A connection from another address of this machine, so that it is another peer. */
function dial(origin: string, localAddress = '127.0.0.2'): Promise<Socket> {
  const socket = connect({ port: Number(new URL(origin).port), host: '127.0.0.1', localAddress })
  sockets.push(socket)
  socket.on('error', () => undefined) // The service may reset it.
  socket.resume() // Without a reader it would not notice its end.
  return new Promise((resolve) => socket.once('connect', () => resolve(socket)))
}
/** What the service sends on a connection until it closes. */
async function exchange(origin: string, text: string): Promise<string> {
  const socket = await dial(origin)
  let answer = ''
  socket.on('data', (chunk) => (answer += chunk.toString('latin1')))
  const closed = new Promise((resolve) => socket.once('close', resolve))
  socket.write(text)
  await closed
  return answer
}
const BODY = JSON.stringify({ flag_key: SAMPLE_FLAG })
const post = (body = BODY, length = body.length): string =>
  `POST /v1/flags/evaluate HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n\r\n${body}`
async function countInFlight(origin: string): Promise<number> {
  const text = await (await fetch(`${origin}/metrics`)).text()
  return Number(/^ff_http_requests_in_flight (\d+)$/m.exec(text)?.[1])
}

describe('S1: pipelined requests whose connection is reset', () => {
  test('leave nothing in flight, and the service answers and ends', async () => {
    const { origin } = await started({ settings: { FF_DRAIN_TIMEOUT: '2' } })
    for (let at = 0; at < 50; at += 1) {
      const socket = await dial(origin)
      socket.write(post().repeat(10))
      socket.resetAndDestroy()
    }
    await expect.poll(() => countInFlight(origin)).toBe(0)
    expect((await askFlag(origin, { flag_key: SAMPLE_FLAG })).status).toBe(200)
    const since = performance.now()
    await service?.close()
    expect(performance.now() - since).toBeLessThan(1_500)
  })
  test('that wait for a slow answer end with their connection', async () => {
    const server = await openHanging()
    const socket = await dial(server.origin)
    socket.write('GET /slow HTTP/1.1\r\nhost: a\r\n\r\n'.repeat(10))
    await expect.poll(() => server.inFlight()).toBe(10)
    socket.resetAndDestroy()
    await expect.poll(() => server.inFlight()).toBe(0)
    await server.drain(0)
  })
  test('a drain ends what still hangs within its bound', async () => {
    const server = await openHanging()
    const socket = await dial(server.origin)
    socket.write('GET /slow HTTP/1.1\r\nhost: a\r\n\r\n'.repeat(3))
    await expect.poll(() => server.inFlight()).toBe(3)
    const since = performance.now()
    await server.drain(0)
    expect(performance.now() - since).toBeLessThan(1_000)
    expect(server.inFlight()).toBe(0)
  })
  test('a drain ends within its bound, also where every turn of the event loop is long', async () => {
    const server = await openHanging({ drain_ms: 1_000 })
    const socket = await dial(server.origin)
    socket.write('GET /slow HTTP/1.1\r\nhost: a\r\n\r\n')
    await expect.poll(() => server.inFlight()).toBe(1)
    let drained = false
    const keepBusy = (): void => {
      const end = performance.now() + 5
      while (performance.now() < end);
      if (!drained) setImmediate(keepBusy)
    }
    const since = performance.now()
    keepBusy()
    await server.drain(0)
    drained = true
    expect(performance.now() - since).toBeLessThan(1_500)
  })
})

test('a connection that sent a path that cannot be decoded is not waited for as a silent one', async () => {
  const server = await openHanging({ drain_ms: 2_000 })
  const socket = await dial(server.origin)
  const answered = new Promise((resolve) => socket.once('data', resolve))
  socket.write('GET /%zz HTTP/1.1\r\nhost: a\r\n\r\n')
  expect(String(await answered)).toContain('400 Bad Request')
  const since = performance.now()
  await server.drain(0)
  expect(performance.now() - since).toBeLessThan(800)
})

test('the search for late answers ends with its server, and a port that is taken begins none', async () => {
  const begun = vi.spyOn(globalThis, 'setInterval')
  const ended = vi.spyOn(globalThis, 'clearInterval')
  const server = await openHanging()
  const port = Number(new URL(server.origin).port)
  await expect(openHanging({}, { port })).rejects.toMatchObject({ code: 'listen_failed' })
  expect(begun).toHaveBeenCalledOnce()
  await server.drain(0)
  expect(ended.mock.calls.flat()).toContain(begun.mock.results[0]?.value)
})

test('a route is told of a request with another method: its parameters, query and address', async () => {
  const told: RouteRequest[] = []
  const put: Route = {
    id: 'put',
    method: 'PUT',
    path: '/one/:key',
    handle: () => new Promise(() => undefined),
    refused: (call) => Promise.resolve(void told.push(call)),
  }
  const server = await openHanging({}, { more: [put] })
  expect((await ask(server.origin, '/one/a?b=c', { method: 'PATCH' })).status).toBe(405)
  expect(told.map(({ params, query, peer }) => [params, query.get('b'), peer])).toEqual([
    [{ key: 'a' }, 'c', '127.0.0.1'],
  ])
  await server.drain(0)
})

describe('S2: requests that arrive slowly', () => {
  test('take no place in flight, and every evaluation and health check is answered', async () => {
    const { origin } = await started({ settings: { FF_MAX_IN_FLIGHT: '100' } })
    for (let at = 0; at < 300; at += 1) {
      const socket = await dial(origin, '127.0.0.1')
      socket.write(post('{', BODY.length))
    }
    expect(await countInFlight(origin)).toBe(0)
    for (let at = 0; at < 10; at += 1) {
      expect((await askFlag(origin, { flag_key: SAMPLE_FLAG })).status).toBe(200)
      expect((await fetch(`${origin}/health/live`)).status).toBe(200)
      expect((await fetch(`${origin}/health/ready`)).status).toBe(200)
    }
    const { FF_MAX_ARRIVING_PER_PEER: most } = DEFAULT_SETTINGS
    await expect.poll(() => sockets.filter((one) => !one.closed).length).toBe(most)
  })
  test('of one address do not end those of another', async () => {
    const { origin } = await started({ settings: { FF_MAX_ARRIVING_PER_PEER: '5' } })
    const patient = await dial(origin, '127.0.0.3')
    patient.write(post('{', BODY.length))
    for (let at = 0; at < 20; at += 1) (await dial(origin)).write(post('{', BODY.length))
    await expect.poll(() => sockets.filter((one) => !one.closed).length).toBe(6)
    const answered = new Promise<string>((resolve) =>
      patient.once('data', (chunk) => resolve(chunk.toString('latin1'))),
    )
    patient.write(BODY.slice(1))
    expect(await answered).toContain('200 OK')
  })
  test('are refused with a code, the oldest first', async () => {
    const { origin } = await started({ settings: { FF_MAX_ARRIVING: '1' } })
    const oldest = exchange(origin, post('{', BODY.length))
    await sleep(50)
    void exchange(origin, post('{', BODY.length))
    expect(await oldest).toMatch(/503 .*too_many_requests_arriving/s)
  })
  test('health and metrics are answered while every place in flight is taken', async () => {
    let release = (): void => undefined
    const held = new Promise<void>((resolve) => (release = resolve))
    const { origin } = await started({
      settings: { FF_MAX_IN_FLIGHT: '1' },
      deps: {
        openSampleStore: async (sample, tools) => {
          const made = await adapters.openSampleStore(sample, tools)
          const read: typeof made.store.read = async (query) => {
            await held
            return made.store.read(query)
          }
          return { ...made, store: except(made.store, { read }) }
        },
      },
    })
    const pending = askFlag(origin, { flag_key: SAMPLE_FLAG })
    await expect.poll(() => countInFlight(origin)).toBe(1)
    expect((await askFlag(origin, { flag_key: SAMPLE_FLAG })).status).toBe(503)
    expect((await fetch(`${origin}/health/live`)).status).toBe(200)
    expect((await fetch(`${origin}/health/ready`)).status).toBe(200)
    release()
    expect((await pending).status).toBe(200)
  })
})

describe('S10: a request that two servers could read differently', () => {
  test.each([
    ['two Host headers', 'host: a\r\nhost: b\r\n'],
    ['two equal Host headers', 'Host: a\r\nhost: a\r\n'],
    [
      'a credential behind 2,000 headers',
      `host: a\r\n${'a:\r\n'.repeat(2_000)}authorization: x\r\n`,
    ],
    ['a transfer coding before chunked', 'host: a\r\ntransfer-encoding: gzip, chunked\r\n'],
    ['chunked twice', 'host: a\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n'],
    ['no Host header', ''],
    ['a Host header that is no host', 'host: a b/c@d\r\n'],
  ])('with %s is 400', async (_what, headers) => {
    const { origin } = await started()
    const answer = await exchange(
      origin,
      `POST /v1/flags/evaluate HTTP/1.1\r\n${headers}content-type: application/json\r\n\r\n`,
    )
    expect(answer).toMatch(/^HTTP\/1.1 400 .*request_malformed/s)
  })
  test('chunked alone is read', async () => {
    const { origin } = await started()
    const chunk = `${BODY.length.toString(16)}\r\n${BODY}\r\n0\r\n\r\n`
    const answer = await exchange(
      origin,
      `POST /v1/flags/evaluate HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-type: application/json\r\ntransfer-encoding: Chunked\r\n\r\n${chunk}`,
    )
    expect(answer).toContain('200 OK')
  })
})

describe('S11: a method other than that of the route', () => {
  test('HEAD answers as GET, without a body', async () => {
    const { origin } = await started()
    const got = await ask(origin, '/health/live')
    const head = await ask(origin, '/health/live', { method: 'HEAD' })
    expect([head.status, head.text]).toEqual([200, ''])
    expect(head.headers['content-length']).toBe(String(got.text.length))
    expect(head.headers['content-type']).toBe(got.headers['content-type'])
    expect((await ask(origin, '/v1/flags', { method: 'HEAD' })).status).toBe(401)
  })
  test.each([
    ['/', 'GET, HEAD, OPTIONS'],
    ['/health/ready', 'GET, HEAD, OPTIONS'],
    ['/v1/flags/evaluate', 'POST, OPTIONS'],
    ['/v1/flags/ff.a', 'GET, HEAD, PUT, DELETE, OPTIONS'],
  ])('OPTIONS %s names the methods, every other one is 405', async (path, allow) => {
    const { origin } = await started()
    const options = await ask(origin, path, { method: 'OPTIONS' })
    expect([options.status, options.headers['allow'], options.text]).toEqual([204, allow, ''])
    for (const method of ['PATCH', 'TRACE', 'PROPFIND']) {
      const refused = await ask(origin, path, { method })
      expect([refused.status, refused.headers['allow']]).toEqual([405, allow])
    }
  })
  test('the check that haproxy sends by default finds the service up', async () => {
    const { origin } = await started()
    expect(await exchange(origin, 'OPTIONS / HTTP/1.0\r\n\r\n')).toMatch(/^HTTP\/1.1 204 /)
  })
  test('HEAD of a path without GET, and a path that does not exist', async () => {
    const { origin } = await started()
    expect((await ask(origin, '/v1/flags/evaluate', { method: 'HEAD' })).status).toBe(405)
    for (const method of ['HEAD', 'OPTIONS'])
      expect((await ask(origin, '/nothing', { method })).status).toBe(404)
  })
})

describe('every answer has X-Request-Id', () => {
  test.each([
    ['a decision', '/v1/flags/evaluate', { body: BODY }, 200],
    ['a refusal of a route', '/v1/flags', {}, 401],
    ['OPTIONS', '/v1/flags', { method: 'OPTIONS' }, 204],
    ['another method', '/v1/flags/evaluate', {}, 405],
    ['an unknown path', '/nothing', {}, 404],
    ['a path that cannot be decoded', '/v1/flags/%zz', {}, 400],
    [
      'a body of another type',
      '/ofrep/v1/evaluate/flags',
      { method: 'POST', body: 'a', headers: { 'content-type': 'text/plain' } },
      415,
    ],
  ])('%s', async (_name, path, options, status) => {
    const { origin } = await started()
    const own = {
      ...options,
      headers: { ...('headers' in options ? options.headers : {}), 'x-request-id': 'mine-1' },
    }
    const answer = await ask(origin, path, own)
    expect([answer.status, answer.headers['x-request-id']]).toEqual([status, 'mine-1'])
    const made = await ask(origin, path, {
      ...own,
      headers: { ...own.headers, 'x-request-id': 'x'.repeat(256) },
    })
    expect(made.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/)
  })
  test('a request that is no HTTP', async () => {
    const { origin } = await started()
    expect(await exchange(origin, 'nonsense\r\n\r\n')).toMatch(
      /^HTTP\/1.1 400 .*\r\nx-request-id: [0-9a-f-]{36}\r\n/s,
    )
  })
})

describe('a page of another origin', () => {
  const ORIGIN = 'https://app.example'
  const ALLOWED = { settings: { FF_CORS_ORIGINS: ORIGIN } }
  const headers = { origin: ORIGIN }
  const asks = { ...headers, 'access-control-request-method': 'POST' }
  const OFREP = '/ofrep/v1/evaluate/flags'

  test('asks first, and is told what it may send; other OPTIONS requests stay as they are', async () => {
    const { origin } = await started(ALLOWED)
    const preflight = await ask(origin, OFREP, { method: 'OPTIONS', headers: asks })
    expect(preflight).toMatchObject({
      status: 204,
      headers: {
        allow: 'POST, OPTIONS',
        'access-control-allow-origin': ORIGIN,
        'access-control-allow-methods': 'POST',
        vary: 'Origin',
      },
    })
    const plain = await ask(origin, OFREP, { method: 'OPTIONS' })
    expect([
      plain.status,
      plain.headers['allow'],
      plain.headers['access-control-allow-origin'],
    ]).toEqual([204, 'POST, OPTIONS', undefined])
  })
  test.each([
    ['a decision', OFREP, { body: '{"context":{}}' }, 200, 'Origin, Authorization'],
    [
      'a refused token',
      OFREP,
      { body: '{"context":{}}', token: 'no' },
      401,
      'Origin, Authorization',
    ],
    ['a refused body', '/v1/flags/evaluate', { body: '{' }, 400, 'Origin'],
    ['another method', '/v1/flags/evaluate', {}, 405, 'Origin'],
    ['an unknown path', '/ofrep/v1/nothing', {}, 404, 'Origin, Authorization'],
    ['a key that cannot be decoded', `${OFREP}/%zz`, { body: '{}' }, 400, 'Origin, Authorization'],
  ])('reads %s', async (_name, path, options, status, vary) => {
    const { origin } = await started(ALLOWED)
    const answer = await ask(origin, path, { ...options, headers })
    expect([
      answer.status,
      answer.headers['access-control-allow-origin'],
      answer.headers['vary'],
    ]).toEqual([status, ORIGIN, vary])
  })
  test('reads the refusal of a service that is too busy', async () => {
    const { origin } = await started({ settings: { ...ALLOWED.settings, FF_MAX_ARRIVING: '1' } })
    const slow = `POST ${OFREP} HTTP/1.1\r\nhost: a\r\norigin: ${ORIGIN}\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{`
    const oldest = exchange(origin, slow)
    await sleep(50)
    void exchange(origin, slow)
    expect(await oldest).toMatch(
      /^HTTP\/1.1 503 .*access-control-allow-origin: https:\/\/app.example\r\n/s,
    )
  })
  test('has no answer to read by default', async () => {
    const { origin } = await started()
    const answer = await ask(origin, OFREP, { body: '{"context":{}}', headers })
    expect([answer.headers['access-control-allow-origin'], answer.headers['vary']]).toEqual([
      undefined,
      'Authorization',
    ])
  })
})

/** A server with a route that never answers, and further ones. */
const openHanging = (
  limits: Partial<HttpLimits> = {},
  { more = [], port = 0 }: { readonly more?: readonly Route[]; readonly port?: number } = {},
) =>
  openServer(
    [
      { id: 'slow', method: 'GET', path: '/slow', handle: () => new Promise(() => undefined) },
      ...more,
    ],
    {
      at: { host: '127.0.0.1', port },
      limits: { ...PROOF_LIMITS, drain_ms: 300, ...limits },
      httpObserver: { replied: () => undefined, failed: () => undefined },
    },
  )
