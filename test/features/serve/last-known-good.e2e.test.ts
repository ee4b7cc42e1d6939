import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type EmbeddedServer, startEmbedded } from '../../../src/adapters/postgres/embedded.ts'
import { spawnFf } from '../../support/run-ff.ts'
import {
  type Answer,
  ask,
  type Issuer,
  openIssuer,
  startService,
  FLAG_BODY,
} from '../../support/service.ts'

/** From the first request that meets the frozen database to its answer, and from the thaw to a fresh one. */
const MOST_MS = 1_100
const BACK_MS = 1_000

let server: EmbeddedServer
let issuer: Issuer
let folder = ''
beforeAll(async () => {
  ;[server, issuer, folder] = await Promise.all([
    startEmbedded(),
    openIssuer(),
    mkdtemp(join(tmpdir(), 'ff-test-known-')),
  ])
  await writeFile(join(folder, 'digest.key'), randomBytes(32), { mode: 0o600 })
  const up = await spawnFf(['migrate', 'up'], { env: { FF_DATABASE_URL: url('postgres') } })
  expect(up.stderr).toBe('')
  const client = new pg.Client(server.database.config)
  await client.connect()
  await client.query('CREATE ROLE svc LOGIN IN ROLE ff_app')
  await client.end()
})
afterAll(async () => {
  await server.stop()
  await issuer.close()
  await rm(folder, { recursive: true, force: true })
})
const url = (user: string): string =>
  `postgres://${user}@/postgres?host=${encodeURIComponent(server.database.config.host ?? '')}`

/** Sends a signal to the postmaster and to all of its processes. */
async function signalServer(signal: 'SIGSTOP' | 'SIGCONT'): Promise<void> {
  const path = join(server.database.config.host ?? '', 'data', 'postmaster.pid')
  const postmaster = Number((await readFile(path, 'utf8')).split('\n')[0])
  // Stopped first and continued last, so that its list of children stays as it is.
  if (signal === 'SIGSTOP') process.kill(postmaster, signal)
  const children = await readFile(`/proc/${postmaster}/task/${postmaster}/children`, 'utf8')
  for (const child of children.trim().split(' ')) process.kill(Number(child), signal)
  if (signal === 'SIGCONT') process.kill(postmaster, signal)
}

const flag = (more: object = {}): string => JSON.stringify({ ...FLAG_BODY, ...more })
interface Decided {
  readonly decision: string
  readonly reason: string
  readonly value: unknown
  readonly meta: { readonly stale?: true; readonly age_ms?: number }
}
const decided = ({ text }: Answer): Decided => JSON.parse(text) as Decided

test('S7: a database that is frozen under load: decisions within their deadline, marked, fresh again after the thaw', async () => {
  const service = await startService({
    ...issuer.env,
    FF_BACKING: 'db',
    FF_DATABASE_URL: url('svc'),
    FF_AUDIT_DIGEST_KEY_FILE: join(folder, 'digest.key'),
    FF_STORE_DEADLINE: '0.6',
  })
  const token = await issuer.token()
  const put = (path: string, body: string): Promise<Answer> =>
    ask(service.origin, path, { method: 'PUT', token, body })
  const evaluate = (body: object): Promise<Answer> =>
    ask(service.origin, '/v1/flags/evaluate', { body: JSON.stringify(body) })
  const ready = async () => {
    const { status, text } = await ask(service.origin, '/health/ready')
    const { dependencies } = JSON.parse(text) as { readonly dependencies: Record<string, object> }
    return { status, dependencies }
  }
  let frozen = false
  let ended = false
  try {
    expect((await put('/v1/flags/ff.open', flag())).status).toBe(201)
    expect((await put('/v1/flags/ff.other', flag())).status).toBe(201)
    const approval = { sensitive: true, required_auth: 'verified' }
    expect((await put('/v1/flags/ff.secret', flag(approval))).status).toBe(201)
    await expect
      .poll(async () => (await ready()).dependencies['snapshot'], { timeout: 5_000 })
      .toMatchObject({ state: 'up', stale: false })
    const fresh = decided(await evaluate({ flag_key: 'ff.open' }))
    expect([fresh.value, fresh.meta.stale]).toEqual([true, undefined])

    const answers: { readonly at: number; readonly ms: number; readonly answer: Answer }[] = []
    const load = Array.from({ length: 8 }, async () => {
      while (!ended) {
        const at = performance.now()
        const answer = await evaluate({ flag_key: 'ff.open' })
        answers.push({ at, ms: performance.now() - at, answer })
        await sleep(10)
      }
    })
    // The last change before the freeze: read your own writes, also from the copy.
    expect((await put('/v1/flags/ff.other', flag({ state: 'killed' }))).status).toBe(200)
    frozen = true
    await signalServer('SIGSTOP')
    const frozenAt = performance.now()
    await sleep(2_500)
    expect(decided(await evaluate({ flag_key: 'ff.other' }))).toMatchObject({
      reason: 'kill_switch',
      meta: { stale: true },
    })
    const as = { token, body: JSON.stringify({ flag_key: 'ff.secret' }) }
    expect(decided(await ask(service.origin, '/v1/flags/evaluate', as))).toMatchObject({
      decision: 'deny',
      reason: 'fail_safe',
      value: false,
      meta: { stale: true },
    })
    const all = await evaluate({ all: true })
    const { decisions } = JSON.parse(all.text) as { readonly decisions: readonly Decided[] }
    expect(decisions.map(({ meta }) => meta.stale)).toEqual([true, true])
    const write = await put('/v1/flags/ff.open', flag({ description: 'late' }))
    expect(write.status).toBe(503)
    expect((await ask(service.origin, '/v1/flags', { token })).status).toBe(503)
    expect(await ready()).toMatchObject({
      status: 200,
      dependencies: { store: { state: 'down' }, snapshot: { state: 'up', stale: true } },
    })
    await signalServer('SIGCONT')
    frozen = false
    const thawedAt = performance.now()
    await sleep(BACK_MS + 500)
    ended = true
    await Promise.all(load)

    expect(answers.filter(({ answer }) => answer.status !== 200)).toEqual([])
    expect(Math.max(...answers.map(({ ms }) => ms))).toBeLessThan(MOST_MS)
    const during = answers.filter(({ at }) => at > frozenAt + 50 && at < thawedAt - 50)
    expect(during.length).toBeGreaterThan(50)
    for (const { answer } of during.filter(({ at, ms }) => at + ms < thawedAt))
      expect(decided(answer)).toMatchObject({ value: true, meta: { stale: true } })
    const after = answers.filter(({ at }) => at > thawedAt + BACK_MS)
    expect(after.length).toBeGreaterThan(5)
    for (const { answer } of after) expect(decided(answer).meta).not.toHaveProperty('stale')
    const { text } = await ask(service.origin, '/metrics')
    expect(text).toMatch(/^ff_decisions_stale_total [1-9]/m)
    expect((await ready()).dependencies['snapshot']).toMatchObject({ state: 'up', stale: false })
  } finally {
    ended = true
    if (frozen) await signalServer('SIGCONT')
    expect((await service.stop()).status).toBe(0)
  }
})
