// Floods of anonymous requests: slow bodies, bodies of 24,000 members, pipelined requests that are reset, unknown paths.
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { ask, judge } from './service.mjs'

const SLOW = 20
const MEMBERS = JSON.stringify(
  Object.fromEntries(Array.from({ length: 24_000 }, (_, at) => [`member${at}`, 1])),
)
const EVALUATE = '{"flag_key":"ff.soak.a","tenant_id":"T1"}'
const head = (length) =>
  `POST /v1/flags/evaluate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n`

function openSocket({ env }) {
  const [host, port] = env.FF_LISTEN.split(':')
  const socket = connect(Number(port), host)
  socket.on('error', () => undefined) // The service may be down, or refuse the request.
  return socket.resume()
}

/** Kinds of floods: each sends one round. */
const KINDS = {
  slow: async (service) => {
    const sockets = Array.from({ length: SLOW }, () => openSocket(service))
    for (const socket of sockets) socket.write(head(1_000))
    for (let byte = 0; byte < 10; byte += 1) {
      for (const socket of sockets) socket.write('x')
      await sleep(300)
    }
    for (const socket of sockets) socket.destroy()
  },
  members: async (service) => {
    const call = { method: 'POST', path: '/v1/flags/evaluate', body: MEMBERS }
    const answer = await ask(service, null, call)
    judge(service, call, answer)
    await sleep(200)
  },
  resets: async (service) => {
    const socket = openSocket(service)
    socket.write(`${head(EVALUATE.length)}${EVALUATE}`.repeat(10))
    await sleep(Math.random() * 20)
    socket.resetAndDestroy()
    await sleep(20)
  },
  unknown: async (service) => {
    const call = { method: 'GET', path: `/nowhere/${Math.random()}` }
    judge(service, call, await ask(service, null, call))
    await sleep(10)
  },
}

/** Runs every kind against a service. @returns the number of rounds */
export async function flood(service, until) {
  let rounds = 0
  await Promise.all(
    Object.values(KINDS).map(async (send) => {
      while (Date.now() < until()) {
        await send(service)
        rounds += 1
      }
    }),
  )
  return rounds
}
