import { createServer, type RequestListener } from 'node:http'
import { connect, createServer as createPlainServer, type Socket } from 'node:net'
import { once } from 'node:events'
import { describe, expect, test } from 'vitest'
import { formatCheckAnswer } from '../../../src/core/admin/messages.ts'
import type { AdminBehaviour } from '../../../src/ports/admin.ts'
import { TENANT } from '../../core/builders.ts'
import {
  ANSWER,
  asked,
  getClient,
  closing,
  QUESTION,
  soon,
  startAdmin,
  timed,
  UNREACHABLE,
} from './stage.ts'

const BODY = formatCheckAnswer(QUESTION, ANSWER, 'valid')

const FAILURES: readonly AdminBehaviour[] = [
  'refused',
  'reset',
  'error_500',
  'error_503',
  'error_429',
  'redirect',
  'cut_short',
  'malformed',
  'empty',
  'wrong_type',
  'unknown_state',
  'never',
  'slow_body',
  'no_accept',
]

describe('an Admin that fails', () => {
  test.each(FAILURES)('%s: unreachable within 1.2 s, and no socket stays', async (behaviour) => {
    const admin = await startAdmin()
    const client = await getClient(admin)
    expect(await client.begin()(QUESTION)).toEqual(ANSWER)
    await admin.setBehaviour({ behaviour, delay_ms: 0 })
    const met = admin.requests()
    const { ms, result } = await timed(() => client.begin()(QUESTION))
    expect(result).toEqual(UNREACHABLE)
    expect(ms).toBeLessThan(1_200)
    // A followed redirect would be a second request.
    expect(admin.requests() - met).toBe(['refused', 'no_accept'].includes(behaviour) ? 0 : 1)
    // A response read to its end keeps its connection.
    const whole = ['malformed', 'empty', 'unknown_state'].includes(behaviour)
    await soon(() => client.metrics().sockets === (whole ? 1 : 0))
    expect(client.metrics().calls).toEqual({ answered: 1, failed: 1, refused: 0 })
    await admin.setBehaviour({ behaviour: 'honest', delay_ms: 0 })
    expect(await client.begin()(QUESTION)).toEqual(ANSWER)
  })

  test('no_accept: not even a connection is made', async () => {
    const admin = await startAdmin()
    await admin.setBehaviour({ behaviour: 'no_accept', delay_ms: 0 })
    const socket = connect(Number(admin.url.port), admin.url.hostname)
    const made = once(socket, 'connect').then(() => true)
    const late = new Promise((resolve) => setTimeout(resolve, 300, false))
    expect(await Promise.race([made, late])).toBe(false)
    socket.destroy()
  })

  test.each([
    ['has no name', `http://${'a'.repeat(64)}.invalid`],
    ['speaks no TLS', 'https'],
  ])('that %s', async (_what, url) => {
    const admin = await startAdmin()
    const there = url === 'https' ? admin.url.href.replace('http', 'https') : url
    const client = await getClient(admin, { url: new URL(there) })
    const { ms, result } = await timed(() => client.begin()(QUESTION))
    expect(result).toEqual(UNREACHABLE)
    expect(ms).toBeLessThan(1_200)
    await soon(() => client.metrics().sockets === 0)
  })

  test('that refuses requests without a token', async () => {
    const admin = await startAdmin()
    for (const token of [null, `${admin.token}x`]) {
      const client = await getClient(admin, { credential: { token } })
      expect(await client.begin()(QUESTION)).toEqual(UNREACHABLE)
    }
    expect(admin.requests()).toBe(2)
  })
})

describe('invalid answers', () => {
  const type = { 'content-type': 'application/json' }
  const said =
    (body: string | Buffer, headers: object = type, status = 200): RequestListener =>
    (_, response) =>
      response.writeHead(status, { ...headers }).end(body)
  test.each<[string, RequestListener, boolean]>([
    ['the right one', said(BODY), true],
    ['with a charset', said(BODY, { 'content-type': 'application/json; charset=utf-8' }), true],
    ['under 201', said(BODY, type, 201), true],
    ['under 404', said(BODY, type, 404), false],
    ['under 304', said('', type, 304), false],
    ['of no type', said(BODY, {}), false],
    ['of another type', said(BODY, { 'content-type': 'application/jsonp' }), false],
    ['zipped', said(BODY, { ...type, 'content-encoding': 'gzip' }), false],
    ['of another tenant', said(BODY.replace(TENANT, 'T-other')), false],
    ['of another ref', said(BODY.replace(QUESTION.approval_ref, 'APP-9-z')), false],
    ['with more members', said(BODY.replace('{', '{"more":1,')), false],
    ['with a member twice', said(BODY.replace('{', '{"revoked":true,')), false],
    ['of a member of another type', said(BODY.replace('false', '"false"')), false],
    ['in UTF-16', said(Buffer.from(BODY, 'utf16le')), false],
    ['with a wrong byte', said(Buffer.from([0x22, 0xff, 0x22])), false],
    ['too large', said(BODY + ' '.repeat(16_384)), false],
    ['without an end', endless, false],
    ['with too large a head', said(BODY, { ...type, more: 'x'.repeat(20_000) }), false],
    ['that breaks off in a chunk', brokenOff, false],
  ])('%s', async (_what, listener, good) => {
    const server = createServer(listener).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as { port: number }
    closing({ close: () => (server.closeAllConnections(), server.close()) })
    const admin = await startAdmin()
    const client = await getClient(admin, { url: new URL(`http://127.0.0.1:${port}`) })
    const { ms, result } = await timed(() => client.begin()(QUESTION))
    expect(result).toEqual(good ? ANSWER : UNREACHABLE)
    expect(ms).toBeLessThan(900)
  })

  function endless(_: unknown, response: Parameters<RequestListener>[1]): void {
    response.writeHead(200, type)
    const more = (): void =>
      void (response.destroyed || (response.write(' '.repeat(4_096)), setImmediate(more)))
    more()
  }
  function brokenOff(_: unknown, response: Parameters<RequestListener>[1]): void {
    response.writeHead(200, type)
    response.write(BODY, () => response.socket?.destroy())
  }
})

describe('the deadline', () => {
  test.each<[string, string, (socket: Socket) => void]>([
    ['a handshake', 'https', (socket) => void socket.resume()],
    ['a head', 'http', drip],
  ])('holds for %s that does not come to its end', async (_what, scheme, meet) => {
    const sockets = new Set<Socket>()
    const server = createPlainServer((socket) => {
      sockets.add(socket.on('close', () => sockets.delete(socket)).on('error', () => undefined))
      meet(socket)
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    closing(server)
    const { port } = server.address() as { port: number }
    const admin = await startAdmin()
    const client = await getClient(admin, { url: new URL(`${scheme}://127.0.0.1:${port}`) })
    const { ms, result } = await timed(() => client.begin()(QUESTION))
    expect([result, ms < 1_200, ms > 900]).toEqual([UNREACHABLE, true, true])
    await soon(() => client.metrics().sockets === 0 && sockets.size === 0)
  })
  function drip(socket: Socket): void {
    let sent = 0
    const timer = setInterval(
      () => socket.write('HTTP/1.1 200 OK\r\nmore: '.charAt(sent++) || 'x'),
      50,
    )
    socket.on('close', () => clearInterval(timer))
  }

  test('an answer after 0.9 s counts', async () => {
    const admin = await startAdmin()
    await admin.setBehaviour({ behaviour: 'honest', delay_ms: 900 })
    expect(await (await getClient(admin)).begin()(QUESTION)).toEqual(ANSWER)
  })

  test('an answer after 1.1 s does not', async () => {
    const admin = await startAdmin()
    const client = await getClient(admin)
    await admin.setBehaviour({ behaviour: 'honest', delay_ms: 1_100 })
    const { ms, result } = await timed(() => client.begin()(QUESTION))
    expect([result, ms < 1_200]).toEqual([UNREACHABLE, true])
    await soon(() => client.metrics().sockets === 0 && admin.sockets() === 0)
  })

  test('is shared by all checks of a request', async () => {
    const admin = await startAdmin()
    const client = await getClient(admin, { limits: { breaker: null } })
    await admin.setBehaviour({ behaviour: 'never', delay_ms: 0 })
    const check = client.begin()
    const { ms, result } = await timed(async () => [
      await check(asked(1)),
      await check(asked(2)),
      ...(await Promise.all([3, 4, 5].map((at) => check(asked(at))))),
    ])
    expect(result).toEqual(Array.from({ length: 5 }, () => UNREACHABLE))
    expect(ms).toBeLessThan(1_200)
    // After the deadline nothing is sent.
    expect(admin.requests()).toBe(1)
  })

  test('begins with the first check, and also ends one that joined another call', async () => {
    const admin = await startAdmin()
    await admin.setBehaviour({ behaviour: 'honest', delay_ms: 700 })
    const client = await getClient(admin)
    const check = client.begin()
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(await check(asked(1))).toMatchObject({ status: 'known' })
    // 300 ms of the deadline are left, and the shared call takes 700 ms.
    const other = client.begin()(asked(2))
    const { ms, result } = await timed(() => check(asked(2)))
    expect([result, ms < 650]).toEqual([UNREACHABLE, true])
    expect(await other).toMatchObject({ status: 'known' })
    expect(admin.requests()).toBe(2)
  })
})

describe('calls in flight', () => {
  test('are shared, and no answer is kept', async () => {
    const admin = await startAdmin()
    await admin.setBehaviour({ behaviour: 'honest', delay_ms: 50 })
    const client = await getClient(admin)
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => client.begin()({ ...QUESTION })),
    )
    expect(answers).toEqual(Array.from({ length: 50 }, () => ANSWER))
    expect(admin.requests()).toBe(1)
    await client.begin()(QUESTION)
    expect(admin.requests()).toBe(2)
  })

  test.each([
    ['ref', { approval_ref: 'APP-7-x' }],
    ['flag', { flag_key: 'ff.other' }],
    ['tenant', { tenant_id: null }],
    ['user', { user_id: 'U-other' }],
  ])('are not shared with another %s', async (_what, change) => {
    const admin = await startAdmin()
    await admin.setBehaviour({ behaviour: 'honest', delay_ms: 50 })
    const client = await getClient(admin)
    const [one] = await Promise.all([QUESTION, { ...QUESTION, ...change }].map(client.begin()))
    expect(one).toEqual(ANSWER)
    expect(admin.requests()).toBe(2)
  })

  test('are asked again where the approval changes meanwhile, others are not', async () => {
    const admin = await startAdmin()
    await admin.setBehaviour({ behaviour: 'never', delay_ms: 0 })
    const client = await getClient(admin, { limits: { timeout_ms: 2_000 } })
    const [changed, other] = [client.begin()(QUESTION), client.begin()(asked(1))]
    await soon(() => admin.requests() === 2)
    await admin.setBehaviour({ behaviour: 'honest', delay_ms: 0 })
    client.abandon('APP-unknown')
    client.abandon(QUESTION.approval_ref)
    expect(await changed).toEqual(ANSWER)
    expect(admin.requests()).toBe(3)
    client.abandon(null)
    expect(await other).toMatchObject({ status: 'known' })
    expect(admin.requests()).toBe(4)
  })

  test('use few connections, and reuse them', async () => {
    const admin = await startAdmin()
    await admin.setBehaviour({ behaviour: 'honest', delay_ms: 100 })
    const client = await getClient(admin, { limits: { timeout_ms: 10_000 } })
    const check = client.begin()
    const all = Promise.all(Array.from({ length: 200 }, (_, at) => check(asked(at))))
    await soon(() => client.metrics().sockets === 64)
    expect((await all).every(({ status }) => status === 'known')).toBe(true)
    await soon(() => client.metrics().sockets <= 8 && admin.sockets() <= 8)
    await client.begin()(QUESTION)
    expect(admin.sockets()).toBeLessThanOrEqual(8)
    expect(client.metrics().calls.answered).toBe(201)
  })

  test('end when it is closed, and then nothing is sent', async () => {
    const admin = await startAdmin()
    await admin.setBehaviour({ behaviour: 'never', delay_ms: 0 })
    const client = await getClient(admin)
    const check = client.begin()
    const all = Array.from({ length: 100 }, (_, at) => check(asked(at)))
    await soon(() => admin.requests() === 64)
    const { ms, result } = await timed(async () => {
      await client.close()
      return Promise.all(all)
    })
    expect([new Set(result.map(({ status }) => status)), ms < 900]).toEqual([
      new Set(['unreachable']),
      true,
    ])
    expect(await client.begin()(QUESTION)).toEqual(UNREACHABLE)
    await soon(() => client.metrics().sockets === 0 && admin.sockets() === 0)
    expect(admin.requests()).toBe(64)
  })
})
