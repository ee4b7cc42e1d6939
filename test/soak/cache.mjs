// npm run soak -- cache [SECONDS [SEED]]: two instances over one database and one Redis. Writers change flags, kill
// switches and overrides; readers compare each decision with the database, by the revisions that it names. Meanwhile
// Redis, the database and one instance meet faults, each at least once. It requires: each decision is that of one state
// of the database, and of none older than the bound; at most 0.1 % of the requests fail or are answered by the last
// known rows, except while the database is away; and the cache is used again after each fault without a restart.
// Exits 1 where a property does not hold.
import { spawnSync } from 'node:child_process'
import { randomBytes, randomInt } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { LoopbackJwks } from '../../dist/src/adapters/auth/loopback-jwks.js'
import { generateSigningKey, signClaims } from '../../dist/src/adapters/jose/compact.js'
import { startEmbedded } from '../../dist/src/adapters/postgres/embedded.js'
import { STALENESS_MS } from '../../dist/src/core/feed/subscriber.js'
import { toPublicJwk } from '../../dist/src/core/text/jwk.js'
import { listFaults, Meddler } from './cache-faults.mjs'
import { buildHistory, judgeDecisions, KnownSeqs } from './cache-judge.mjs'
import { startRedis } from './redis-server.mjs'
import { breach, breaches, FF, Service } from './service.mjs'

const SECONDS = Number(process.argv[3] ?? 600)
const FLAGS = ['ff.cache.a', 'ff.cache.b', 'ff.cache.c']
const TENANTS = ['T1', 'T2']
const USERS = ['U1', 'U2']
const READERS = 3
const DEADLINE_MS = 1_000
const BOUND_MS = STALENESS_MS + DEADLINE_MS
/** After a fault of the database: its breaker, and the feed that is read anew. */
const SETTLES_MS = 3_000
const RECOVERS_MS = 15_000
const MOST_FAILED = 0.001
const LONGEST_PAUSE_MS = 8_000
/** Longer than an instance is stopped. */
const GIVE_UP_MS = 30_000

const place = mkdtempSync(join(tmpdir(), 'ff-soak-cache-'))
const key = await generateSigningKey()
const keys = await LoopbackJwks.start({ behaviour: 'up', keys: [toPublicJwk(key)] })
const server = await startEmbedded()
const { host, user, database } = server.database.config
const port = 20_000 + randomInt(10_000)
const redis = await startRedis(port)
const toUrl = (role) => `postgres://${role}@/${database}?host=${encodeURIComponent(host)}`
const migrated = spawnSync(process.execPath, [FF, 'migrate', 'up'], {
  env: { ...process.env, FF_DATABASE_URL: toUrl(user) },
})
if (migrated.status !== 0) throw new Error(String(migrated.stderr))
const sql = new pg.Pool({ host, user, database, max: 4 })
sql.on('error', () => undefined) // The server ends with the run.
await sql.query('CREATE ROLE soak_app LOGIN IN ROLE ff_app')
for (const name of ['digest.key', 'cache.key'])
  writeFileSync(join(place, name), randomBytes(32), { mode: 0o600 })
const createInstance = (at) =>
  new Service(`instance ${at}`, {
    FF_BACKING: 'db',
    FF_DATABASE_URL: toUrl('soak_app'),
    FF_REDIS_URL: redis.url,
    FF_CACHE_KEY_FILE: join(place, 'cache.key'),
    FF_AUDIT_DIGEST_KEY_FILE: join(place, 'digest.key'),
    FF_STORE_DEADLINE: String(DEADLINE_MS / 1000),
    FF_DRAIN_DELAY: '0',
    FF_JWKS_URL: keys.url.href,
    FF_JWT_ISSUER: keys.origin,
    FF_LISTEN: `127.0.0.1:${port + at}`,
  })
const instances = [createInstance(1), createInstance(2)]
const scope = 'ff:registry:read ff:registry:write ff:override:write ff:tenant:any ff:evaluate:any'
const claims = { iss: keys.origin, aud: 'pty-feature-flags', sub: 'U1', tid: 'T1', scope }
const token = await signClaims(
  { ...claims, exp: Math.floor(Date.now() / 1000) + SECONDS + 36_000 },
  key,
)

/** Sends one request. @returns status and body; null where there was no answer */
async function ask({ env }, method, path, body) {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  const options = { method, headers, signal: AbortSignal.timeout(GIVE_UP_MS) }
  if (body !== undefined) options.body = JSON.stringify(body)
  try {
    const answer = await fetch(`http://${env.FF_LISTEN}${path}`, options)
    return { status: answer.status, text: await answer.text() }
  } catch {
    return null
  }
}

const known = new KnownSeqs()
const reads = []
const counts = { asked: 0, failed: 0, declared: 0, written: 0, unwritten: 0 }
/** Until when the database is, or was a moment ago, away. */
let awayUntil = 0
let ended = false
const isAway = (at) => at < awayUntil
const flagBody = (default_value) => ({
  value_type: 'number',
  default_value,
  safe_value: -1,
  sensitive: false,
  required_auth: 'any',
  state: 'active',
  description: '',
  owner: '',
})

/** Makes changes of its own rows, now at one instance, now at the other. */
async function write(flag, at) {
  const overrides = [
    ...TENANTS.map((id) => `/v1/flags/override/tenant/${id}/${flag}`),
    ...USERS.map((id) => `/v1/flags/override/user/${id}/${flag}`),
  ]
  for (let turn = 1; !ended; turn += 1) {
    const instance = instances[(turn + at) % 2]
    const path = overrides[randomInt(overrides.length)]
    const kind = randomInt(6)
    const to = turn % 2 === 0 ? 'killed' : 'active'
    const answer =
      kind === 0
        ? await ask(instance, 'POST', `/v1/flags/${flag}/transition`, { to, reason: 'soak' })
        : kind === 1
          ? await ask(instance, 'PUT', `/v1/flags/${flag}`, flagBody(turn))
          : kind === 2
            ? await ask(instance, 'DELETE', path)
            : await ask(instance, 'PUT', path, { value: turn })
    if (answer !== null && answer.status < 300) {
      counts.written += 1
      await noteSeq()
    } else counts.unwritten += 1
    await sleep(randomInt(300))
  }
}

/** Notes the last seq of the feed, which is committed by now. */
async function noteSeq() {
  const { rows } = await sql.query('SELECT max(seq) AS seq FROM ff.feed')
  known.note(Number(rows[0].seq))
}

/** Asks one instance for decisions; keeps those that the cache or the database gave. */
async function read(instance) {
  while (!ended) {
    const flag_key = FLAGS[randomInt(FLAGS.length)]
    const [tenant_id, user_id] = [TENANTS[randomInt(2)], USERS[randomInt(2)]]
    const sent = performance.now()
    const body = { flag_key, tenant_id, user_id }
    const answer = await ask(instance, 'POST', '/v1/flags/evaluate', body)
    const decided = answer?.status === 200 ? JSON.parse(answer.text) : null
    counts.asked += 1
    if (decided === null || decided.meta.stale === true) {
      if (isAway(sent) || isAway(performance.now())) counts.declared += 1
      else counts.failed += 1
    } else {
      const targets = {
        tenant: `tenant/${tenant_id}/${flag_key}`,
        user: `user/${user_id}/${flag_key}`,
      }
      const { value, matched_scope, meta } = decided
      const { flag_revision, override_revision } = meta
      const kept = { value, matched_scope, meta: { flag_revision, override_revision } }
      reads.push({ by: instance.name, flag: `flag/${flag_key}`, ...targets, sent, decided: kept })
    }
    await sleep(randomInt(10))
  }
}

/** Decisions and rows that came from memory or Redis so far. */
async function countHits({ env }) {
  const answer = await fetch(`http://${env.FF_LISTEN}/metrics`)
  const hits = [...(await answer.text()).matchAll(/^ff_cache_hits_total\{.*\} (\d+)$/gm)]
  return hits.reduce((sum, [, count]) => sum + Number(count), 0)
}

/** Records a breach where an instance does not use its cache again. */
async function checkRecovery(name) {
  for (const instance of instances) {
    const before = await countHits(instance)
    const limit = Date.now() + RECOVERS_MS
    while ((await countHits(instance)) < before + 10) {
      if (Date.now() > limit) {
        breach(`${instance.name} does not use its cache after: ${name}`)
        break
      }
      await sleep(100)
    }
  }
}

/** Runs each fault once, and again until the end. @returns how many there were */
async function disturb(faults, until) {
  const names = Object.keys(faults)
  const pause = Math.min(LONGEST_PAUSE_MS, (SECONDS * 250) / names.length)
  let count = 0
  for (; count < names.length || Date.now() < until; count += 1) {
    await sleep(pause)
    await meddler.record().catch(() => undefined)
    const name = names[count % names.length]
    const fault = faults[name]
    if (typeof fault === 'function') await fault()
    else {
      awayUntil = Infinity
      await fault.database()
      awayUntil = performance.now() + SETTLES_MS
      await sleep(SETTLES_MS)
    }
    await checkRecovery(name)
    process.stdout.write(`${Math.round((Date.now() - started) / 1000)} s: ${name}\n`)
  }
  return count
}

for (const instance of instances) await instance.start()
for (const flag of FLAGS) {
  const answer = await ask(instances[0], 'PUT', `/v1/flags/${flag}`, flagBody(0))
  if (answer?.status !== 201) throw new Error(`no ${flag}: ${answer?.text}`)
}
const meddler = new Meddler(redis.url)
const started = Date.now()
const faults = listFaults({ redis, meddler, server, sql, instance: instances[1] })
const work = [
  ...FLAGS.map(write),
  ...instances.flatMap((one) => Array.from({ length: READERS }, () => read(one))),
]
const faultCount = await disturb(faults, started + SECONDS * 1000)
ended = true
await Promise.all(work)
const log = await sql.query('SELECT seq, target, revision, image FROM ff.change_log ORDER BY seq')
const { judged, behind } = judgeDecisions(buildHistory(log.rows), known, {
  reads,
  bound_ms: BOUND_MS,
})
const share = counts.failed / (counts.asked - counts.declared)
if (share > MOST_FAILED)
  breach(
    `${counts.failed} of ${counts.asked - counts.declared} requests failed outside of faults of the database`,
  )
if (judged === 0 || counts.written === 0) breach('nothing was compared')
for (const instance of instances) {
  await instance.terminate()
  const bug = /[^\n]*("level":"error"[^\n]*"bug"|Unhandled|uncaught)[^\n]*/i.exec(instance.log)?.[0]
  if (bug !== undefined) breach(`${instance.name} logged ${bug}`)
}
meddler.close()
await sql.end()
await redis.kill()
await server.stop()
await keys.close()
rmSync(place, { recursive: true })
const words = Object.entries(counts).map(([name, count]) => `${count} ${name}`)
process.stdout.write(
  `${[
    `${judged} decisions compared, ${behind} behind by less than ${BOUND_MS} ms; ${words.join(', ')}; ${faultCount} faults`,
    ...breaches,
  ].join('\n')}\n${breaches.length === 0 ? 'All properties hold.' : 'A property does not hold.'}\n`,
)
process.exitCode = breaches.length === 0 ? 0 : 1
