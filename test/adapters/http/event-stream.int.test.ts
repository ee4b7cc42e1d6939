import { EventEmitter, once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { openServer } from '../../../src/adapters/http/server.ts'
import { PROOF_LIMITS } from '../../../src/features/serve/serve.ts'

test('a client that does not read its stream is disconnected', async () => {
  let ended = 0
  let written = 0
  const server = await openServer(
    [
      {
        id: 'stream',
        method: 'GET',
        path: '/stream',
        handle: () =>
          Promise.resolve({
            status: 200,
            type: 'text/event-stream',
            headers: {},
            text: '',
            code: null,
            stream: (sink) => {
              const timer = setInterval(() => {
                written += 65_536
                sink.write('x'.repeat(65_536))
              }, 1)
              return () => {
                clearInterval(timer)
                ended += 1
              }
            },
          }),
      },
    ],
    {
      at: { host: '127.0.0.1', port: 0 },
      limits: PROOF_LIMITS,
      httpObserver: { replied: () => undefined, failed: () => undefined },
    },
  )
  const { hostname, port } = new URL(server.origin)
  const socket = connect(Number(port), hostname)
  socket.on('error', () => undefined)
  socket.pause()
  socket.write(`GET /stream HTTP/1.1\r\nHost: ${hostname}\r\n\r\n`)
  await expect.poll(() => ended, { timeout: 20_000 }).toBe(1)
  expect(written).toBeLessThan(64 * 1024 * 1024)
  expect(server.inFlight()).toBe(0)
  socket.destroy()
  await server.drain()
})

const SOCKETS = 4
const PIPELINED = 20
/** A server with an endless stream, one that ends at once, and a route whose answer is short. */
const openStreams = () =>
  openServer(
    [
      {
        id: 'stream',
        method: 'GET',
        path: '/stream',
        handle: () =>
          Promise.resolve({
            status: 200,
            type: 'text/event-stream',
            headers: {},
            text: '',
            code: null,
            stream: () => () => undefined,
          }),
      },
      {
        id: 'ended',
        method: 'GET',
        path: '/ended',
        handle: () =>
          Promise.resolve({
            status: 200,
            type: 'text/event-stream',
            headers: {},
            text: '',
            code: null,
            stream: (sink) => {
              sink.close()
              return () => undefined
            },
          }),
      },
      {
        id: 'short',
        method: 'GET',
        path: '/short',
        handle: () =>
          Promise.resolve({ status: 200, type: 'text/plain', headers: {}, text: 'x', code: null }),
      },
    ],
    {
      at: { host: '127.0.0.1', port: 0 },
      limits: PROOF_LIMITS,
      httpObserver: { replied: () => undefined, failed: () => undefined },
    },
  )
const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`

describe('requests that are sent behind a stream', () => {
  test.each([
    ['with it', get('/stream') + get('/short').repeat(PIPELINED), ''],
    ['once it has begun', get('/stream'), get('/short').repeat(PIPELINED)],
  ])('%s end its connection, and do not stay in flight', async (_when, first, then) => {
    const server = await openStreams()
    const { hostname, port } = new URL(server.origin)
    const closed = Array.from({ length: SOCKETS }, () => {
      const socket = connect(Number(port), hostname)
      socket.on('error', () => undefined)
      if (then !== '') socket.once('data', () => socket.write(then))
      socket.resume().write(first)
      return once(socket, 'close')
    })
    expect(await Promise.all(closed)).toHaveLength(SOCKETS)
    expect(server.inFlight()).toBe(0)
    await server.drain()
  })
})

test('a client that keeps connections alive goes on over another one after a stream', async () => {
  const server = await openStreams()
  for (const path of ['/ended', '/short', '/ended', '/short']) {
    const response = await fetch(server.origin + path)
    expect([response.status, await response.text()]).toEqual([200, path === '/short' ? 'x' : ''])
  }
  await server.drain()
})

test('a client that left before its stream begins opens none', async () => {
  const events = new EventEmitter()
  const begun = once(events, 'begun')
  const answered = once(events, 'answered')
  let open = 0
  const server = await openServer(
    [
      {
        id: 'late',
        method: 'GET',
        path: '/late',
        handle: async () => {
          events.emit('begun')
          await once(gone, 'close')
          // The server sees the end of the connection in one of these turns.
          await sleep(50)
          setImmediate(() => events.emit('answered'))
          const stream = () => {
            open += 1
            return () => (open -= 1)
          }
          const type = 'text/event-stream'
          return { status: 200, type, headers: {}, text: '', code: null, stream }
        },
      },
    ],
    {
      at: { host: '127.0.0.1', port: 0 },
      limits: PROOF_LIMITS,
      httpObserver: { replied: () => undefined, failed: () => undefined },
    },
  )
  const { hostname, port } = new URL(server.origin)
  const gone = connect(Number(port), hostname)
  gone.on('error', () => undefined).write(get('/late'))
  await begun
  gone.resetAndDestroy()
  await answered
  await server.drain()
  expect(open).toBe(0)
})

test('a stream behind a request that is not answered ends with its connection', async () => {
  let [begun, open] = [0, 0]
  const stream = () => {
    begun += 1
    open += 1
    return () => (open -= 1)
  }
  const answer = { status: 200, type: 'text/event-stream', headers: {}, text: '', code: null }
  const server = await openServer(
    [
      { id: 'hang', method: 'GET', path: '/hang', handle: () => new Promise(() => undefined) },
      {
        id: 'stream',
        method: 'GET',
        path: '/stream',
        handle: () => Promise.resolve({ ...answer, stream }),
      },
    ],
    {
      at: { host: '127.0.0.1', port: 0 },
      limits: PROOF_LIMITS,
      httpObserver: { replied: () => undefined, failed: () => undefined },
    },
  )
  const { hostname, port } = new URL(server.origin)
  const socket = connect(Number(port), hostname)
  socket.on('error', () => undefined)
  socket.resume().write(get('/hang') + get('/stream'))
  await once(socket, 'close')
  await expect.poll(() => [begun, open, server.inFlight()]).toEqual([1, 0, 0])
  await server.drain()
})
