// npm run soak [-- SECONDS [SEED]]: a property run over the HTTP API, on a file store, on PostgreSQL, on PostgreSQL through
// PgBouncer, and on a primary with a standby, at once. It requires: no undeclared status of 500 or more, no bug in the
// log, no lost acknowledged change, no change without its audit record, no decision that follows from no row, and an end
// within its bound at each SIGTERM. Meanwhile anonymous floods run, services are killed, databases freeze, and the standby
// is promoted; each of these happens at least once. Exits 1 where a property does not hold.
import { spawnSync } from 'node:child_process'
import { randomBytes, randomInt } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { LoopbackJwks } from '../../dist/src/adapters/auth/loopback-jwks.js'
import { createStore } from '../../dist/src/adapters/file-store/file-store.js'
import { startEmbedded } from '../../dist/src/adapters/postgres/embedded.js'
import { toPublicJwk } from '../../dist/src/core/text/jwk.js'
import { generateSigningKey, signClaims } from '../../dist/src/adapters/jose/compact.js'
import { readAuditTrail } from './audit-trail.mjs'
import { freeze, startPair, startPooler } from './databases.mjs'
import { flood } from './floods.mjs'
import { ask, breach, breaches, DRAIN_SECONDS, FF, Service } from './service.mjs'
import { checkAudit, FLAGS, work } from './workers.mjs'

const SECONDS = Number(process.argv[2] ?? 600)
const WORKERS = 8
const FROZEN_MS = 3_000
const LONGEST_PAUSE_MS = 10_000
/** Longer than FF_REQUEST_TIMEOUT: by then no request of a flood is left. */
const IDLE_WITHIN_MS = 30_000
const seed = Number(process.argv[3] ?? randomInt(2 ** 31))

const FLAG = {
  value_type: 'number',
  default_value: 0,
  safe_value: 0,
  sensitive: false,
  required_auth: 'any',
  state: 'active',
  description: '',
  owner: '',
}

/** Starts a service, and creates the flags of its callers. */
async function begin(service, token) {
  await service.start()
  for (const flag of FLAGS) {
    const call = { method: 'PUT', path: `/v1/flags/${flag}`, body: JSON.stringify(FLAG) }
    const answer = await ask(service, token, call)
    if (answer?.status !== 201) throw new Error(`${service.name} has no ${flag}: ${answer?.text}`)
  }
}

/** Runs the callers and the floods of one service, and checks what is left. @returns a line of counts */
async function run(service, token, { readTrail, until }) {
  const counters = {
    applied: new Set(),
    refused: new Set(),
    hostile: 0,
    decided: 0,
    stale: 0,
    away: 0,
  }
  const workers = Array.from({ length: WORKERS }, (_, id) =>
    work(service, token, { id, seed, until, counters }),
  )
  const [rounds, models] = await Promise.all([flood(service, until), Promise.all(workers)])
  await checkIdle(service)
  await service.terminate()
  const bug = /[^\n]*("level":"error"[^\n]*"bug"|Unhandled|uncaught)[^\n]*/i.exec(service.log)?.[0]
  if (bug !== undefined) breach(`${service.name} logged ${bug}`)
  checkAudit(service, await readTrail(), { counters, models })
  const { applied, refused, ...numbers } = counters
  const counts = { applied: applied.size, refused: refused.size, ...numbers, floods: rounds }
  const words = Object.entries(counts).map(([name, count]) => `${count} ${name}`)
  return `${service.name}: ${words.join(', ')}, ${service.starts} starts`
}

/** Records a breach where requests are in flight although none is sent. */
async function checkIdle(service) {
  const deadline = Date.now() + IDLE_WITHIN_MS
  let inFlight
  do {
    const metrics = await ask(service, null, { method: 'GET', path: '/metrics' })
    inFlight = /^ff_http_requests_in_flight (\d+)$/m.exec(metrics?.text ?? '')?.[1]
    if (inFlight === '0') return
    await sleep(200)
  } while (Date.now() < deadline)
  breach(`${service.name} has ${inFlight} requests in flight, and none is sent`)
}

/** Runs every disturbance once, and again until the end, one after the other. @returns how often each ran */
async function disturb(steps, ended) {
  const counts = Object.fromEntries(Object.keys(steps).map((name) => [name, 0]))
  const pause = Math.min(LONGEST_PAUSE_MS, (SECONDS * 500) / Object.keys(steps).length)
  for (let round = 0; round === 0 || Date.now() < ended; round += 1)
    for (const [name, step] of Object.entries(steps)) {
      if (round > 0 && Date.now() + pause >= ended) return counts
      await sleep(pause)
      if ((await step(round)) === false) continue
      counts[name] += 1
      process.stdout.write(`${Math.round((Date.now() - started) / 1000)} s: ${name}\n`)
    }
  return counts
}

const place = mkdtempSync(join(tmpdir(), 'ff-soak-'))
const key = await generateSigningKey()
const keys = await LoopbackJwks.start({ behaviour: 'up', keys: [toPublicJwk(key)] })
const server = await startEmbedded()
const pair = await startPair(place)
const { host } = server.database.config
const port = 20_000 + randomInt(10_000)
const APP = 'soak_app'
const pooler = await startPooler(place, { host, port: port + 9, user: APP })

const toConfig = (at, database) => ({ host: at, user: 'postgres', database })
const toUrl = (hosts, role, database) =>
  `postgres://${role}@/${database}?host=${hosts.map(encodeURIComponent).join(',')}`
/** Creates and migrates a database, and the role of the service. */
async function prepare(at, database) {
  const admin = new pg.Client(toConfig(at, 'postgres'))
  await admin.connect()
  await admin.query(`CREATE DATABASE ${database}`)
  const env = { ...process.env, FF_DATABASE_URL: toUrl([at], 'postgres', database) }
  const { status, stderr } = spawnSync(process.execPath, [FF, 'migrate', 'up'], { env })
  if (status !== 0) throw new Error(String(stderr))
  const { rowCount } = await admin.query('SELECT FROM pg_roles WHERE rolname = $1', [APP])
  if (rowCount === 0) await admin.query(`CREATE ROLE ${APP} LOGIN IN ROLE ff_app`)
  await admin.end()
}
await prepare(host, 'direct')
await prepare(host, 'pooled')
await prepare(pair.primary.host, 'paired')
writeFileSync(join(place, 'digest.key'), randomBytes(32), { mode: 0o600 })
await createStore(join(place, 'store'))

const env = {
  FF_DRAIN_DELAY: '0',
  FF_DRAIN_TIMEOUT: String(DRAIN_SECONDS),
  FF_JWKS_URL: keys.url.href,
  FF_JWT_ISSUER: keys.origin,
  FF_STORE_DIR: join(place, 'store'),
  FF_AUDIT_DIGEST_KEY_FILE: join(place, 'digest.key'),
}
const onDatabase = (name, at, FF_DATABASE_URL) =>
  new Service(name, { ...env, FF_BACKING: 'db', FF_LISTEN: at, FF_DATABASE_URL })
const at = (offset) => `127.0.0.1:${port + offset}`
const services = {
  file: new Service('file', { ...env, FF_BACKING: 'file', FF_LISTEN: at(0) }),
  db: onDatabase('db', at(1), toUrl([host], APP, 'direct')),
  pooled: onDatabase('pooled', at(2), `postgres://${APP}@127.0.0.1:${port + 9}/pooled`),
  paired: onDatabase('paired', at(3), toUrl([pair.primary.host, pair.standby.host], APP, 'paired')),
}
const scope = 'ff:registry:read ff:registry:write ff:override:write ff:tenant:any ff:evaluate:any'
const claims = { iss: keys.origin, aud: 'pty-feature-flags', sub: 'U1', tid: 'T1', scope }
const token = await signClaims(
  { ...claims, exp: Math.floor(Date.now() / 1000) + SECONDS + 36_000 },
  key,
)

const killed = (service) => () => service.kill().then(() => service.start())
const terminated = (service) => () => service.terminate().then(() => service.start())
const STEPS = {
  'SIGKILL file': killed(services.file),
  freeze: () => freeze(server, FROZEN_MS),
  promotion: (round) => round === 0 && pair.promote(),
  'SIGKILL pooled': killed(services.pooled),
  'SIGTERM file': terminated(services.file),
  'SIGKILL db': killed(services.db),
  'SIGTERM while frozen': async () => {
    const frozen = freeze(server, FROZEN_MS)
    await services.db.terminate()
    await frozen
    await services.db.start()
  },
  'SIGTERM pooled': terminated(services.pooled),
  'SIGKILL paired': killed(services.paired),
}

process.stdout.write(`seed ${seed}, ${SECONDS} s\n`)
await Promise.all(Object.values(services).map((one) => begin(one, token)))
const started = Date.now()
const ended = started + SECONDS * 1000
let disturbed = null
const until = () => (disturbed === null ? Infinity : ended)
const read = async (config) => {
  const sql = new pg.Client(config)
  await sql.connect()
  const trail = await readAuditTrail({ sql })
  await sql.end()
  return trail
}
const TRAILS = {
  file: () => readAuditTrail({ folder: join(place, 'store') }),
  db: () => read(toConfig(host, 'direct')),
  pooled: () => read(toConfig(host, 'pooled')),
  paired: () => read(toConfig(pair.standby.host, 'paired')),
}
const [counts, ...summaries] = await Promise.all([
  disturb(STEPS, ended).then((found) => (disturbed = found)),
  ...Object.entries(services).map(([name, service]) =>
    run(service, token, { readTrail: TRAILS[name], until }),
  ),
])
await pooler.stop()
await pair.stop()
await server.stop()
await keys.close()
rmSync(place, { recursive: true })
const steps = Object.entries(counts).map(([name, count]) => `${count} x ${name}`)
process.stdout.write(
  `${[...summaries, steps.join(', '), ...breaches].join('\n')}\n${breaches.length === 0 ? 'All properties hold.' : 'A property does not hold.'}\n`,
)
process.exitCode = breaches.length === 0 ? 0 : 1
