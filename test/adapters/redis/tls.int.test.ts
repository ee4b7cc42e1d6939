import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { connectRedis } from '../../../src/adapters/redis/connect-redis.ts'
import { type RedisServer, startRedis } from '../../support/redis.ts'
import { makeRedisTls } from '../../support/redis-topologies.ts'

let folder: string
let server: RedisServer
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ff-redis-tls-'))
  server = await startRedis(makeRedisTls(folder).lines)
})
afterAll(async () => {
  await server.stop()
  rmSync(folder, { recursive: true })
})

const CA = (): string => `sslrootcert=${folder}/authority.pem`
const CLIENT = (): string => `sslcert=${folder}/client.pem&sslkey=${folder}/client.key`

test.each([
  ['the authority and a client certificate', 'rediss', () => `${CA()}&${CLIENT()}`, { ok: true }],
  ['no authority for the certificate', 'rediss', CLIENT, { failure: 'unreachable' }],
  ['no client certificate', 'rediss', CA, { failure: 'unreachable' }],
  ['no TLS', 'redis', () => '', { failure: 'unreachable' }],
])('%s', async (_, scheme, parameters, expected) => {
  const url = `${scheme}://127.0.0.1:${server.port}?${parameters()}`
  const client = await connectRedis(url, { connectMs: 1_000, deadlineMs: 1_000 })
  expect(await client.time()).toMatchObject(expected)
  await client.close()
})
