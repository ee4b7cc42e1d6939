import { connect } from 'node:net'
import { expect, test } from 'vitest'
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
