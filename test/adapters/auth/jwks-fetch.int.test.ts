import type { RequestListener, ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, test } from 'vitest'
import { ManualClock, systemClock } from '../../../src/adapters/auth/clock.ts'
import { type FetchedKeySet, fetchJwks } from '../../../src/adapters/auth/jwks-fetch.ts'
import { type Answering, Servers } from './answering.ts'
import { published, RSA_1 } from './signed.ts'

const servers = new Servers()
afterEach(() => servers.close())

const LIMITS = { timeout_ms: 2_000, max_bytes: 1_000, max_redirects: 3 }
const KEYS = [published(RSA_1)]
const BODY = JSON.stringify({ keys: KEYS })
const answer =
  (status: number, headers: object, body: string | Uint8Array = BODY): RequestListener =>
  (_, response) =>
    void response.writeHead(status, { ...headers }).end(body)
/** A key set of exactly this many bytes. */
const padded = (bytes: number): string => BODY + ' '.repeat(bytes - BODY.length)

const fetched = (url: URL, limits: object = {}): Promise<FetchedKeySet> =>
  fetchJwks(url, { ...LIMITS, ...limits }, systemClock)
/** Class of a response: `ok`, `unreachable` or `misconfigured`. */
async function classed(url: URL, limits: object = {}): Promise<string> {
  const result = await fetched(url, limits)
  return result.ok ? 'ok' : result.kind
}
const ofHttp = async (listener: RequestListener): Promise<string> =>
  classed((await servers.http(listener)).url)

describe('a whole response', () => {
  test('gives the keys, the bytes and the headers', async () => {
    const { url } = await servers.http(answer(200, { 'cache-control': 'max-age=120', age: '7' }))
    expect(await fetched(url)).toMatchObject({
      ok: true,
      keys: KEYS,
      body: Buffer.from(BODY),
      headers: { 'cache-control': 'max-age=120', age: '7' },
    })
  })

  test('is requested with the expected headers', async () => {
    let headers: object = {}
    const { url, asked } = await servers.http((request, response) => {
      headers = { method: request.method, ...request.headers }
      response.end(BODY)
    })
    url.search = '?tenant=a'
    expect(await classed(url)).toBe('ok')
    expect(asked).toEqual(['/jwks.json?tenant=a'])
    expect(headers).toMatchObject({
      method: 'GET',
      accept: 'application/json',
      'accept-encoding': 'identity',
      connection: 'close',
    })
    expect(headers).not.toHaveProperty('authorization')
    expect(headers).not.toHaveProperty('cookie')
  })

  test.each<[string, RequestListener]>([
    ['without a type', answer(200, {})],
    ['with another type', answer(200, { 'content-type': 'text/html' })],
    ['with an encoding that changes nothing', answer(200, { 'content-encoding': 'identity' })],
    ['of as many bytes as there may be', answer(200, {}, padded(1_000))],
    ['that also offers another protocol', answer(200, { upgrade: 'h2c', connection: 'upgrade' })],
    [
      'after an early hint',
      (_, response) => {
        response.writeEarlyHints({ link: '</a>; rel=preload' })
        response.end(BODY)
      },
    ],
    [
      'in pieces',
      (_, response) => {
        for (const reply of BODY) response.write(reply)
        response.end()
      },
    ],
  ])('ok: %s', async (_situation, listener) => {
    expect(await ofHttp(listener)).toBe('ok')
  })

  test('leaves no connection and no timer behind', async () => {
    const { url, left } = await servers.http(answer(200, {}))
    const clock = new ManualClock()
    await fetchJwks(url, LIMITS, clock)
    await left()
    expect(clock.step(LIMITS.timeout_ms * 2)).toBeNull()
  })
})

describe('a response of a misconfigured endpoint', () => {
  test.each([201, 202, 203, 204, 205, 206, 304, 400, 401, 403, 404, 408, 410, 451])(
    'status %i',
    async (status) => {
      expect(await ofHttp(answer(status, {}))).toBe('misconfigured')
    },
  )

  test.each<[string, string | Uint8Array]>([
    ['nothing', ''],
    ['a page', '<!doctype html>'],
    ['no set', '{}'],
    ['bytes that are not UTF-8', Buffer.from([0x7b, 0xff, 0x7d])],
    ['a member twice', `{"keys":[],${BODY.slice(1)}`],
    ['a byte order mark', `\u{feff}${BODY}`],
    ['half a set', BODY.slice(0, -2)],
    ['a byte more than there may be', padded(1_001)],
  ])('%s', async (_situation, body) => {
    expect(await ofHttp(answer(200, {}, body))).toBe('misconfigured')
  })

  test.each([
    ['gzip', gzipSync(BODY)],
    ['br', BODY],
    ['identity, gzip', BODY],
    ['x', BODY],
  ])('the encoding %s', async (encoding, body) => {
    expect(await ofHttp(answer(200, { 'content-encoding': encoding }, body))).toBe('misconfigured')
  })

  test('too many bytes in pieces', async () => {
    const size = await ofHttp((_, response) => {
      response.write(padded(1_000))
      response.end(' ')
    })
    expect(size).toBe('misconfigured')
  })

  test('a length that is too great is refused before the first byte', async () => {
    const { url, left } = await servers.http((_, response) => {
      response.writeHead(200, { 'content-length': '1001' }).flushHeaders()
    })
    expect(await classed(url)).toBe('misconfigured')
    await left()
  })

  test('a stream without an end is cut off', async () => {
    let sent = 0
    const { url, left } = await servers.http((_, response) => {
      const chunk = Buffer.alloc(65_536, ' ')
      const more = (): void => {
        if (response.destroyed) return
        sent += chunk.length
        response.write(chunk, () => setImmediate(more))
      }
      more()
    })
    const started = performance.now()
    expect(await classed(url, { max_bytes: 200_000 })).toBe('misconfigured')
    await left()
    expect(performance.now() - started).toBeLessThan(1_000)
    expect(sent).toBeLessThan(50_000_000)
  })
})

describe('a redirect', () => {
  const led = (location: string, status = 302): RequestListener => answer(status, { location }, '')

  test.each([301, 302, 303, 307, 308])('%i on the same origin is followed', async (status) => {
    const { url, asked } = await servers.http((request, response) => {
      if (request.url === '/jwks.json') led('keys?v=2', status)(request, response)
      else response.end(BODY)
    })
    expect(await classed(url)).toBe('ok')
    expect(asked).toEqual(['/jwks.json', '/keys?v=2'])
  })

  /** A server that redirects this many times before it answers. */
  const chain = (length: number): Promise<Answering> =>
    servers.http((request, response) => {
      const hop = Number(new URL(request.url ?? '', 'http://a').searchParams.get('hop'))
      if (hop < length) led(`/jwks.json?hop=${hop + 1}`)(request, response)
      else response.end(BODY)
    })

  test('is followed up to the limit, and no further', async () => {
    const [three, four] = [await chain(3), await chain(4)]
    expect(await classed(three.url)).toBe('ok')
    expect(three.asked).toHaveLength(4)
    expect(await classed(four.url)).toBe('misconfigured')
    expect(four.asked).toHaveLength(4)
    expect(await classed(three.url, { max_redirects: 0 })).toBe('misconfigured')
  })

  test('to itself ends', async () => {
    const { url, asked } = await servers.http(led('/jwks.json'))
    expect(await classed(url)).toBe('misconfigured')
    expect(asked).toHaveLength(4)
  })

  test('to another origin is not followed', async () => {
    const other = await servers.http(answer(200, {}))
    const places = [
      other.url.href,
      other.url.href.replace('http:', ''),
      other.url.href.replace('127.0.0.1', 'localhost'),
      'https://idp.pty.example/jwks.json',
      'file:///etc/passwd',
      `data:application/json,${encodeURIComponent(BODY)}`,
    ]
    for (const place of places) {
      const { url, asked } = await servers.http(led(place))
      expect(await classed(url)).toBe('misconfigured')
      expect(asked).toHaveLength(1)
    }
    expect(other.asked).toEqual([])
  })

  test('to this server under another name or scheme is another origin', async () => {
    const to = async (name: (url: URL) => string): Promise<Answering> => {
      const server = await servers.http((request, response) => {
        if (request.url === '/jwks.json') led(name(server.url))(request, response)
        else response.end(BODY)
      })
      return server
    }
    for (const name of [
      ({ port }: URL) => `http://localhost:${port}/keys`,
      ({ port }: URL) => `https://127.0.0.1:${port}/keys`,
    ]) {
      const { url, asked } = await to(name)
      expect(await classed(url)).toBe('misconfigured')
      expect(asked).toEqual(['/jwks.json'])
    }
  })

  test('over another origin back to the first is not followed', async () => {
    const first = await servers.http((request, response) => {
      if (request.url === '/jwks.json') led(second.url.href)(request, response)
      else response.end(BODY)
    })
    const second = await servers.http(led(new URL('/keys', first.url).href))
    expect(await classed(first.url)).toBe('misconfigured')
    expect(second.asked).toEqual([])
  })

  test.each([
    ['nowhere', 'http://'],
    ['a port that is none', 'http://127.0.0.1:99999/'],
  ])('to %s', async (_situation, place) => {
    expect(await ofHttp(led(place))).toBe('misconfigured')
  })

  test('without a location', async () => {
    expect(await ofHttp(answer(302, {}))).toBe('misconfigured')
  })
})

describe('an endpoint that cannot be reached', () => {
  test.each([429, 500, 502, 503, 504, 599])('K1: status %i', async (status) => {
    expect(await ofHttp(answer(status, {}))).toBe('unreachable')
  })

  test('a redirect to a broken response', async () => {
    const kind = await ofHttp((request, response) => {
      if (request.url === '/jwks.json') response.writeHead(302, { location: '/a' }).end()
      else response.writeHead(500).end()
    })
    expect(kind).toBe('unreachable')
  })

  test('a port without a listener', async () => {
    const { url } = await servers.http(answer(200, {}))
    await servers.close()
    expect(await fetched(url)).toEqual({ ok: false, kind: 'unreachable', detail: 'ECONNREFUSED' })
  })

  test('a self-signed certificate', async () => {
    const { url, asked } = await servers.https(answer(200, {}))
    expect(await fetched(url)).toEqual({
      ok: false,
      kind: 'misconfigured',
      detail: 'DEPTH_ZERO_SELF_SIGNED_CERT',
    })
    expect(asked).toEqual([])
  })

  test('a self-signed certificate with NODE_TLS_REJECT_UNAUTHORIZED=0', async () => {
    const before = process.env['NODE_TLS_REJECT_UNAUTHORIZED']
    process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0'
    try {
      const { url, asked } = await servers.https(answer(200, {}))
      expect(await classed(url)).toBe('misconfigured')
      expect(asked).toEqual([])
    } finally {
      if (before === undefined) delete process.env['NODE_TLS_REJECT_UNAUTHORIZED']
      else process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = before
    }
  })

  test('TLS to a server that speaks none', async () => {
    const { url } = await servers.http(answer(200, {}))
    url.protocol = 'https:'
    expect(await classed(url)).toBe('unreachable')
  })

  const HEAD = `HTTP/1.1 200 OK\r\ncontent-length: ${BODY.length}\r\n\r\n`
  test.each<[string, string]>([
    ['at once', ''],
    ['within the status line', 'HTTP/1.1 2'],
    ['within the headers', HEAD.slice(0, 30)],
    ['before the body', HEAD],
    ['within the body', HEAD + BODY.slice(0, 50)],
    ['within a chunk', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nff\r\n{"keys":'],
    ['before the last chunk', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n'],
  ])('a connection that is reset or closed %s', async (_situation, said) => {
    const reset = await servers.bytes(said, (socket) => socket.resetAndDestroy())
    expect(await classed(reset.url)).toBe('unreachable')
    const closed = await servers.bytes(said, (socket) => socket.end())
    expect(await classed(closed.url)).toBe('unreachable')
  })

  test('a reset of an answer that says no length', async () => {
    const said = `HTTP/1.1 200 OK\r\n\r\n${BODY.slice(0, 50)}`
    const { url } = await servers.bytes(said, (socket) => {
      setTimeout(() => socket.resetAndDestroy(), 20)
    })
    expect(await classed(url)).toBe('unreachable')
  })

  test.each([
    ['another protocol', 'SSH-2.0-OpenSSH_9.6\r\n'],
    ['two lengths', 'HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n{}'],
    ['a length and chunks', `${HEAD.slice(0, -2)}transfer-encoding: chunked\r\n\r\n0\r\n\r\n`],
  ])('%s is no HTTP, which does not pass by itself', async (_situation, said) => {
    const { url } = await servers.bytes(said, () => undefined)
    expect(await classed(url)).toBe('misconfigured')
  })

  const drip = (response: ServerResponse): void => {
    const timer = setInterval(() => response.write(' '), 5)
    response.on('close', () => clearInterval(timer))
  }
  test.each<[string, RequestListener]>([
    ['no answer', () => undefined],
    ['headers and nothing more', (_, response) => response.writeHead(200).flushHeaders()],
    ['a body drop by drop', (_, response) => drip(response)],
    [
      'a redirect, then no answer',
      (request, response) => {
        if (request.url === '/jwks.json') response.writeHead(302, { location: '/a' }).end()
      },
    ],
  ])('%s within the time', async (_situation, listener) => {
    const { url, left } = await servers.http(listener)
    const started = performance.now()
    expect(await fetched(url, { timeout_ms: 60 })).toEqual({
      ok: false,
      kind: 'unreachable',
      detail: 'no whole response within 60 ms',
    })
    expect(performance.now() - started).toBeLessThan(1_000)
    await left()
  })

  test('the deadline covers all redirects together', async () => {
    const { url, asked } = await servers.http((_, response) => {
      void sleep(40).then(() => response.writeHead(302, { location: '/jwks.json' }).end())
    })
    expect(await classed(url, { timeout_ms: 60 })).toBe('unreachable')
    expect(asked.length).toBeLessThan(4)
  })

  test('early hints without an end', async () => {
    const { url } = await servers.bytes('', (socket) => {
      const timer = setInterval(() => socket.write('HTTP/1.1 103 Early Hints\r\n\r\n'), 5)
      socket.on('close', () => clearInterval(timer))
    })
    expect(await classed(url, { timeout_ms: 60 })).toBe('unreachable')
  })

  test('a protocol upgrade ends the fetch at once', async () => {
    const said = 'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n'
    const { url } = await servers.bytes(said, () => undefined)
    const waited = sleep(100, 'without an end')
    const kind = await Promise.race([classed(url, { timeout_ms: 50 }), waited])
    expect(['unreachable', 'misconfigured']).toContain(kind)
  })

  test('the given clock decides about the timeout', async () => {
    const { url } = await servers.http(() => undefined)
    const clock = new ManualClock()
    const going = fetchJwks(url, { ...LIMITS, timeout_ms: 5_000 }, clock)
    expect(clock.step(4_999)).toBeNull()
    const early = await Promise.race([going, sleep(30, 'still going')])
    expect(early).toBe('still going')
    clock.step(1)
    expect(await going).toMatchObject({ ok: false, kind: 'unreachable' })
  })
})

test('parallel fetches do not disturb each other', async () => {
  const { url } = await servers.http((request, response) => {
    const status = request.url === '/jwks.json?1' ? 500 : 200
    response.writeHead(status).end(BODY)
  })
  const kinds = await Promise.all(
    Array.from({ length: 60 }, (_, at) => classed(new URL(`?${at % 2}`, url))),
  )
  expect(kinds.filter((kind) => kind === 'ok')).toHaveLength(30)
  expect(kinds.filter((kind) => kind === 'unreachable')).toHaveLength(30)
})
