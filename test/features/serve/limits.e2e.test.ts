import { Agent, get, type IncomingMessage } from 'node:http'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { PROOF_LIMITS } from '../../../src/features/serve/serve.ts'
import { toJsonResponse } from '../../../src/features/serve/reply.ts'
import { openServer } from '../../../src/adapters/http/server.ts'
import type { HttpLimits, Route, HttpServer } from '../../../src/ports/http.ts'
import { type RunningService, getService } from '../../support/service-here.ts'
import {
  type Answer,
  ask,
  type AskOptions,
  openFileTarget,
  type ServiceTarget,
  type Issuer,
  openIssuer,
  type StartedService,
  startService,
} from '../../support/service.ts'
import { adapters } from '../../../src/composition.ts'

let target: ServiceTarget
let issuer: Issuer
let service: StartedService
let token = ''
beforeAll(async () => {
  ;[target, issuer] = await Promise.all([openFileTarget(), openIssuer()])
  service = await startService({ ...target.env, ...issuer.env })
  token = await issuer.token()
})
afterAll(async () => {
  const ended = await service.stop()
  expect(ended.status).toBe(0)
  // No request may end as an internal error.
  expect(ended.stderr).not.toContain('"level":"error"')
  await target.remove()
  await issuer.close()
})

const EVALUATE = '/v1/flags/evaluate'
const call = (path: string, asked: AskOptions = {}): Promise<Answer> =>
  ask(service.origin, path, { token, ...asked })
const getCode = ({ text }: Answer): string => (JSON.parse(text) as { code: string }).code

describe('a body', () => {
  test.each([
    ['of a mebibyte', { body: `{"flag_key":"${'x'.repeat(1_048_576)}"}` }, 413, 'body_too_large'],
    [
      'that is text',
      { body: 'x', headers: { 'content-type': 'text/plain' } },
      415,
      'media_type_unsupported',
    ],
    [
      'of a form',
      { body: 'a=b', headers: { 'content-type': 'application/x-www-form-urlencoded' } },
      415,
      'media_type_unsupported',
    ],
    [
      'without a content type',
      { body: '{}', headers: { 'content-type': '' } },
      415,
      'media_type_unsupported',
    ],
    ['of broken UTF-8', { body: Buffer.from([0x7b, 0xff, 0x7d]) }, 400, 'utf8_invalid'],
    ['with a byte order mark', { body: '\ufeff{"flag_key":"ff.x"}' }, 400, 'json_malformed'],
    [
      'nested a thousand deep',
      { body: `{"flag_key":${'['.repeat(1_000)}${']'.repeat(1_000)}}` },
      400,
      'json_too_deep',
    ],
    [
      'of 10,000 flags',
      {
        body: JSON.stringify({ flag_keys: Array.from({ length: 10_000 }, (_, at) => `ff.f${at}`) }),
      },
      400,
      'too_many_flags',
    ],
    [
      'of 501 flags',
      { body: JSON.stringify({ flag_keys: Array.from({ length: 501 }, (_, at) => `ff.f${at}`) }) },
      400,
      'too_many_flags',
    ],
    ['of one flag twice', { body: '{"flag_keys":["ff.x","ff.x"]}' }, 400, 'form_wrong'],
    ['of no flags', { body: '{"flag_keys":[]}' }, 400, 'form_wrong'],
    ['with all: false', { body: '{"all":false}' }, 400, 'form_wrong'],
  ] as const)('%s', async (_what, asked, status, code) => {
    const answer = await call(EVALUATE, asked)
    expect([answer.status, getCode(answer)]).toEqual([status, code])
    expect(answer.headers['content-type']).toContain('application/problem+json')
  })

  test('with thousands of bad numbers under a long name is refused at once, with a short answer', async () => {
    const breaches = Array.from({ length: 30_000 }, () => '1e99').join(',')
    const started = Date.now()
    const answer = await call(EVALUATE, { body: `{"${'a'.repeat(100_000)}":[${breaches}]}` })
    expect([answer.status, getCode(answer)]).toEqual([400, 'number_not_canonical'])
    expect(answer.text.length).toBeLessThan(10_000)
    expect(Date.now() - started).toBeLessThan(2_000)
  })

  test('S5: of 24,000 unknown members is refused by their count, before any schema', async () => {
    const members = Array.from({ length: 24_000 }, (_, at) => `"m${at}":1`).join(',')
    const others = Array.from({ length: 4 }, () => call(EVALUATE, { body: `{${members}}` }))
    for (const answer of await Promise.all(others)) {
      expect([answer.status, getCode(answer)]).toEqual([400, 'too_many_members'])
      expect(answer.text).not.toContain('errors')
    }
  })
  test('S5: of 400 unknown members names 100 of them', async () => {
    const members = Array.from({ length: 400 }, (_, at) => `"m${at}":1`).join(',')
    const answer = await call(EVALUATE, { body: `{${members}}` })
    expect((JSON.parse(answer.text) as { errors: unknown[] }).errors).toHaveLength(100)
  })

  test('of 500 flags is answered', async () => {
    const flag_keys = Array.from({ length: 500 }, (_, at) => `ff.f${at}`)
    const answer = await call(EVALUATE, { body: JSON.stringify({ flag_keys }) })
    expect((JSON.parse(answer.text) as { decisions: unknown[] }).decisions).toHaveLength(500)
  })
})

describe('a path', () => {
  test.each([
    ['with a space', '/v1/flags/override/tenant/a%20b/ff.x'],
    ['with a letter beyond ASCII', '/v1/flags/override/tenant/J%C3%B6rg/ff.x'],
    ['with a line break', '/v1/flags/override/tenant/a%0D%0Ab/ff.x'],
    ['with a NUL', '/v1/flags/override/tenant/a%00/ff.x'],
    ['with a flag in capitals', '/v1/flags/FF.X'],
    ['with __proto__', '/v1/flags/__proto__'],
    ['with constructor', '/v1/flags/override/user/constructor/constructor'],
    ['with an id of 256 characters', `/v1/flags/override/user/${'%2F'.repeat(256)}/ff.x`],
  ])('%s is refused for reads and writes', async (_what, path) => {
    for (const asked of [{}, { method: 'PUT', body: '{"value":true}' }, { method: 'DELETE' }]) {
      const answer = await call(path, asked)
      expect([answer.status, getCode(answer)]).toEqual([400, 'form_wrong'])
    }
  })

  test.each([
    ['with a broken percent escape', '/v1/flags/%E0%A4%A', 400, 'request_malformed'],
    ['without a route', '/v2/flags', 404, 'route_unknown'],
    ['in capitals', '/V1/FLAGS', 404, 'route_unknown'],
  ] as const)('%s', async (_what, path, status, code) => {
    const answer = await call(path)
    expect([answer.status, getCode(answer)]).toEqual([status, code])
  })

  test('with other methods is refused with an Allow header', async () => {
    const answer = await call('/v1/flags/ff.x', { method: 'POST', body: '{}' })
    expect([answer.status, getCode(answer)]).toEqual([405, 'method_not_allowed'])
    expect(answer.headers['allow']).toBe('GET, HEAD, PUT, DELETE, OPTIONS')
  })
})

describe('a credential', () => {
  test('that is sent twice is malformed', async () => {
    const twice = [`Bearer ${token}`, 'Bearer x']
    const answer = await ask(service.origin, EVALUATE, {
      body: '{"flag_key":"ff.x"}',
      headers: { authorization: twice },
    })
    expect([answer.status, getCode(answer)]).toEqual([401, 'token_malformed'])
  })

  test('in dev headers is ignored in production: the caller is anonymous', async () => {
    const headers = { 'x-ff-user': 'U1', 'x-ff-scopes': 'ff:registry:write' }
    const answer = await ask(service.origin, '/v1/flags/ff.x', { method: 'DELETE', headers })
    expect([answer.status, getCode(answer)]).toEqual([401, 'token_missing'])
    const decided = await ask(service.origin, EVALUATE, { body: '{"flag_key":"ff.x"}', headers })
    expect(JSON.parse(decided.text)).toMatchObject({ meta: { auth_mode: 'none', user_id: null } })
  })
})

/** Everything that the service sends on a socket before it closes it. */
function raw(send: (socket: Socket) => void, origin = service.origin): Promise<string> {
  const { hostname, port } = new URL(origin)
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname)
    let text = ''
    socket.on('data', (chunk) => (text += chunk.toString('latin1')))
    socket.on('error', () => undefined) // The service may reset the socket; `close` follows.
    socket.once('close', () => resolve(text))
    socket.once('connect', () => send(socket))
  })
}

describe('a connection', () => {
  test('that sends no HTTP gets request_malformed', async () => {
    expect(await raw((socket) => socket.write('\x16\x03\x01 hello\r\n\r\n'))).toContain(
      'request_malformed',
    )
  })

  test('with headers above the limit gets headers_too_large', async () => {
    const answer = await raw((socket) =>
      socket.write(`GET / HTTP/1.1\r\nx: ${'a'.repeat(20_000)}\r\n\r\n`),
    )
    expect(answer).toContain('headers_too_large')
  })

  test('with two content lengths gets a 400', async () => {
    const answer = await raw((socket) =>
      socket.write(
        'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab',
      ),
    )
    expect(answer).toContain('400')
  })

  describe('that is slow', () => {
    const SHORT = { headers_ms: 500, request_ms: 1_500 }
    /** The server checks for slow requests at intervals, and a busy machine adds to it. */
    const SLACK_MS = 4_000
    let usual: HttpLimits | undefined
    let hasty: RunningService
    beforeAll(async () => {
      hasty = await getService({
        deps: {
          openServer: (routes, options) => {
            usual = options.limits
            return adapters.openServer(routes, {
              ...options,
              limits: { ...options.limits, ...SHORT },
            })
          },
        },
      })
    })
    afterAll(() => hasty.close())

    test('has 10 s for its headers and 20 s for the whole request', () => {
      expect(usual).toMatchObject({ headers_ms: 10_000, request_ms: 20_000 })
    })

    test('in its headers ends at the timeout of headers', async () => {
      const started = Date.now()
      const answer = await raw(
        (socket) =>
          void drip(socket, `GET /health/live HTTP/1.1\r\nhost: a\r\nx: ${'a'.repeat(100)}`),
        hasty.origin,
      )
      const took = Date.now() - started
      expect(answer).toContain('request_timeout')
      expect(took).toBeGreaterThanOrEqual(SHORT.headers_ms)
      expect(took).toBeLessThan(SHORT.headers_ms + SLACK_MS)
    })

    test('in its body ends at the timeout of a request', async () => {
      const started = Date.now()
      const head = `POST ${EVALUATE} HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n`
      const answer = await raw((socket) => {
        socket.write(head)
        void drip(socket, `{"flag_key":"ff.${'x'.repeat(100)}`)
      }, hasty.origin)
      const took = Date.now() - started
      expect(answer).toContain('request_timeout')
      expect(took).toBeGreaterThanOrEqual(SHORT.request_ms)
      expect(took).toBeLessThan(SHORT.request_ms + SLACK_MS)
    })
  })

  test('that breaks in the middle of a body does not affect other requests', async () => {
    await raw((socket) => {
      socket.write(`POST ${EVALUATE} HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\n{"fl`)
      setTimeout(() => socket.destroy(), 50)
    })
    expect((await call('/health/live')).status).toBe(200)
  })

  test('that broke does not delay the stop of the service', async () => {
    const stopped = await startService()
    const socket = connect(Number(new URL(stopped.origin).port), '127.0.0.1')
    socket.write(
      `POST ${EVALUATE} HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{"fl`,
    )
    await sleep(100)
    socket.destroy()
    await sleep(100)
    const started = Date.now()
    expect((await stopped.stop()).status).toBe(0)
    expect(Date.now() - started).toBeLessThan(5_000)
  })

  test('that is half closed is still answered', async () => {
    const body = '{"flag_key":"ff.x"}'
    const answer = await raw((socket) =>
      socket.end(
        `POST ${EVALUATE} HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
      ),
    )
    expect(answer).toContain('"reason":"flag_unknown"')
  })
})

describe('a response', () => {
  const text = JSON.stringify('x'.repeat(20_000_000))
  const serve = (handle: Route['handle'], more: Partial<HttpLimits>): Promise<HttpServer> =>
    openServer([{ id: 'big', method: 'GET', path: '/big', handle }], {
      at: { host: '127.0.0.1', port: 0 },
      limits: { ...PROOF_LIMITS, ...more },
      httpObserver: { replied: () => undefined, failed: () => undefined },
    })

  test('that is being sent when the server drains is sent completely', async () => {
    const server = await serve(() => Promise.resolve(toJsonResponse(text)), {})
    const { port } = new URL(server.origin)
    const answer = await new Promise<IncomingMessage>((resolve) =>
      get({ port, path: '/big', agent: new Agent({ keepAlive: true }) }, resolve),
    )
    const drained = server.drain()
    await sleep(200)
    let bytes = 0
    for await (const chunk of answer as AsyncIterable<Buffer>) bytes += chunk.length
    expect(bytes).toBe(text.length)
    await drained
  })

  test('that a drain waits for closes its connection', async () => {
    const server = await serve(async () => {
      await sleep(300)
      return toJsonResponse('{}')
    }, {})
    const { port } = new URL(server.origin)
    const answered = new Promise<IncomingMessage>((resolve) =>
      get({ port, path: '/big', agent: new Agent({ keepAlive: true }) }, resolve),
    )
    await expect.poll(() => server.inFlight()).toBe(1)
    const started = Date.now()
    await server.drain()
    expect(Date.now() - started).toBeLessThan(3_000)
    expect((await answered).headers.connection).toBe('close')
  })

  test('that the client does not read is given up, and frees its place in flight', async () => {
    const server = await serve(() => Promise.resolve(toJsonResponse(text)), {
      request_ms: 500,
      answer_ms: 1_000,
    })
    const asking = connect(Number(new URL(server.origin).port), '127.0.0.1')
    try {
      asking.on('error', () => undefined).pause()
      asking.write('GET /big HTTP/1.1\r\nhost: a\r\n\r\n')
      await expect.poll(() => server.inFlight()).toBe(1)
      // A client that reads is answered meanwhile.
      expect((await ask(server.origin, '/big')).text).toHaveLength(text.length)
      await expect.poll(() => server.inFlight(), { timeout: 5_000 }).toBe(0)
    } finally {
      asking.destroy()
      await server.drain()
    }
  })
})

async function drip(socket: Socket, text: string): Promise<void> {
  for (const character of text) {
    if (socket.destroyed) return
    socket.write(character)
    await sleep(100)
  }
}
