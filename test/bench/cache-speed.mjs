// The cache over HTTP, against bare fastify in one run, and how fast and how surely a change is seen.
import { spawnSync } from 'node:child_process'
import { randomBytes, randomInt } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Redis } from 'ioredis'
import pg from 'pg'
import { LoopbackJwks } from '../../dist/src/adapters/auth/loopback-jwks.js'
import { generateSigningKey, signClaims } from '../../dist/src/adapters/jose/compact.js'
import { startEmbedded } from '../../dist/src/adapters/postgres/embedded.js'
import { connectRedis } from '../../dist/src/adapters/redis/connect-redis.js'
import { listValueKeys } from '../../dist/src/core/cache/keys.js'
import { toPublicJwk } from '../../dist/src/core/text/jwk.js'
import { startRedis } from '../soak/redis-server.mjs'
import { load, started } from './service-speed.mjs'
import { sized } from './smoke.mjs'

const FF = fileURLToPath(new URL('../../dist/bin/ff.js', import.meta.url))
const BARE = fileURLToPath(new URL('bare-fastify.mjs', import.meta.url))
const ROUNDS = sized(3, 1)
const SECONDS = sized(5, 1)
/** Keys that are each asked for once, so that memory holds none of them. */
const KEYS = sized(20_000, 300)
/** Least share of them that Redis gives; on a machine with other load its deadline passes now and then. */
const FROM_REDIS = sized(0.9, 0.3)
const CALLERS = 1_000
const COLD = sized(10, 2)
const CHANGES = sized(300, 10)
const RACES = sized(10_000, 200)
const LISTENERS = sized(1_000, 50)
const SETTLE_MS = sized(3_000, 500)
const median = (numbers) => quantile(numbers, 0.5)
const quantile = (numbers, share) =>
  numbers.toSorted((a, b) => a - b)[
    Math.min(numbers.length - 1, Math.floor(numbers.length * share))
  ]

/**
 * Lends the environment of instances over one database and one Redis, and a token; removes all of it afterwards.
 *
 * @param nodeArgs options of Node for the instances, such as `--cpu-prof`
 */
export async function withPlace(use, nodeArgs = []) {
  const place = mkdtempSync(join(tmpdir(), 'ff-bench-cache-'))
  const key = await generateSigningKey()
  const keys = await LoopbackJwks.start({ behaviour: 'up', keys: [toPublicJwk(key)] })
  const server = await startEmbedded()
  const redis = await startRedis(20_000 + randomInt(10_000))
  const stops = []
  try {
    for (const name of ['digest.key', 'cache.key'])
      writeFileSync(join(place, name), randomBytes(32), { mode: 0o600 })
    const { host, user, database } = server.database.config
    const url = (role) => `postgres://${role}@/${database}?host=${encodeURIComponent(host)}`
    const { status, stderr } = spawnSync(process.execPath, [FF, 'migrate', 'up'], {
      env: { ...process.env, FF_DATABASE_URL: url(user) },
    })
    if (status !== 0) throw new Error(String(stderr))
    const admin = new pg.Client({ host, user, database })
    await admin.connect()
    await admin.query('CREATE ROLE bench_app LOGIN IN ROLE ff_app')
    await admin.end()
    const env = {
      FF_BACKING: 'db',
      FF_DATABASE_URL: url('bench_app'),
      FF_AUDIT_DIGEST_KEY_FILE: join(place, 'digest.key'),
      FF_JWKS_URL: keys.url.href,
      FF_JWT_ISSUER: keys.origin,
      FF_DRAIN_DELAY: '0',
      FF_LISTEN: '127.0.0.1:0',
      FF_MAX_IN_FLIGHT: '5000',
      FF_MAX_ARRIVING: '5000',
      FF_MAX_ARRIVING_PER_PEER: '5000',
      FF_MAX_LISTENERS_PER_PEER: '1000',
    }
    const cached = { FF_REDIS_URL: redis.url, FF_CACHE_KEY_FILE: join(place, 'cache.key') }
    const start = async (args, more) => {
      const service = await started(args, more)
      stops.push(service.stop)
      return service
    }
    const scope = 'ff:registry:read ff:registry:write ff:evaluate:any ff:tenant:any'
    const claims = { iss: keys.origin, aud: 'pty-feature-flags', sub: 'U1', tid: 'T1', scope }
    const token = await signClaims({ ...claims, exp: Math.floor(Date.now() / 1000) + 36_000 }, key)
    return await use({
      token,
      redis,
      startBare: (answer) => start([BARE, answer]),
      startCached: () => start([...nodeArgs, FF, 'serve'], { ...env, ...cached }),
      startPlain: () => start([...nodeArgs, FF, 'serve'], env),
    })
  } finally {
    for (const stop of stops) await stop()
    await redis.kill()
    await server.stop()
    await keys.close()
    rmSync(place, { recursive: true })
  }
}

/** The text of an answer. @throws where it is not a success */
export const call = async (
  { origin },
  token,
  { method = 'POST', path = '/v1/flags/evaluate', body },
) => {
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` }
  const answer = await fetch(origin + path, { method, headers, body: JSON.stringify(body) })
  const text = await answer.text()
  if (!answer.ok) throw new Error(`${path} was answered ${answer.status} ${text}`)
  return text
}
/** Changes a flag. */
export const put = (service, token, { flag, value }) =>
  call(service, token, {
    method: 'PUT',
    path: `/v1/flags/${flag}`,
    body: {
      value_type: 'number',
      default_value: value,
      safe_value: 0,
      sensitive: false,
      required_auth: 'any',
      state: 'active',
      description: '',
      owner: '',
    },
  })
const read = async ({ origin }, name, label = '') => {
  const text = await (await fetch(`${origin}/metrics`)).text()
  const lines = text.split('\n').filter((line) => line.startsWith(name) && line.includes(label))
  return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)
}

/** Requests a second from memory, and from Redis with keys that memory has never held. @returns both, and those of bare fastify */
async function measureHits({ token, startBare, startCached }) {
  const warm = await startCached()
  await put(warm, token, { flag: 'ff.bench.hit', value: 1 })
  const body = JSON.stringify({ flag_key: 'ff.bench.hit' })
  const question = { token, body }
  const bare = await startBare(await call(warm, token, { body: { flag_key: 'ff.bench.hit' } }))
  // An instance trusts nothing before it has read the feed.
  await sleep(SETTLE_MS)
  const rates = { bare: [], local: [], shared: [] }
  for (let round = -1; round < ROUNDS; round += 1) {
    const found = {
      bare: (await load(bare, question, { duration: SECONDS })).requests.average,
      local: (await load(warm, question, { duration: SECONDS })).requests.average,
      shared: await measureShared({ token, warm, startCached, round }),
    }
    // Round -1 is a warm-up.
    if (round >= 0) for (const [name, rate] of Object.entries(found)) rates[name].push(rate)
  }
  return Object.fromEntries(Object.entries(rates).map(([name, all]) => [name, median(all)]))
}

async function measureShared({ token, warm, startCached, round }) {
  // Half of the keys let the new process compile its code first.
  const askFor = (service, first, amount) => {
    let at = first
    const next = (request) => {
      const body = JSON.stringify({ flag_key: 'ff.bench.hit', user_id: `U${round + 1}-${at++}` })
      return { ...request, body }
    }
    const requests = [{ method: 'POST', path: '/v1/flags/evaluate', setupRequest: next }]
    return load(service, { token, body: '' }, { amount, requests })
  }
  await askFor(warm, 0, 2 * KEYS)
  const cold = await startCached()
  await askFor(cold, 0, KEYS)
  const before = await read(cold, 'ff_cache_hits_total', 'redis')
  const begun = performance.now()
  await askFor(cold, KEYS, KEYS)
  const seconds = (performance.now() - begun) / 1000
  const hits = (await read(cold, 'ff_cache_hits_total', 'redis')) - before
  await cold.stop()
  if (hits < FROM_REDIS * KEYS) throw new Error(`${hits} of ${KEYS} keys came from Redis`)
  return KEYS / seconds
}

/** The most loads of one key that two processes are asked for by many callers at once. */
async function countLoads({ token }, instances) {
  const found = []
  for (let at = 0; at < COLD; at += 1) {
    const flag = `ff.bench.cold${at}`
    await put(instances[0], token, { flag, value: at })
    await sleep(SETTLE_MS / 3)
    const count = async () =>
      (await Promise.all(instances.map((one) => read(one, 'ff_cache_loads_total')))).reduce(
        (sum, one) => sum + one,
      )
    const before = await count()
    const body = { flag_key: flag }
    await Promise.all(
      Array.from({ length: CALLERS }, (_, caller) => call(instances[caller % 2], token, { body })),
    )
    found.push((await count()) - before)
  }
  if (found.some((loads) => !(loads > 0))) throw new Error('a cold key was not loaded')
  return Math.max(...found)
}

/** The p99 in milliseconds from an acknowledged change at one instance until another one decides by it. */
async function measureVisible({ token }, [writer, reader]) {
  const took = []
  for (let value = 1; value <= CHANGES; value += 1) {
    await put(writer, token, { flag: 'ff.bench.seen', value })
    const since = performance.now()
    const body = { flag_key: 'ff.bench.seen' }
    while (JSON.parse(await call(reader, token, { body })).value !== value);
    took.push(performance.now() - since)
  }
  return quantile(took, 0.99)
}

/**
 * Readings of before a change that are stored after its invalidation, in turn with such that are stored just before.
 *
 * @returns how many old values stayed, by lease and tombstone and with a plain DEL
 */
async function countStale({ redis }) {
  const [reader, writer] = [await connectRedis(redis.url), await connectRedis(redis.url)]
  const plain = new Redis(redis.url)
  const stale = { ours: 0, plain: 0 }
  for (let seq = 1; seq <= RACES; seq += 1) {
    const value = `ptt:ff:flag:{ff.race${seq % 100}}`
    const keys = listValueKeys(value)
    const token = String(seq)
    const lease = await reader.setLease(keys.lease, token, 3_000)
    if (!lease.ok || !lease.value) throw new Error(`no lease in race ${seq}`)
    const fill = () => reader.fill(keys, { token, seq: seq - 1, text: 'old', ttlMs: 60_000 })
    const invalidate = () => writer.invalidate(keys, { seq, ttlMs: 60_000 })
    const [one, other] = seq % 2 === 0 ? [invalidate, fill] : [fill, invalidate]
    // Every third is in order; the others race.
    const first = one()
    if (seq % 3 === 0) await first
    for (const outcome of await Promise.all([first, other()]))
      if (!outcome.ok) throw new Error(`race ${seq}: ${outcome.failure}`)
    const left = await reader.get([value])
    if (!left.ok || left.value[0].kind === 'text') stale.ours += 1
    // What a reader and a writer do without lease and tombstone.
    const del = () => plain.del('plain')
    const set = () => plain.set('plain', 'old')
    await (seq % 2 === 0 ? del().then(set) : set().then(del))
    if ((await plain.get('plain')) !== null) stale.plain += 1
  }
  plain.disconnect()
  await Promise.all([reader.close(), writer.close()])
  return stale
}

const residentKb = (pid) =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])

/** How long after a change at another instance the last of many listeners hears of it, and what each costs. */
async function measureListeners({ token }, [writer, instance]) {
  await sleep(SETTLE_MS)
  const before = residentKb(instance.pid)
  const { hostname, port } = new URL(instance.origin)
  let opened = 0
  let heard = Promise.resolve()
  const sockets = []
  const listeners = Array.from({ length: LISTENERS }, async () => {
    const socket = connect(Number(port), hostname)
    sockets.push(socket)
    const head = `GET /v1/changes HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n\r\n`
    socket.write(head)
    const [answer] = await once(socket, 'data')
    if (!String(answer).startsWith('HTTP/1.1 200')) throw new Error(String(answer))
    opened += 1
    return socket
  })
  await Promise.all(listeners)
  await sleep(SETTLE_MS)
  const kilobytes = (residentKb(instance.pid) - before) / opened
  const took = []
  for (let value = 1; value <= 5; value += 1) {
    let since = Number.NaN
    const times = sockets.map(async (socket) => {
      for (;;) {
        const [text] = await once(socket, 'data')
        if (String(text).includes('refetchEvaluation')) return performance.now()
      }
    })
    heard = Promise.all(times)
    await put(writer, token, { flag: 'ff.bench.heard', value })
    since = performance.now()
    took.push(Math.max(...(await heard)) - since)
    // Past the event that repeats the last one of a burst.
    await sleep(4_500)
  }
  for (const socket of sockets) socket.destroy()
  return { milliseconds: Math.max(...took), kilobytes }
}

/**
 * Requests a second, loads of a cold key, the p99 of a change until another instance decides by it, old values after
 * races, and the event stream with many listeners.
 */
export const cacheSpeed = () =>
  withPlace(async (place) => {
    const rates = await measureHits(place)
    const cached = [await place.startCached(), await place.startCached()]
    const plain = [await place.startPlain(), await place.startPlain()]
    await sleep(SETTLE_MS)
    return {
      rates,
      loads: await countLoads(place, cached),
      visible: {
        redis: await measureVisible(place, cached),
        plain: await measureVisible(place, plain),
      },
      stale: await countStale(place),
      listeners: await measureListeners(place, plain),
    }
  })

if (process.argv[1] === fileURLToPath(import.meta.url))
  process.stdout.write(`${JSON.stringify(await cacheSpeed(), null, 2)}\n`)
