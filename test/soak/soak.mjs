// npm run soak [-- SECONDS [SEED]]: a property run over the HTTP API, on a file store and on PostgreSQL at once, with
// kills and restarts. It requires: no undeclared status of 500 or more, no bug in the log, no lost acknowledged change,
// no change without its audit record. Exits 1 where one of these does not hold.
import { spawn, spawnSync } from 'node:child_process'
import { randomBytes, randomInt, randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import pg from 'pg'
import { LoopbackJwks } from '../../dist/src/adapters/auth/loopback-jwks.js'
import { createStore } from '../../dist/src/adapters/file-store/file-store.js'
import { startEmbedded } from '../../dist/src/adapters/postgres/embedded.js'
import { toPublicJwk } from '../../dist/src/core/text/jwk.js'
import { generateSigningKey, signClaims } from '../../dist/src/adapters/jose/compact.js'
import { SERVICE_PROBLEMS } from '../../dist/src/core/http-api/problems.js'
import { readAuditTrail } from './audit-trail.mjs'
import { hostile } from './requests.mjs'

const FF = fileURLToPath(new URL('../../dist/bin/ff.js', import.meta.url))
const SECONDS = Number(process.argv[2] ?? 600)
const WORKERS = 8
const KILLED_EVERY_MS = 20_000
const seed = Number(process.argv[3] ?? randomInt(2 ** 31))
const breaches = []
const breach = (what) => {
  if (breaches.length < 50) breaches.push(what)
}

/** A service that is killed and started again at the same port. */
class Service {
  constructor(name, env) {
    this.name = name
    this.env = env
    this.log = ''
    this.starts = 0
  }
  async start() {
    const child = spawn(process.execPath, [FF, 'serve'], { env: { ...process.env, ...this.env } })
    child.stderr.on('data', (chunk) => (this.log += chunk))
    this.child = child
    this.starts += 1
    this.up = new Promise((resolve, reject) => {
      child.stdout.on('data', (chunk) => /Listening on/.test(chunk) && resolve())
      child.once('close', (status) =>
        reject(new Error(`${this.name} ended ${status}: ${this.log}`)),
      )
    })
    this.up.catch(() => undefined) // Callers that await `up` get the rejection.
    await this.up
  }
  async end(signal) {
    const ended = new Promise((resolve) => this.child.once('close', (status) => resolve(status)))
    this.child.kill(signal)
    return ended
  }
}

/** Sends one request. @returns the answer; null where the connection was cut, so the outcome is unknown */
function ask({ env }, token, { method, path, body, headers = {} }) {
  const [host, port] = env.FF_LISTEN.split(':')
  return new Promise((resolve) => {
    const sent = request(
      {
        host,
        port,
        method,
        path,
        agent: false,
        headers: {
          'content-type': 'application/json',
          ...(token ? { authorization: `Bearer ${token}` } : {}),
          ...headers,
        },
      },
      (answer) => {
        let text = ''
        answer.setEncoding('utf8').on('data', (chunk) => (text += chunk))
        answer.once('end', () => resolve({ status: answer.statusCode, text }))
        answer.once('error', () => resolve(null))
      },
    )
    sent.once('error', () => resolve(null))
    sent.end(body)
  })
}

/** Records a breach where an answer is not a declared one. */
function judge(service, call, answer) {
  if (answer === null || answer.status < 400) return
  let code = null
  try {
    const problem = JSON.parse(answer.text)
    code = problem.code ?? problem.errorCode ?? problem.status
  } catch {
    breach(
      `${service.name}: ${call.method} ${call.path} was answered ${answer.status} with ${answer.text.slice(0, 200)}`,
    )
  }
  const undeclared = answer.status >= 500 && SERVICE_PROBLEMS[code]?.[0] !== answer.status
  if (undeclared || code === 'internal')
    breach(
      `${service.name}: ${call.method} ${call.path} was answered ${answer.status} ${answer.text}`,
    )
}

/** Runs one caller with rows of its own. @returns the rows that the store has to hold */
async function work(service, token, { id, until, counters }) {
  const rows = new Map(
    ['a', 'b', 'c'].map((name) => [`/v1/flags/override/tenant/T${id}/ff.soak.${name}`, null]),
  )
  const hostileRequests = fc.sample(hostile, { seed: seed + id, numRuns: 2_000 })
  for (let turn = 0; Date.now() < until(); turn += 1) {
    await service.up.catch(() => sleep(50))
    if (turn % 3 === 0) {
      const one = hostileRequests[(turn / 3) % hostileRequests.length]
      judge(service, one, await ask(service, turn % 2 === 0 ? token : null, one).catch(() => null))
      counters.hostile += 1
      continue
    }
    const path = [...rows.keys()][randomInt(rows.size)]
    await change(service, token, { path, rows, counters, value: turn })
  }
  return rows
}

/** Makes one change, and checks its answer. @param rows by path the stored revision and value; null before the first change */
async function change(service, token, { path, rows, counters, value }) {
  const stored = rows.get(path)
  const stale = value % 7 === 0 && stored !== null
  const gone = value % 5 === 0 && stored?.value != null
  const request_id = randomUUID()
  const call = {
    method: gone ? 'DELETE' : 'PUT',
    path,
    headers: {
      'x-request-id': request_id,
      ...(stale ? { 'if-match': `"${stored.revision + 5}"` } : {}),
    },
    ...(gone ? {} : { body: JSON.stringify({ value }) }),
  }
  const answer = await ask(service, token, call)
  judge(service, call, answer)
  const after = { revision: (stored?.revision ?? 0) + 1, value: gone ? null : value }
  if (answer === null) rows.set(path, await settle(service, token, { path, stored, after }))
  else if (stale) {
    if (answer.status === 412) counters.refused.add(request_id)
    else breach(`${service.name}: ${path} took a stale revision: ${answer.status}`)
  } else if (answer.status < 300) {
    const { revision } = JSON.parse(answer.text)
    if (revision !== after.revision)
      breach(`${service.name}: ${path} is at ${revision} where ${after.revision} follows`)
    counters.applied.add(request_id)
    rows.set(path, after)
  } else
    breach(`${service.name}: ${call.method} ${path} was answered ${answer.status} ${answer.text}`)
}

/** Reads the row of a request that was cut off. @returns the row before or after it, whichever is stored */
async function settle(service, token, { path, stored, after }) {
  for (let tries = 0; tries < 600; tries += 1) {
    await service.up.catch(() => undefined)
    const answer = await ask(service, token, { method: 'GET', path })
    if (answer?.status === 200) {
      const { revision, value } = JSON.parse(answer.text)
      for (const one of [stored, after])
        if (one !== null && one.revision === revision && one.value === value) return one
      breach(
        `${service.name}: ${path} holds ${answer.text}, neither ${JSON.stringify(stored)} nor ${JSON.stringify(after)}`,
      )
      return { revision, value }
    }
    // A tombstone is not readable; the revision of the next change shows which of the two is stored.
    if (answer?.status === 404) return after.value === null ? after : stored
    await sleep(50)
  }
  throw new Error(`${service.name} did not come back`)
}

async function run(service, token, readTrail) {
  await service.start()
  const flags = ['a', 'b', 'c'].map((name) => `/v1/flags/ff.soak.${name}`)
  const flag = {
    value_type: 'number',
    default_value: 0,
    safe_value: 0,
    sensitive: false,
    required_auth: 'any',
    state: 'active',
    description: '',
    owner: '',
  }
  for (const path of flags)
    await ask(service, token, { method: 'PUT', path, body: JSON.stringify(flag) })
  const end = Date.now() + SECONDS * 1000
  const counters = { applied: new Set(), refused: new Set(), hostile: 0 }
  const workers = Array.from({ length: WORKERS }, (_, id) =>
    work(service, token, { id, until: () => end, counters }),
  )
  const killer = (async () => {
    for (;;) {
      const pause = Math.min(KILLED_EVERY_MS, end - Date.now() - 3_000)
      if (pause < 1_000) return
      await sleep(pause)
      await service.end('SIGKILL')
      await service.start()
    }
  })()
  const models = await Promise.all(workers)
  await killer
  const status = await service.end('SIGTERM')
  if (status !== 0) breach(`${service.name} ended ${status}`)
  if (/"level":"error"[^\n]*"bug"|Unhandled|uncaught/i.test(service.log))
    breach(
      `${service.name} logged ${/[^\n]*(?:"bug"|Unhandled|uncaught)[^\n]*/i.exec(service.log)?.[0]}`,
    )
  checkAudit(service, await readTrail(), { counters, models })
  return `${service.name}: ${counters.applied.size} changes, ${counters.refused.size} refused, ${counters.hostile} hostile requests, ${service.starts} starts`
}

function checkAudit({ name }, { records, whole }, { counters, models }) {
  if (!whole) breach(`${name}: the audit chain is broken`)
  const counts = (outcome) => {
    const perRequest = new Map()
    for (const one of records.filter((record) => record.outcome === outcome))
      perRequest.set(one.request_id, (perRequest.get(one.request_id) ?? 0) + 1)
    return perRequest
  }
  const [applied, refused] = [counts('applied'), counts('refused')]
  for (const id of counters.applied)
    if (applied.get(id) !== 1)
      breach(`${name}: the change ${id} has ${applied.get(id) ?? 0} records`)
  for (const id of counters.refused)
    if (refused.get(id) !== 1)
      breach(`${name}: the refusal ${id} has ${refused.get(id) ?? 0} records`)
  for (const rows of models)
    for (const [path, stored] of rows) {
      const target = path.replace('/v1/flags/override/', '')
      const found = records.filter((one) => one.target === target && one.outcome === 'applied')
      if (stored !== null && found.length !== stored.revision)
        breach(`${name}: ${target} is at ${stored.revision} and has ${found.length} records`)
    }
}

const place = mkdtempSync(join(tmpdir(), 'ff-soak-'))
const key = await generateSigningKey()
const keys = await LoopbackJwks.start({ behaviour: 'up', keys: [toPublicJwk(key)] })
const server = await startEmbedded()
const { host, user, database } = server.database.config
const toUrl = (role) => `postgres://${role}@/${database}?host=${encodeURIComponent(host)}`
const migrated = spawnSync(process.execPath, [FF, 'migrate', 'up'], {
  env: { ...process.env, FF_DATABASE_URL: toUrl(user) },
})
if (migrated.status !== 0) throw new Error(String(migrated.stderr))
const admin = new pg.Client({ host, user, database })
await admin.connect()
await admin.query('CREATE ROLE soak_app LOGIN IN ROLE ff_app')
writeFileSync(join(place, 'digest.key'), randomBytes(32), { mode: 0o600 })
await createStore(join(place, 'store'))
const env = {
  FF_DRAIN_DELAY: '0',
  FF_JWKS_URL: keys.url.href,
  FF_JWT_ISSUER: keys.origin,
  FF_STORE_DIR: join(place, 'store'),
  FF_DATABASE_URL: toUrl('soak_app'),
  FF_AUDIT_DIGEST_KEY_FILE: join(place, 'digest.key'),
}
const port = 20_000 + randomInt(10_000)
const scope = 'ff:registry:read ff:registry:write ff:override:write ff:tenant:any ff:evaluate:any'
const claims = { iss: keys.origin, aud: 'pty-feature-flags', sub: 'U1', tid: 'T1', scope }
const token = await signClaims(
  { ...claims, exp: Math.floor(Date.now() / 1000) + SECONDS + 3_600 },
  key,
)
process.stdout.write(`seed ${seed}, ${SECONDS} s\n`)
const summaries = await Promise.all([
  run(
    new Service('file', { ...env, FF_BACKING: 'file', FF_LISTEN: `127.0.0.1:${port}` }),
    token,
    () => readAuditTrail({ folder: join(place, 'store') }),
  ),
  run(
    new Service('db', { ...env, FF_BACKING: 'db', FF_LISTEN: `127.0.0.1:${port + 1}` }),
    token,
    () => readAuditTrail({ sql: admin }),
  ),
])
await admin.end()
await server.stop()
await keys.close()
rmSync(place, { recursive: true })
process.stdout.write(
  `${[...summaries, ...breaches].join('\n')}\n${breaches.length === 0 ? 'All properties hold.' : 'A property does not hold.'}\n`,
)
process.exitCode = breaches.length === 0 ? 0 : 1
