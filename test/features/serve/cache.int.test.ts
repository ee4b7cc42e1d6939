import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { until } from '../../support/until.ts'
import { type RedisServer, startRedis } from '../../support/redis.ts'
import {
  type Issuer,
  openDatabaseTarget,
  openIssuer,
  type ServiceTarget,
  FLAG_BODY,
} from '../../support/service.ts'
import { getService, type RunningService } from '../../support/service-here.ts'

let target: ServiceTarget
let issuer: Issuer
let redis: RedisServer
let raw: Redis
let token = ''
const services: RunningService[] = []

/** Two instances over one database, with the same Redis. */
async function startBoth(): Promise<void> {
  const { FF_AUDIT_DIGEST_KEY_FILE: key = '' } = target.env
  const shared = { FF_REDIS_URL: redis.url, FF_CACHE_KEY_FILE: key }
  const all = { ...issuer.env, ...target.env, ...shared }
  for (let count = 0; count < 2; count += 1) services.push(await getService({ settings: all }))
}
const call = (
  service: RunningService,
  method: string,
  path: string,
  body: object,
): Promise<Response> =>
  fetch(`${service.origin}${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
const put = async (service: RunningService, key: string, value: string): Promise<void> => {
  const response = await call(service, 'PUT', `/v1/flags/${key}`, {
    ...FLAG_BODY,
    value_type: 'string',
    default_value: value,
    safe_value: 'off',
  })
  expect(response.ok, await response.text()).toBe(true)
}
const ask = async (service: RunningService, flag_key: string): Promise<unknown> => {
  const response = await call(service, 'POST', '/v1/flags/evaluate', { flag_key })
  return ((await response.json()) as { value: unknown }).value
}
const metric = async (service: RunningService, name: string, label = ''): Promise<number> => {
  const text = await (await fetch(`${service.origin}/metrics`)).text()
  const lines = text
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
  expect(lines.length, name).toBeGreaterThan(0)
  return lines
    .filter((line) => line.includes(label))
    .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)
}
/** Each instance answers as the database, before and after changes by either of them. */
async function expectEqual(key: string): Promise<void> {
  const [one, other] = services as [RunningService, RunningService]
  for (const [at, writer] of [one, other, one].entries()) {
    const value = `${key}-${at}-${Math.random()}`
    await put(writer, key, value)
    expect(await ask(writer, key), 'read your writes').toBe(value)
    for (const service of services) await until(async () => (await ask(service, key)) === value)
  }
}

beforeAll(async () => {
  ;[target, issuer, redis] = await Promise.all([
    openDatabaseTarget('15'),
    openIssuer(),
    startRedis(),
  ])
  token = await issuer.token()
  raw = new Redis(redis.url)
  raw.on('error', () => undefined)
  await startBoth()
})
afterAll(async () => {
  await Promise.all(services.map((service) => service.close()))
  raw.disconnect()
  await Promise.all([redis.stop(), issuer.close()])
  await target.remove()
})

test('two instances share rows and decisions, and answer as the database', async () => {
  await expectEqual('ff.shared')
  const [one, other] = services as [RunningService, RunningService]
  let count = 0
  await until(async () => {
    await ask(one, `ff.unknown${(count += 1)}`)
    return (await raw.keys('ptt:ff:eval:*')).length > 0
  })
  for (let times = 0; times < 20; times += 1) await ask(one, 'ff.shared')
  expect(await metric(one, 'ff_cache_hits_total')).toBeGreaterThan(10)
  expect(await metric(other, 'ff_cache_invalidations_total')).toBeGreaterThanOrEqual(3)
})

test.each<readonly [string, () => Promise<unknown>, () => Promise<unknown>]>([
  ['down', () => redis.kill(), () => redis.restart()],
  ['hung', async () => redis.hang(), async () => redis.resume()],
  ['emptied all the time', () => raw.flushall(), () => raw.flushall()],
  ['read-only', () => raw.replicaof('127.0.0.1', 1), () => raw.replicaof('NO', 'ONE')],
  [
    'out of memory',
    () => raw.config('SET', 'maxmemory', '1'),
    () => raw.config('SET', 'maxmemory', '0'),
  ],
  [
    'behind another password',
    () => raw.acl('SETUSER', 'default', 'resetpass', '>other', '-@all'),
    () => redis.kill().then(() => redis.restart()),
  ],
  [
    'full of keys of other types',
    async () => {
      for (const namespace of ['flag', 'ovr:t', 'lock', 'ctl', 'eval'])
        for (const tag of ['ff.fault', 'T1:ff.fault', 'T1:U1:ff.fault'])
          await raw
            .multi()
            .del(`ptt:ff:${namespace}:{${tag}}`)
            .lpush(`ptt:ff:${namespace}:{${tag}}`, 'x')
            .exec()
    },
    () => raw.flushall(),
  ],
])(
  'with Redis %s the answers are those of the database, and nothing fails',
  async (_what, spoil, mend) => {
    await spoil()
    await expectEqual('ff.fault')
    await mend()
    const [one, other] = services as [RunningService, RunningService]
    const before = await metric(other, 'ff_cache_hits_total', 'level="redis"')
    // It recovers without a restart: what one instance loads, the other finds in Redis.
    await until(async () => {
      await put(one, 'ff.fault', `again-${Math.random()}`)
      for (const service of [one, other]) await ask(service, 'ff.fault')
      return (await metric(other, 'ff_cache_hits_total', 'level="redis"')) > before
    })
    await expectEqual('ff.fault')
  },
)
