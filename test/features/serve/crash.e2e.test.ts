import { LoopbackJwks } from '../../../src/adapters/auth/loopback-jwks.ts'
import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { until } from '../../commands/outcome.ts'
import { FaultProxy } from '../../faults/tcp-proxy.ts'
import { connect } from '../../support/database.ts'
import { finished, ROOT } from '../../support/run-ff.ts'
import {
  type Answer,
  ask,
  openDatabaseTarget,
  openFileTarget,
  type ServiceTarget,
  type Issuer,
  openIssuer,
  type StartedService,
  startService,
  FLAG_BODY,
} from '../../support/service.ts'
import { getAudit } from './audit-of.ts'

const FLAG = JSON.stringify({
  ...FLAG_BODY,
  value_type: 'number',
  default_value: 0,
  safe_value: 0,
  required_auth: 'any',
})
const TENANT = '/v1/flags/override/tenant/T1/ff.count'
const put = (service: StartedService, token: string, value: number): Promise<Answer> =>
  ask(service.origin, TENANT, { method: 'PUT', token, body: JSON.stringify({ value }) })
const stored = async (service: StartedService, token: string) => {
  const { text } = await ask(service.origin, TENANT, { token })
  return JSON.parse(text) as { readonly value: number; readonly revision: number }
}

let issuer: Issuer
let token = ''
beforeAll(async () => {
  issuer = await openIssuer()
  token = await issuer.token()
})
afterAll(() => issuer.close())

describe.each([
  ['file', openFileTarget],
  ['PostgreSQL 15', () => openDatabaseTarget('15')],
] as const)('%s', (_name, openCrashTarget) => {
  let crashTarget: ServiceTarget
  beforeAll(async () => {
    crashTarget = await openCrashTarget()
  })
  afterAll(() => crashTarget.remove())
  const started = (): Promise<StartedService> => startService({ ...crashTarget.env, ...issuer.env })

  test('a service killed while it writes loses no acknowledged change, and every change has its record', async () => {
    let service = await started()
    await ask(service.origin, '/v1/flags/ff.count', { method: 'PUT', token, body: FLAG })
    let acknowledged = 0
    for (const kill of [3, 19, 31]) {
      const doomed = service
      const before = acknowledged
      let value = acknowledged
      const writers = Array.from({ length: 4 }, async () => {
        for (;;) {
          value += 1
          const answer = await put(doomed, token, value)
          expect(answer.status).toBeLessThan(300)
          acknowledged += 1
        }
      })
      await until('some writes', () => Promise.resolve(acknowledged >= before + 3))
      await sleep(kill)
      const ended = doomed.stop('SIGKILL')
      // Every writer ends by the kill; an earlier failure is a failed expectation.
      for (const { status } of await Promise.allSettled(writers)) expect(status).toBe('rejected')
      await ended
      service = await started()
      const { revision } = await stored(service, token)
      const { records, whole } = await getAudit(crashTarget)
      const written = records.filter(({ target }) => target === 'tenant/T1/ff.count')
      expect(whole).toBe(true)
      // A request in flight was written with its record, or not at all.
      expect(written).toHaveLength(revision)
      expect(revision).toBeGreaterThanOrEqual(acknowledged)
      expect(revision).toBeLessThanOrEqual(acknowledged + 4)
      expect(written.at(-1)?.after).toMatchObject({ revision })
      acknowledged = revision
    }
    expect((await service.stop()).status).toBe(0)
    expect(acknowledged).toBeGreaterThan(5)
  })

  test('on SIGTERM the service answers all requests in flight and accepts no more', async () => {
    const service = await started()
    const asked = Array.from({ length: 40 }, (_, at) => put(service, token, at))
    await sleep(15)
    const ended = service.stop()
    const answers = await Promise.allSettled(asked)
    // Each request was answered or never connected: none was cut off.
    for (const answer of answers) {
      if (answer.status === 'fulfilled') expect(answer.value.status).toBe(200)
      else expect(answer.reason).toMatchObject({ code: 'ECONNREFUSED' })
    }
    expect(answers.some(({ status }) => status === 'fulfilled')).toBe(true)
    expect((await ended).status).toBe(0)
    await expect(ask(service.origin, '/health/live')).rejects.toMatchObject({
      code: 'ECONNREFUSED',
    })
  })
})

describe('a database', () => {
  let crashTarget: ServiceTarget
  let service: StartedService
  beforeAll(async () => {
    crashTarget = await openDatabaseTarget('15')
    // The last known rows never decide here.
    service = await startService({ ...crashTarget.env, ...issuer.env, FF_STALE_MAX: '0' })
    await ask(service.origin, '/v1/flags/ff.count', { method: 'PUT', token, body: FLAG })
  })
  afterAll(async () => {
    await service.stop()
    await crashTarget.remove()
  })
  const admin = async (sql: string): Promise<void> => {
    const client = await connect('15')
    try {
      await client.query(sql)
    } finally {
      await client.end()
    }
  }
  const name = (): string => crashTarget.database?.database ?? ''
  const getCode = ({ text }: Answer): string => (JSON.parse(text) as { code: string }).code

  test('that drops every connection is reconnected at once', async () => {
    expect((await put(service, token, 1)).status).toBe(201)
    await admin(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${name()}'`,
    )
    await sleep(50)
    expect(
      (await ask(service.origin, '/v1/flags/evaluate', { token, body: '{"flag_key":"ff.count"}' }))
        .status,
    ).toBe(200)
    expect((await put(service, token, 2)).status).toBe(200)
  })

  test('that takes no connections makes the service not ready, and requests are refused until it is back', async () => {
    await admin(`ALTER DATABASE ${name()} ALLOW_CONNECTIONS false`)
    await admin(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${name()}'`,
    )
    await sleep(50)
    const asked = await ask(service.origin, '/v1/flags/evaluate', {
      token,
      body: '{"flag_key":"ff.count"}',
    })
    expect(asked.status).toBe(503)
    expect(asked.headers['retry-after']).toBe('1')
    const ready = await ask(service.origin, '/health/ready')
    expect(ready.status).toBe(503)
    expect(JSON.parse(ready.text)).toMatchObject({ dependencies: { store: { state: 'down' } } })
    expect((await ask(service.origin, '/health/live')).status).toBe(200)
    await admin(`ALTER DATABASE ${name()} ALLOW_CONNECTIONS true`)
    // Where the breaker has opened meanwhile, a read tries again half a second later.
    await expect.poll(async () => (await put(service, token, 3)).status).toBe(200)
    expect((await ask(service.origin, '/health/ready')).status).toBe(200)
  })

  test('that is read-only refuses changes with target_read_only, and is still read', async () => {
    await admin(`ALTER DATABASE ${name()} SET default_transaction_read_only = on`)
    await admin(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${name()}'`,
    )
    await sleep(50)
    const before = await stored(service, token)
    const answer = await put(service, token, 9)
    expect([answer.status, getCode(answer)]).toEqual([503, 'target_read_only'])
    // S13: readiness names it; decisions are served.
    const ready = await ask(service.origin, '/health/ready')
    expect([ready.status, JSON.parse(ready.text)]).toMatchObject([
      200,
      {
        status: 'degraded',
        dependencies: {
          store: { state: 'up' },
          changes: { state: 'down', detail: 'target_read_only' },
        },
      },
    ])
    expect(await stored(service, token)).toEqual(before)
    await admin(`ALTER DATABASE ${name()} RESET default_transaction_read_only`)
    await admin(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${name()}'`,
    )
    await sleep(50)
    expect((await put(service, token, 9)).status).toBe(200)
    expect((await ask(service.origin, '/health/ready')).text).toContain('"status":"ready"')
  })
})

test('S7: a database that stops answering gets 503 within the deadline, then at once, until it answers', async () => {
  const target = await openDatabaseTarget('18')
  const { config, database = '' } = target.database ?? {}
  const proxy = await FaultProxy.to({ path: `${config?.host ?? ''}/.s.PGSQL.5432` })
  const [, username = ''] = /\/\/([^@]+)@/.exec(target.env['FF_DATABASE_URL'] ?? '') ?? []
  const FF_DATABASE_URL = `postgres://${username}@127.0.0.1:${proxy.port}/${database}`
  const service = await startService({
    ...target.env,
    FF_DATABASE_URL,
    FF_STORE_DEADLINE: '0.5',
    FF_STALE_MAX: '0',
  })
  const evaluate = async (): Promise<readonly [status: number, ms: number]> => {
    const since = performance.now()
    const { status } = await ask(service.origin, '/v1/flags/evaluate', { body: '{"all":true}' })
    return [status, performance.now() - since]
  }
  const ready = async (): Promise<number> => (await ask(service.origin, '/health/ready')).status
  try {
    expect((await evaluate())[0]).toBe(200)
    await proxy.set({ kind: 'blackhole', direction: 'both' })
    const first = await Promise.all(Array.from({ length: 10 }, evaluate))
    for (const [status, ms] of first) {
      expect(status).toBe(503)
      expect(ms).toBeLessThan(2_000)
    }
    // The breaker is open: one read in a while is tried, the others are refused at once.
    const times: number[] = []
    for (let at = 0; at < 20; at += 1) {
      const [status, ms] = await evaluate()
      expect(status).toBe(503)
      times.push(ms)
    }
    expect(times.toSorted((a, b) => a - b)[10]).toBeLessThan(250)
    expect(await ready()).toBe(503)
    expect((await ask(service.origin, '/health/live')).status).toBe(200)
    await proxy.set({ kind: 'reset' })
    await proxy.set({ kind: 'none' })
    await expect.poll(async () => (await evaluate())[0], { timeout: 10_000 }).toBe(200)
    await expect.poll(ready, { timeout: 10_000 }).toBe(200)
  } finally {
    expect((await service.stop()).status).toBe(0)
    await proxy.close()
    await target.remove()
  }
})

test('S13: keys that were never loaded are named, and the service is not ready', async () => {
  const keys = { FF_JWKS_URL: 'http://127.0.0.1:9', FF_JWT_ISSUER: 'https://idp.example' }
  const service = await startService(keys)
  const { status, text } = await ask(service.origin, '/health/ready')
  expect([status, JSON.parse(text)]).toMatchObject([
    503,
    { status: 'not_ready', dependencies: { keys: { state: 'down', detail: 'never_loaded' } } },
  ])
  const { stderr } = await service.stop()
  expect(stderr).toContain('"keys":"unreachable"')
})

test('S13: a key set without a usable key is named, and anonymous decisions go on', async () => {
  const keys = await LoopbackJwks.start({ behaviour: 'up', keys: [] })
  const env = { FF_JWKS_URL: keys.url.href, FF_JWT_ISSUER: keys.origin }
  const service = await startService(env)
  const { status, text } = await ask(service.origin, '/health/ready')
  expect([status, JSON.parse(text)]).toMatchObject([
    200,
    { status: 'degraded', dependencies: { keys: { state: 'down', detail: 'no_usable_key' } } },
  ])
  await service.stop()
  await keys.close()
})

test('a full disk loses no change, is reported as disk_full, and is written to again after space is freed', async () => {
  const place = await mkdtemp(join(tmpdir(), 'ff-test-full-'))
  // The script runs in a mount namespace of its own, with a small tmpfs as the disk.
  const scene = join(ROOT, 'test/features/serve/full-disk.mjs')
  const child = spawn('unshare', ['-rm', process.execPath, scene, place, token], {
    env: { ...process.env, ...issuer.env },
  })
  const played = await finished(child)
  await rm(place, { recursive: true, force: true })
  expect(played.stderr).toBe('')
  const { taken, refused, code, kept, again, full, freed } = JSON.parse(played.stdout) as Record<
    string,
    unknown
  >
  expect(taken).toBeGreaterThan(0)
  expect([refused, code]).toEqual([507, 'disk_full'])
  expect(kept).toBe(taken)
  expect(again).toBe(200)
  // S13: readiness names it while it lasts.
  expect(full).toMatchObject({
    status: 'degraded',
    dependencies: { changes: { detail: 'disk_full' } },
  })
  expect(freed).toMatchObject({ status: 'ready' })
})
