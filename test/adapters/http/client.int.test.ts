import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openClient } from '../../../src/adapters/http/client.ts'
import type { HttpClient } from '../../../src/ports/http.ts'

const MEBIBYTE = 1_048_576
/** The response of each path. */
const ANSWERS: Readonly<Record<string, (reply: ServerResponse) => void>> = {
  '/fine': (reply) => void reply.writeHead(201, { etag: '"1"' }).end('{"a":"\u00fc"}'),
  '/elsewhere': (reply) => void reply.writeHead(302, { location: '/fine' }).end(),
  '/endless': (reply) => void reply.writeHead(200).end(Buffer.alloc(16 * MEBIBYTE + 1, ' ')),
  '/bytes': (reply) => void reply.writeHead(200).end(Buffer.from([0x22, 0xff, 0x22])),
  '/cut': (reply) => {
    reply.writeHead(200, { 'content-length': '100' })
    reply.write('{"a":')
    setImmediate(() => reply.destroy())
  },
}
let asked = 0
const server = createServer((request, reply) => {
  asked += 1
  ANSWERS[request.url ?? '']?.(reply)
})
let client: HttpClient
beforeAll(async () => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  client = openClient(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
})
afterAll(async () => {
  client.close()
  server.closeAllConnections()
  server.close()
  await once(server, 'close')
})

const get = (path: string) => client.send({ method: 'GET', path })

test('a response has status, headers and text', async () => {
  const { status, headers, text } = await get('/fine')
  expect({ status, etag: headers['etag'], text }).toEqual({
    status: 201,
    etag: '"1"',
    text: '{"a":"\u00fc"}',
  })
})

test('a redirect is returned, not followed', async () => {
  const before = asked
  expect(await get('/elsewhere')).toMatchObject({ status: 302, text: '' })
  expect(asked).toBe(before + 1)
})

test.each([
  ['is too large', '/endless', 'answer_too_large'],
  ['is no UTF-8', '/bytes', 'ERR_ENCODING_INVALID_ENCODED_DATA'],
  ['breaks off', '/cut', 'ECONNRESET'],
])('an answer that %s is none', async (_what, path, why) => {
  await expect(get(path)).rejects.toMatchObject({
    code: 'target_unreachable',
    message: expect.stringContaining(why) as string,
  })
})

test('an invalid header value is neither sent nor shown', async () => {
  const before = asked
  const headers = { authorization: 'Bearer hush\n' }
  const failed = client.send({ method: 'GET', path: '/fine', headers })
  await expect(failed).rejects.toMatchObject({ code: 'request_unsendable' })
  await expect(failed).rejects.not.toThrow(/hush/)
  expect(asked).toBe(before)
})

test('a port without a listener is target_unreachable', async () => {
  const anonymous = openClient('http://127.0.0.1:1')
  await expect(anonymous.send({ method: 'GET', path: '/' })).rejects.toMatchObject({
    code: 'target_unreachable',
    exitName: 'inconclusive',
  })
  anonymous.close()
})
