// A service of the soak, requests to it, and what is wrong with an answer.
import { spawn } from 'node:child_process'
import { request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { SERVICE_PROBLEMS } from '../../dist/src/core/http-api/problems.js'

export const FF = fileURLToPath(new URL('../../dist/bin/ff.js', import.meta.url))
/** Seconds of FF_DRAIN_TIMEOUT, and what a process may need beyond them on a loaded machine. */
export const DRAIN_SECONDS = 5
const SPARE_MS = 5_000

export const breaches = []
export const breach = (what) => {
  if (breaches.length < 50) breaches.push(what)
}

/** A service that is killed and started again at the same port. */
export class Service {
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
        reject(new Error(`${this.name} ended ${status}: ${this.log.slice(-2_000)}`)),
      )
    })
    this.up.catch(() => undefined) // Callers that await `up` get the rejection.
    await this.up
  }
  async kill() {
    const ended = new Promise((resolve) => this.child.once('close', resolve))
    this.child.kill('SIGKILL')
    await ended
  }
  /** Ends the service by SIGTERM, and records a breach where it does not end 0 within its bound. */
  async terminate() {
    const started = Date.now()
    const ended = new Promise((resolve) => this.child.once('close', resolve))
    this.child.kill('SIGTERM')
    const late = DRAIN_SECONDS * 1_000 + SPARE_MS
    const status = await Promise.race([ended, sleep(late, 'late', { ref: false })])
    if (status === 'late') await this.kill()
    if (status !== 0)
      breach(`${this.name} ended ${status} ${Date.now() - started} ms after its SIGTERM`)
  }
}

/** Sends one request. @returns the answer; null where the connection was cut, so the outcome is unknown */
export function ask({ env }, token, { method, path, body, headers = {} }) {
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
export function judge(service, call, answer) {
  if (answer === null || answer.status < 400) return
  const what = `${service.name}: ${call.method} ${call.path} was answered ${answer.status}`
  let code = null
  try {
    const problem = JSON.parse(answer.text)
    code = problem.code ?? problem.errorCode ?? problem.status
  } catch {
    breach(`${what} with ${answer.text.slice(0, 200)}`)
  }
  const undeclared = answer.status >= 500 && SERVICE_PROBLEMS[code]?.[0] !== answer.status
  if (undeclared || code === 'internal') breach(`${what} ${answer.text}`)
}
