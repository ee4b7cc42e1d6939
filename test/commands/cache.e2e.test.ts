import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { validateSchema } from '../../src/artefacts/schemas.ts'
import { createCacheMac } from '../../src/adapters/cache/mac.ts'
import { CHANNELS, formatMessage } from '../../src/core/cache/messages.ts'
import { instantFromMs } from '../../src/core/rows/instant.ts'
import { until } from '../support/until.ts'
import { type RedisServer, startRedis } from '../support/redis.ts'
import { ACL_USER, withLogin } from '../adapters/redis/redis-contract.ts'
import { finished, runFf, startFf } from '../support/run-ff.ts'

const KEY = Buffer.alloc(32, 'k')
const MESSAGE = formatMessage(
  'invalidate',
  {
    kind: 'flag',
    target: 'flag/ff.x',
    epoch: { cutover: 1, operator: 2 },
    seq: 7,
    prev: 6,
    published_at: instantFromMs(0),
    origin: 'ff-1',
  },
  createCacheMac(KEY),
)
let folder: string
let server: RedisServer
let raw: Redis
let env: Readonly<Record<string, string>>

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ff-cache-'))
  const file = join(folder, 'cache.key')
  writeFileSync(file, KEY)
  chmodSync(file, 0o600)
  server = await startRedis()
  raw = new Redis(server.url)
  await raw.mset({
    'ptt:ff:flag:{a}': 'x',
    'ptt:ff:flag:{b}': 'x',
    'ptt:ff:lock:{a}': 'x',
    other: 'x',
  })
  env = { FF_REDIS_URL: server.url, FF_CACHE_KEY_FILE: file }
})
afterAll(async () => {
  raw.disconnect()
  await server.stop()
  rmSync(folder, { recursive: true })
})

test('stats counts the keys of each namespace, and shows the memory of the server', async () => {
  const json = await runFf(['cache', 'stats', '--format', 'json'], { env })
  expect(validateSchema('cache-stats', JSON.parse(json.stdout), '')).toEqual([])
  expect(JSON.parse(json.stdout)).toEqual({
    schemaVersion: 1,
    namespaces: [
      ['flag', 2],
      ['tenant_override', 0],
      ['user_override', 0],
      ['eval', 0],
      ['lock', 1],
      ['control', 0],
    ].map(([namespace, keys]) => ({ namespace, keys, complete: true })),
    servers: [
      { server: `127.0.0.1:${server.port}`, used_bytes: expect.any(Number), limit_bytes: null },
    ],
  })
  const text = await runFf(['cache', 'stats'], { env })
  expect([json.status, text.status]).toEqual([0, 0])
  expect(text.stdout).toMatch(/^  flag +2 keys\n/)
})

test.each([
  ['SIGTERM', 0],
  ['SIGINT', 130],
] as const)('tail prints what arrives until %s, which ends %i', async (signal, status) => {
  const child = startFf(['cache', 'tail', '--format', 'ndjson'], { env })
  let seen = ''
  child.stdout?.on('data', (text: Buffer) => (seen += text.toString()))
  const ended = finished(child)
  await until(() => seen.includes('up'))
  await raw.publish(CHANNELS.invalidate, MESSAGE)
  await raw.publish(CHANNELS.invalidate, MESSAGE.replace('"seq":7', '"seq":8'))
  await until(() => seen.split('\n').length === 4)
  child.kill(signal)
  expect(await ended).toMatchObject({ status, stderr: '' })
  const events = seen.split('\n').filter((line) => line !== '')
  expect(events.map((line): unknown => JSON.parse(line))).toEqual([
    { kind: 'link', state: 'up' },
    { kind: 'message', message: expect.objectContaining({ seq: 7, target: 'flag/ff.x' }) },
    { kind: 'dropped', reason: 'forged' },
  ])
})

test.each([
  ['tail', '-subscribe', '+subscribe'],
  ['tail', 'resetchannels', '&ptt:ff:*'],
  ['stats', '-scan', '+scan'],
  ['stats', '-info', '+info'],
])('%s of a user with %s names the rule that is missing: %s', async (name, without, rule) => {
  await raw.call(...ACL_USER)
  await raw.call('acl', 'setuser', 'ff', without)
  const own = { env: { ...env, FF_REDIS_URL: withLogin(server.url) } }
  const run = await runFf(['cache', name], own)
  expect([run.status, run.stdout]).toEqual([22, ''])
  expect(run.stderr).toContain('[rights_missing')
  expect(run.stderr).toContain('(NOPERM)')
  expect(run.stderr).toContain(`ACL SETUSER ff ${rule}`)
  // The rule mends it.
  await raw.call('acl', 'setuser', 'ff', rule)
  const child = startFf(['cache', name], own)
  const ended = finished(child)
  // Its first line says that it listens.
  if (name === 'tail') child.stdout?.once('data', () => child.kill('SIGTERM'))
  expect(await ended).toMatchObject({ status: 0, stderr: '' })
})

test.each(['stats', 'tail'])('%s without a Redis says so, and shows no password', async (name) => {
  const gone = await startRedis()
  await gone.stop()
  const missing = await runFf(['cache', name])
  const url = gone.url.replace('//', '//ff:hunter2@')
  const away = await runFf(['cache', name], { env: { FF_REDIS_URL: url } })
  const bad = await runFf(['cache', name], { env: { FF_REDIS_URL: 'hunter2' } })
  expect([missing, away, bad].map(({ status }) => status)).toEqual([2, 22, 2])
  expect(missing.stderr).toContain('[target_invalid')
  expect(away.stderr).toContain('[target_unreachable')
  expect(away.stderr + bad.stderr).not.toContain('hunter2')
})
