import { Redis } from 'ioredis'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { CHANNELS } from '../../../src/core/cache/messages.ts'
import { until } from '../../support/until.ts'
import { type RedisServer, startRedis } from '../../support/redis.ts'
import { runFf } from '../../support/run-ff.ts'
import {
  type Answer,
  ask,
  type Issuer,
  openDatabaseTarget,
  openIssuer,
  type ServiceTarget,
  type StartedService,
  startService,
  FLAG_BODY,
} from '../../support/service.ts'

/** Three heartbeats, and the time of the request that finds it. */
const WITHIN_MS = 3_500

let target: ServiceTarget
let issuer: Issuer
let redis: RedisServer
let raw: Redis
let listener: Redis
let token = ''
let services: readonly [StartedService, StartedService]
/** Messages of the channel of invalidations. */
const messages: Record<string, unknown>[] = []

beforeAll(async () => {
  ;[target, issuer, redis] = await Promise.all([
    openDatabaseTarget('15'),
    openIssuer(),
    startRedis(),
  ])
  token = await tokenOf('U1')
  raw = new Redis(redis.url)
  raw.on('error', () => undefined)
  listener = new Redis(redis.url)
  listener.on('error', () => undefined)
  listener.on('message', (_, text) => messages.push(JSON.parse(text) as Record<string, unknown>))
  await listener.subscribe(CHANNELS.invalidate)
  const { FF_AUDIT_DIGEST_KEY_FILE: key = '' } = target.env
  const env = { ...issuer.env, ...target.env, FF_REDIS_URL: redis.url, FF_CACHE_KEY_FILE: key }
  services = await Promise.all([startService(env), startService(env)])
})
beforeEach(() => void messages.splice(0))
afterAll(async () => {
  await Promise.all(services.map((service) => service.stop()))
  raw.disconnect()
  listener.disconnect()
  await Promise.all([redis.stop(), issuer.close()])
  await target.remove()
})

const tokenOf = (sub: string): Promise<string> => issuer.token({ sub })
const send = (
  path: string,
  body: object,
  { at = 0, method = 'POST', by = token } = {},
): Promise<Answer> =>
  ask((services[at] as StartedService).origin, path, {
    method,
    token: by,
    body: JSON.stringify(body),
  })
const change = async (path: string, body: object, method = 'PUT'): Promise<void> => {
  const { status, text } = await send(path, body, { method })
  expect([200, 201], text).toContain(status)
}
const putFlag = (key: string): Promise<void> =>
  change(`/v1/flags/${key}`, {
    ...FLAG_BODY,
    value_type: 'string',
    default_value: 'default',
    safe_value: 'safe',
  })
const valueAt = async (at: number, flag_key: string, user_id = 'U1'): Promise<unknown> => {
  const { text } = await send(
    '/v1/flags/evaluate',
    { flag_key },
    { at, by: await tokenOf(user_id) },
  )
  return (JSON.parse(text) as { value: unknown }).value
}
/** Both instances hold the flag in memory and answer with this value. */
async function expectAtBoth(flag_key: string, value: string, user_id = 'U1'): Promise<void> {
  const until_ms = performance.now() + WITHIN_MS
  for (const at of [0, 1])
    await until(async () => {
      const found = await valueAt(at, flag_key, user_id)
      expect(performance.now(), `${String(found)} at instance ${at}`).toBeLessThan(until_ms)
      return found === value
    })
}
/** Keys that hold nothing valid, to see which of them are deleted. */
const plant = (...keys: readonly string[]): Promise<unknown> =>
  raw.mset(Object.fromEntries(keys.map((key) => [key, 'planted'])))
const listPlanted = async (...keys: readonly string[]): Promise<readonly string[]> => {
  const values = await raw.mget([...keys])
  return keys.filter((_, at) => values[at] === 'planted')
}

/**
 * A change deletes these keys and leaves the others. It is made again where others are missing: an instance may only then
 * end its scan for the change before, which deletes keys of every user.
 */
async function expectDeleted(
  own: readonly string[],
  others: readonly string[],
  make: () => Promise<void>,
): Promise<void> {
  await until(async () => {
    await plant(...own, ...others)
    await make()
    await until(async () => (await listPlanted(...own)).length === 0)
    return (await listPlanted(...others)).length === others.length
  })
}

test('UC-B4-08: a tenant override reaches both instances, and its keys are deleted', async () => {
  await putFlag('ff.x')
  await expectAtBoth('ff.x', 'default')
  const own = ['ptt:ff:ovr:t:{T1:ff.x}', 'ptt:ff:eval:{T1:U9:ff.x}']
  const others = ['ptt:ff:ovr:t:{T2:ff.x}', 'ptt:ff:eval:{T2:U9:ff.x}', 'ptt:ff:eval:{T1:U9:ff.z}']
  await expectDeleted(own, others, () =>
    change('/v1/flags/override/tenant/T1/ff.x', { value: 'tenant' }),
  )
  await expectAtBoth('ff.x', 'tenant')
  await until(() => messages.length >= 2)
  expect(messages[1]).toMatchObject({
    id: 'PUB-01',
    kind: 'tenant_override',
    tenant_id: 'T1',
    flag_key: 'ff.x',
    prev: messages[0]?.['seq'],
  })
})

test('UC-B4-09: a user override deletes the decisions of that user only', async () => {
  await putFlag('ff.y')
  await expectAtBoth('ff.y', 'default', 'U1001')
  const own = [
    'ptt:ff:ovr:u:{U1001:ff.y}',
    'ptt:ff:eval:{T9:U1001:ff.y}',
    'ptt:ff:eval:{T9:U1001:ff.z}',
  ]
  const others = ['ptt:ff:ovr:u:{U2:ff.y}', 'ptt:ff:eval:{T9:U2:ff.y}']
  await expectDeleted(own, others, () =>
    change('/v1/flags/override/user/U1001/ff.y', { value: 'user' }),
  )
  await expectAtBoth('ff.y', 'user', 'U1001')
  await expectAtBoth('ff.y', 'default', 'U2')
  await until(() => messages.some(({ id, user_id }) => id === 'PUB-02' && user_id === 'U1001'))
})

test('UC-B4-10: a global invalidation stays inside the prefix, once a minute an operator, on record', async () => {
  const gone = [
    'ptt:ff:flag:{ff.g}',
    'ptt:ff:ovr:t:{T1:ff.g}',
    'ptt:ff:ovr:u:{U1:ff.g}',
    'ptt:ff:eval:{-:-:ff.g}',
  ]
  const kept = ['ptt:ff:lock:{ff.g}', 'ptt:ff:ctl:{ff.g}', 'ptt:other', 'flag:{ff.g}']
  await putFlag('ff.after')
  await plant(...gone, ...kept)
  const path = '/v1/flags/cache/invalidate'
  const first = await send(path, { kind: 'global' })
  expect(first.status, first.text).toBe(200)
  const { seq } = JSON.parse(first.text) as { seq: number }
  await until(async () => (await listPlanted(...gone)).length === 0)
  expect(await listPlanted(...kept)).toEqual(kept)
  await until(() => messages.some((one) => one['id'] === 'PUB-04' && one['seq'] === seq))
  const again = await send(path, { kind: 'global' }, { at: 1 })
  expect([again.status, JSON.parse(again.text)]).toEqual([
    429,
    expect.objectContaining({ code: 'too_many_invalidations' }),
  ])
  expect(Number(again.headers['retry-after'])).toBeGreaterThan(0)
  expect(Number(again.headers['retry-after'])).toBeLessThanOrEqual(60)
  const other = await send(path, { kind: 'global' }, { at: 1, by: await tokenOf('U-operator') })
  expect(other.status).toBe(200)
  const unscoped = await issuer.token({ scope: 'ff:registry:write' })
  expect((await send(path, { kind: 'global' }, { by: unscoped })).status).toBe(403)
  const list = async (target: string): Promise<readonly Record<string, unknown>[]> => {
    const audit = await ask(services[0].origin, `/v1/audit?target=${target}`, { token })
    return (JSON.parse(audit.text) as { records: Record<string, unknown>[] }).records
  }
  const isRefused = ({ outcome }: Record<string, unknown>): boolean => outcome === 'refused'
  expect((await list('global')).filter((one) => !isRefused(one))).toEqual([
    expect.objectContaining({ action: 'audit.boundary', actor: 'U-operator' }),
    expect.objectContaining({ action: 'audit.boundary', actor: 'U1', seq, outcome: 'applied' }),
  ])
  // Refusals are recorded behind the answers.
  for (const [on, refused] of [
    ['global', 'too_many_invalidations'],
    ['*', 'scope_missing'],
  ] as const) {
    await until(async () => (await list(on)).some(isRefused))
    expect((await list(on)).filter(isRefused)).toEqual([
      expect.objectContaining({ action: 'audit.boundary', actor: 'U1', after: { refused } }),
    ])
  }
  await expectAtBoth('ff.after', 'default')
})

test('UC-B4-11: what is missed by Redis is made good within three heartbeats', async () => {
  await putFlag('ff.late')
  await expectAtBoth('ff.late', 'default')
  // The subscriptions are lost while the change is published.
  await raw.client('KILL', 'TYPE', 'pubsub')
  await change('/v1/flags/override/tenant/T1/ff.late', { value: 'missed' })
  await expectAtBoth('ff.late', 'missed')
  // A kill switch with Redis down.
  await redis.kill()
  await change('/v1/flags/ff.late/transition', { to: 'killed', reason: 'a test' }, 'POST')
  await expectAtBoth('ff.late', 'safe')
  await redis.restart()
  await change('/v1/flags/ff.late/transition', { to: 'archived', reason: 'a test' }, 'POST')
  await expectAtBoth('ff.late', 'safe')
})

test('an operator names what is invalid, and Admin an approval that has changed', async () => {
  // The subscriptions are back: those of the instances, and the one of this test.
  await until(async () => (await raw.pubsub('NUMSUB', CHANNELS.invalidate))[1] === 3)
  await plant('ptt:ff:flag:{ff.named}', 'ptt:ff:flag:{ff.kept}')
  const bodies = [
    { kind: 'flag', flag_key: 'ff.named' },
    { kind: 'user_override', user_id: 'U1', flag_key: 'ff.named' },
    { kind: 'jwks' },
  ]
  for (const body of bodies)
    expect((await send('/v1/flags/cache/invalidate', body)).status).toBe(200)
  const ref = { approval_ref: 'APP-100001-abcd' }
  expect((await send('/v1/approvals/changed', ref)).status).toBe(200)
  await until(() => messages.some(({ id }) => id === 'PUB-05'))
  expect(messages).toEqual(
    expect.arrayContaining([...bodies, ref].map((body) => expect.objectContaining(body) as object)),
  )
  await until(async () => (await listPlanted('ptt:ff:flag:{ff.named}')).length === 0)
  expect(await listPlanted('ptt:ff:flag:{ff.kept}')).toHaveLength(1)
})

test('ff cache invalidate asks the service with the token of standard input', async () => {
  const run = (what: string, input: string): ReturnType<typeof runFf> =>
    runFf(['cache', 'invalidate', what, '--service', services[1].origin], { input })
  const by = await tokenOf('U-command')
  const row = await run('tenant/T1/ff.row', `${by}\n`)
  expect(row).toMatchObject({ status: 0, stderr: '' })
  expect(row.stdout).toMatch(/^invalidated \(audit record \d+\)\n$/)
  await until(() => messages.some(({ id, flag_key }) => id === 'PUB-01' && flag_key === 'ff.row'))
  expect((await run('global', by)).status).toBe(0)
  const again = await run('global', by)
  expect([again.status, again.stderr]).toEqual([22, expect.stringContaining('Try again in')])
  const bad = [await run('everything', by), await run('jwks', ''), await run('jwks', 'x.y.z')]
  expect(bad.map(({ status }) => status)).toEqual([2, 2, 22])
  expect(bad[2]?.stderr).toContain('[service_refused')
})

test.each([
  {},
  { kind: 'flag' },
  { kind: 'global', flag_key: 'ff.x' },
  { kind: 'approval', approval_ref: 'APP-100001-abcd' },
])('%o is no invalidation', async (body) => {
  expect((await send('/v1/flags/cache/invalidate', body)).status).toBe(400)
})
