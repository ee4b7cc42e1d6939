// Evaluations beside a flood of anonymous garbage, and while the database is frozen.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { freeze } from '../soak/databases.mjs'
import { sized } from './smoke.mjs'

const CONNECTIONS = 4
const SECONDS = sized(10, 1)
const GARBAGE = JSON.stringify(
  Object.fromEntries(Array.from({ length: 24_000 }, (_, at) => [`m${at}`, 1])),
)
const RATE = 100
const BEFORE_MS = sized(2_000, 500)
const FROZEN_MS = sized(5_000, 1_500)
const AFTER_MS = sized(4_000, 2_000)

/**
 * Evaluations at a rate of half of the top rate, alone and beside garbage from another process.
 *
 * @param load as of service-speed.mjs
 * @returns `share` of the rate that is left, `p99Ms` that are added, and `garbage` requests a second
 */
export async function floodedSpeed(load, service, question, topRate) {
  const paced = { duration: SECONDS, overallRate: Math.floor(topRate / 2) }
  const alone = await load(service, question, paced)
  const flood = spawn(process.execPath, [fileURLToPath(import.meta.url), service.origin], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(flood.stdout, 'data')
  const beside = await load(service, question, paced)
  let said = ''
  flood.stdout.on('data', (chunk) => (said += chunk))
  const ended = once(flood, 'close')
  flood.kill('SIGTERM')
  await ended
  const answers = Number(said)
  if (!(answers > 0)) throw new Error('no garbage was answered')
  return {
    share: beside.requests.average / alone.requests.average,
    p99Ms: beside.latency.p99 - alone.latency.p99,
    garbage: answers / SECONDS,
  }
}

/**
 * 100 evaluations a second while the server of the database stops and goes on.
 *
 * @returns milliseconds: the slowest answer, and the last stale or refused decision after the thaw
 */
export async function frozenSpeed({ origin }, { token, body }, server) {
  const started = performance.now()
  let thawed = Infinity
  const found = { slowestMs: 0, backMs: 0, stale: 0 }
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` }
  const ask = async () => {
    const sent = performance.now()
    const answer = await fetch(`${origin}/v1/flags/evaluate`, { method: 'POST', headers, body })
    const text = await answer.text()
    const now = performance.now()
    found.slowestMs = Math.max(found.slowestMs, now - sent)
    const fresh = answer.status === 200 && JSON.parse(text).meta.stale !== true
    if (fresh) return
    found.stale += 1
    found.backMs = Math.max(found.backMs, now - thawed)
  }
  const frozen = sleep(BEFORE_MS)
    .then(() => freeze(server, FROZEN_MS))
    .then(() => (thawed = performance.now()))
  const asked = []
  while (performance.now() < started + BEFORE_MS + FROZEN_MS + AFTER_MS) {
    asked.push(ask())
    await sleep(1_000 / RATE)
  }
  await Promise.all([frozen, ...asked])
  if (found.stale === 0) throw new Error('the database was not frozen')
  return found
}

/** Sends garbage until SIGTERM, then prints the number of answers. */
async function sendGarbage(origin) {
  const { hostname, port } = new URL(origin)
  const request = `POST /v1/flags/evaluate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${GARBAGE.length}\r\n\r\n${GARBAGE}`
  let [answers, running] = [0, true]
  process.once('SIGTERM', () => (running = false))
  const send = async () => {
    while (running) {
      const socket = connect(Number(port), hostname)
      socket.on('error', () => undefined) // The service closes it after a refusal.
      socket.write(request)
      await Promise.race([once(socket, 'data'), once(socket, 'close')]).catch(() => undefined)
      answers += 1
      socket.destroy()
    }
  }
  process.stdout.write('started\n')
  await Promise.all(Array.from({ length: CONNECTIONS }, send))
  process.stdout.write(String(answers))
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await sendGarbage(process.argv[2])
