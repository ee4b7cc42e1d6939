// A served evaluation against bare fastify in one run: 32 connections on loopback, equal bodies and answer sizes.
import { spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import autocannon from 'autocannon'
import pg from 'pg'
import { LoopbackJwks } from '../../dist/src/adapters/auth/loopback-jwks.js'
import { startEmbedded } from '../../dist/src/adapters/postgres/embedded.js'
import { toPublicJwk } from '../../dist/src/core/text/jwk.js'
import { generateSigningKey, signClaims } from '../../dist/src/adapters/jose/compact.js'
import { floodedSpeed, frozenSpeed } from './hostile-speed.mjs'
import { makeStore, TENANT } from './make-store.mjs'
import { sized } from './smoke.mjs'

const FF = fileURLToPath(new URL('../../dist/bin/ff.js', import.meta.url))
const BARE = fileURLToPath(new URL('bare-fastify.mjs', import.meta.url))
const CONNECTIONS = 32
const ROUNDS = sized(3, 1)
const SECONDS = sized(5, 1)
const median = (numbers) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1]

/** Starts a server in a process of its own. */
export function started(args, env = {}) {
  const child = spawn(process.execPath, args, { env: { ...process.env, ...env } })
  let said = ''
  child.stderr.on('data', (chunk) => (said = (said + chunk).slice(-2_000)))
  return new Promise((resolve, reject) => {
    let text = ''
    child.stdout.on('data', (chunk) => {
      text += chunk
      const origin = /Listening on (\S+)/.exec(text)?.[1]
      if (origin === undefined) return
      const ended = new Promise((done) => child.once('close', done))
      resolve({ origin, pid: child.pid, stop: () => (child.kill('SIGTERM'), ended) })
    })
    child.once('close', (status) => reject(new Error(`ended ${status}: ${said}`)))
  })
}

/** Repeats one evaluation. @returns the result of autocannon @throws where an answer is not a 200 */
export async function load({ origin }, { token, body }, more) {
  const result = await autocannon({
    url: `${origin}/v1/flags/evaluate`,
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body,
    connections: CONNECTIONS,
    ...more,
  })
  if (result.non2xx > 0 || result.errors > 0 || result['2xx'] === 0)
    throw new Error(`${origin}: ${result.non2xx} refused, ${result.errors} errors`)
  return result
}

const residentMb = (pid) =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024

/** The least resident memory in MB in the first and in the second half of the requests: a leak raises the second. */
async function memory(service, question, requests) {
  const tenth = { amount: requests / 10 }
  await load(service, question, tenth) // Lets the heap reach its size.
  const early = []
  const late = []
  for (let part = 1; part < 10; part += 1) {
    await load(service, question, tenth)
    ;(part < 5 ? early : late).push(residentMb(service.pid))
  }
  return { early: Math.min(...early), late: Math.min(...late) }
}

/**
 * Lends the measured services and the question; removes all of it afterwards.
 *
 * @param nodeArgs options of Node for the services, such as `--cpu-prof`
 */
export async function withServices(use, nodeArgs = []) {
  const place = mkdtempSync(join(tmpdir(), 'ff-bench-serve-'))
  const key = await generateSigningKey()
  const keys = await LoopbackJwks.start({ behaviour: 'up', keys: [toPublicJwk(key)] })
  const server = await startEmbedded()
  const stops = []
  try {
    const { folder, keys: flags } = makeStore(join(place, 'store'), { tenants: 10, flags: 100 })
    writeFileSync(join(place, 'digest.key'), randomBytes(32), { mode: 0o600 })
    const { host, user, database } = server.database.config
    const url = (role) => `postgres://${role}@/${database}?host=${encodeURIComponent(host)}`
    for (const args of [
      ['migrate', 'up'],
      ['import', folder],
    ]) {
      const { status, stderr } = spawnSync(process.execPath, [FF, ...args], {
        env: { ...process.env, FF_DATABASE_URL: url(user) },
      })
      if (status !== 0) throw new Error(String(stderr))
    }
    const admin = new pg.Client({ host, user, database })
    await admin.connect()
    await admin.query('CREATE ROLE bench_app LOGIN IN ROLE ff_app')
    await admin.end()
    const env = {
      FF_DRAIN_DELAY: '0',
      FF_LISTEN: '127.0.0.1:0',
      FF_JWKS_URL: keys.url.href,
      FF_JWT_ISSUER: keys.origin,
      FF_STORE_DIR: folder,
      FF_DATABASE_URL: url('bench_app'),
      FF_AUDIT_DIGEST_KEY_FILE: join(place, 'digest.key'),
    }
    const claims = { iss: keys.origin, aud: 'pty-feature-flags', sub: 'U1', tid: TENANT }
    const token = await signClaims({ ...claims, exp: Math.floor(Date.now() / 1000) + 36_000 }, key)
    const question = { token, body: JSON.stringify({ flag_key: flags[0] }) }
    const file = await started([...nodeArgs, FF, 'serve'], { ...env, FF_BACKING: 'file' })
    const db = await started([...nodeArgs, FF, 'serve'], { ...env, FF_BACKING: 'db' })
    stops.push(file.stop, db.stop)
    const answer = await fetch(`${file.origin}/v1/flags/evaluate`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body: question.body,
    })
    const bare = await started([BARE, await answer.text()])
    stops.push(bare.stop)
    return await use({ bare, file, db }, question, server)
  } finally {
    for (const stop of stops) await stop()
    await server.stop()
    await keys.close()
    rmSync(place, { recursive: true })
  }
}

/**
 * Requests a second, p99 in milliseconds at half of each service's top rate, memory over `requests` requests, and what a
 * flood of garbage and a frozen database change.
 */
export const serviceSpeed = (requests = sized(1_000_000, 2_000)) =>
  withServices(async (services, question, server) => {
    const rates = { bare: [], file: [], db: [] }
    for (let round = -1; round < ROUNDS; round += 1)
      for (const [name, service] of Object.entries(services)) {
        const { requests: done } = await load(service, question, { duration: SECONDS })
        if (round >= 0) rates[name].push(done.average) // Round -1 is a warm-up.
      }
    const top = Object.fromEntries(Object.entries(rates).map(([name, all]) => [name, median(all)]))
    const p99 = {}
    for (const name of ['file', 'db']) {
      const paced = { duration: SECONDS, overallRate: Math.floor(top[name] / 2) }
      p99[name] = (await load(services[name], question, paced)).latency.p99
    }
    const flooded = await floodedSpeed(load, services.file, question, top.file)
    const frozen = await frozenSpeed(services.db, question, server)
    return { top, p99, flooded, frozen, memory: await memory(services.file, question, requests) }
  })

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const requests = Number(process.argv[2] ?? 100_000)
  process.stdout.write(`${JSON.stringify(await serviceSpeed(requests), null, 2)}\n`)
}
