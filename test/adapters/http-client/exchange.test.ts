import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test, vi } from 'vitest'
import {
  exchange,
  type ExchangeBounds,
  ResponseTooLarge,
  UnexpectedUpgrade,
} from '../../../src/adapters/http-client/exchange.ts'

const servers: Server[] = []
afterEach(async () => {
  vi.unstubAllEnvs()
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  }
})
async function listening(server: Server, scheme = 'http'): Promise<URL> {
  servers.push(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return new URL(`${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}/path`)
}
const serve = (listener: RequestListener): Promise<URL> => listening(createServer(listener))
const get = (url: URL, bounds: Partial<ExchangeBounds> = {}) =>
  exchange(
    url,
    { method: 'GET', headers: {} },
    { signal: AbortSignal.timeout(5_000), maxBytes: 100, agent: false, ...bounds },
  )

test('a response has status, headers and bytes', async () => {
  const url = await serve((_, reply) => void reply.writeHead(201, { etag: '"1"' }).end('a'))
  expect(await get(url)).toMatchObject({
    status: 201,
    headers: { etag: '"1"' },
    body: Buffer.from('a'),
  })
})

test('a body of the limit is read, and one byte more is too large', async () => {
  const url = await serve((_, reply) => void reply.end(Buffer.alloc(100)))
  expect((await get(url)).body).toHaveLength(100)
  await expect(get(url, { maxBytes: 99 })).rejects.toThrow(ResponseTooLarge)
})

test('a redirect is not followed', async () => {
  const asked: unknown[] = []
  const url = await serve((request, reply) => {
    asked.push(request.url)
    reply.writeHead(302, { location: '/elsewhere' }).end()
  })
  expect((await get(url)).status).toBe(302)
  expect(asked).toEqual(['/path'])
})

test('a body that is not wanted is not read', async () => {
  const url = await serve((_, reply) => void reply.writeHead(404).end(Buffer.alloc(1_000)))
  const answer = await get(url, { wantsBody: ({ status }) => status === 200 })
  expect(answer).toMatchObject({ status: 404, body: Buffer.alloc(0) })
})

test('a head that is refused closes the connection', async () => {
  let closed: Promise<unknown> = Promise.resolve()
  const url = await serve((request, reply) => {
    closed = once(request.socket, 'close')
    reply.writeHead(200).write('a')
  })
  const wantsBody = (): boolean => {
    throw new Error('not such a head')
  }
  await expect(get(url, { wantsBody })).rejects.toThrow('not such a head')
  await closed
})

test.each<[string, RequestListener]>([
  ['never begins', () => undefined],
  ['never ends', (_, reply) => void reply.writeHead(200).write('a')],
])('an answer that %s ends at the deadline', async (_what, listener) => {
  const url = await serve(listener)
  await expect(get(url, { signal: AbortSignal.timeout(50) })).rejects.toMatchObject({
    code: 'ABORT_ERR',
  })
})

test('a body that breaks off is an error', async () => {
  const url = await serve((_, reply) => {
    reply.writeHead(200, { 'content-length': 9 }).write('a')
    setImmediate(() => reply.destroy())
  })
  await expect(get(url)).rejects.toMatchObject({ code: 'ECONNRESET' })
})

test('an unexpected upgrade is an error', async () => {
  const url = await serve((request) => {
    request.socket.end('HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n')
  })
  await expect(get(url)).rejects.toThrow(UnexpectedUpgrade)
})

test('no proxy of the environment is used', async () => {
  const proxy = await serve((_, reply) => void reply.end('the proxy'))
  vi.stubEnv('HTTP_PROXY', proxy.origin)
  vi.stubEnv('NODE_USE_ENV_PROXY', '1')
  const url = await serve((_, reply) => void reply.end('the service'))
  expect((await get(url)).body.toString()).toBe('the service')
})

test('verifies certificates despite NODE_TLS_REJECT_UNAUTHORIZED', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'ff-exchange-'))
  try {
    const out = ['-keyout', 'key', '-out', 'cert', '-subj', '/CN=x', '-days', '2']
    const args = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1']
    execFileSync('openssl', [...args, '-nodes', ...out], { cwd: folder, stdio: 'pipe' })
    const [key, cert] = ['key', 'cert'].map((name) => readFileSync(join(folder, name)))
    const server = createSecureServer({ key, cert }, (_, reply) => void reply.end('a'))
    const url = await listening(server, 'https')
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0')
    await expect(get(url)).rejects.toMatchObject({ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' })
  } finally {
    rmSync(folder, { recursive: true })
  }
})
