import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createStore, FileStore } from '../../src/adapters/file-store/file-store.ts'
import { openDevIssuer } from '../../src/adapters/auth/dev-issuer.ts'
import type { DevIssuer } from '../../src/ports/auth.ts'
import { flagRow, json, tenantRow, userRow } from '../core/builders.ts'
import { type Run, runFf } from '../support/run-ff.ts'
import { type Meddler, openMeddler } from '../support/meddler.ts'
import { type StartedService, startService } from '../support/service.ts'
import { toError, getParity } from './outcome.ts'

const FLAG = 'ff.checkout.new-flow'
const STATE = {
  flag_registry: [
    flagRow(),
    flagRow({ flag_key: 'ff.plain', required_auth: 'none' }),
    flagRow({ flag_key: 'ff.verified', required_auth: 'verified' }),
  ],
  tenant_override: [tenantRow()],
  user_override: [userRow({ flag_key: 'ff.verified' })],
}

let folder: string
let issuer: DevIssuer
let incumbent: StartedService
let successor: StartedService
const services: StartedService[] = []
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ff-replay-services-'))
  issuer = await openDevIssuer({
    aud: 'pty-feature-flags',
    sub: 'U1001',
    tid: 'T-pty-pilot-01',
    exp: Math.floor(Date.now() / 1000) + 3_600,
  })
  incumbent = await serveStore('incumbent', STATE)
  successor = await serveStore('successor', STATE)
})
afterAll(async () => {
  for (const one of services) await one.stop()
  await issuer.close()
  await rm(folder, { recursive: true, force: true })
})

/** A service on a scratch store with these rows. */
async function serveStore(name: string, state: typeof STATE): Promise<StartedService> {
  const store = join(folder, name)
  await createStore(store)
  const file = await FileStore.open(store, { digestKey: new Uint8Array(32), phase: 'file' })
  await file.load(state)
  await file.close()
  const served = await startService({
    FF_ENV: 'dev',
    FF_STORE_DIR: store,
    FF_JWKS_URL: issuer.jwks_url,
    FF_JWT_ISSUER: issuer.origin,
  })
  services.push(served)
  return served
}

const line = (flag_key: string, more: object = {}, request: object = {}): string =>
  JSON.stringify({
    request: { flag_key, request_id: 'r-1', ...request },
    recorded_at: '2026-01-15T09:00:00.000Z',
    ...more,
  })
const LIVE = { credential: { token_env: 'FF_TEST_TOKEN' } }
const REQUESTS = [
  line('ff.plain', {}, { tenant_id: 'T-1', user_id: 'U-1' }),
  line(FLAG),
  line('ff.none'),
  line('ff.verified', LIVE),
  line('ff.verified', LIVE, { tenant_id: 'T-other' }),
  line('ff.verified', { credential: { fixture: 'JWT-EX-03' } }),
]

let count = 0
async function replay(
  lines: readonly string[],
  baseline: string,
  candidate: string,
  more: readonly string[] = ['--format', 'json'],
): Promise<Run> {
  const path = join(folder, `${(count += 1)}.ndjson`)
  await writeFile(path, lines.join('\n'))
  const sides = ['--baseline', baseline, '--candidate', candidate]
  return runFf(['parity', 'replay', path, ...sides, ...more], {
    env: { FF_TEST_TOKEN: issuer.token },
  })
}

describe('ff parity replay, of two services', () => {
  test('requests decisions from both, and nothing else', async () => {
    const seen = await openMeddler(successor.origin)
    const done = await replay(REQUESTS, incumbent.origin, seen.origin)
    await seen.close()
    expect(done.status, done.stdout + done.stderr).toBe(0)
    const report = getParity(done)
    expect(report).toMatchObject({
      kind: 'parity_replay',
      verdict: 'pass',
      sides: {
        baseline: { target: incumbent.origin, backing: 'file', server: null },
        candidate: { target: seen.origin, backing: 'file', server: null },
      },
      rules: [
        { pointer: '/meta/evaluated_at', rule: 'MAY_DIFFER' },
        { pointer: '/meta/backing_state', rule: 'MUST_DIFFER', differences: 0 },
      ],
      counts: { expected: 6, compared: 6, neverReached: 0 },
      findings: [],
    })
    expect(seen.seen).toHaveLength(12)
    expect(new Set(seen.seen)).toEqual(new Set(['POST /v1/flags/evaluate']))
    expect(done.stdout + done.stderr).not.toContain(issuer.token)
    const text = await replay(REQUESTS, incumbent.origin, successor.origin, [])
    expect(text.stdout).toMatch(
      /\/meta\/evaluated_at MAY_DIFFER, \d+ differences?: Each service decides/,
    )
  })

  test('finds a row that differs, and a token that only one service refuses', async () => {
    const flag = flagRow({ flag_key: 'ff.plain', required_auth: 'none', safe_value: json('"no"') })
    const rows = { ...STATE, flag_registry: [{ ...flag, default_value: json('"other"') }] }
    const other = await serveStore('other', { ...rows, tenant_override: [], user_override: [] })
    const done = await replay(REQUESTS, incumbent.origin, other.origin)
    expect(done.status).toBe(20)
    expect(getParity(done).findings).toContainEqual(
      expect.objectContaining({ subject: 'line 1', pointer: '/value', right: '"other"' }),
    )
    const strict = await openMeddler(successor.origin, (body) =>
      body.replace('context_mismatch', 'token_expired'),
    )
    const refused = await replay(REQUESTS, incumbent.origin, strict.origin)
    await strict.close()
    expect(refused.status).toBe(20)
    expect(getParity(refused).findings.map(({ subject }) => subject)).toEqual(['line 5'])
  })

  test.each([
    ['an HTML page', '<!doctype html>'],
    ['a decision about another flag', '{"flag_key":"ff.b","meta":{"backing_state":"file"}}'],
    ['a foreign JSON object', '{"enabled":true}'],
  ])('two services that answer %s do not match', async (_what, page) => {
    const both = [
      await openMeddler(incumbent.origin, () => page),
      await openMeddler(successor.origin, () => page),
    ] as const
    const done = await replay([line(FLAG)], both[0].origin, both[1].origin)
    for (const one of both) await one.close()
    expect(done.status).toBe(22)
    expect(getParity(done)).toMatchObject({
      verdict: 'inconclusive',
      sides: { baseline: { backing: null } },
      findings: [{ code: 'unanswered' }, { code: 'unanswered' }],
    })
  })

  test('two services that refuse every request prove nothing', async () => {
    const late = [line('ff.plain', { credential: { fixture: 'JWT-EX-03' } }), REQUESTS[4] as string]
    const done = await replay(late, incumbent.origin, successor.origin)
    expect(done.status).toBe(22)
    expect(getParity(done)).toMatchObject({
      verdict: 'inconclusive',
      counts: { expected: 2, compared: 2 },
      findings: [{ code: 'nothing_decided' }],
    })
    const text = await replay(late, incumbent.origin, successor.origin, [])
    expect(text.stdout).toContain('every request was refused, so no decision was compared')
  })

  test('an answer to an earlier request does not count', async () => {
    const remembering = (origin: string): Promise<Meddler> => {
      let first: string | null = null
      return openMeddler(origin, (body) => (first ??= body))
    }
    const sides = await Promise.all([incumbent, successor].map(({ origin }) => remembering(origin)))
    const lines = ['r-1', 'r-2'].map((request_id) => line('ff.plain', {}, { request_id }))
    const done = await replay(lines, sides[0]?.origin ?? '', sides[1]?.origin ?? '')
    for (const side of sides) await side.close()
    expect(done.status).toBe(22)
    expect(getParity(done)).toMatchObject({
      verdict: 'inconclusive',
      counts: { expected: 2, compared: 1 },
      findings: [
        { code: 'unanswered', subject: 'line 2', left: 'no_envelope' },
        { code: 'unanswered', subject: 'line 2', left: 'no_envelope' },
      ],
    })
  })

  test('a side that reports another backing in between is found', async () => {
    let answers = 0
    const wavering = await openMeddler(successor.origin, (body) =>
      (answers += 1) > 4 ? body.replace('"file"', '"db"') : body,
    )
    const many = Array.from({ length: 40 }, () => line('ff.plain'))
    const done = await replay(many, incumbent.origin, wavering.origin)
    await wavering.close()
    expect([20, 22]).toContain(done.status)
    expect(getParity(done).verdict).not.toBe('pass')
  })

  test('a service is not compared with itself', async () => {
    const done = await replay([line(FLAG)], incumbent.origin, `${incumbent.origin}/`)
    expect(done.status).toBe(2)
    expect(toError(done)).toMatchObject({
      code: 'target_invalid',
      message: 'Both sides are the same service.',
    })
  })

  test('a service cannot be compared with a store', async () => {
    const done = await replay([line(FLAG)], incumbent.origin, `file:${join(folder, 'successor')}`)
    expect(done.status).toBe(2)
    expect(toError(done)).toMatchObject({
      code: 'target_invalid',
      hint: expect.stringContaining('ff serve') as string,
    })
  })

  test('members that no service takes are reported by line, before any request', async () => {
    const done = await replay(
      [
        line(FLAG),
        line(FLAG, { now: '2026-01-15T09:00:00.000Z' }),
        line(FLAG, { environment: 'dev-H' }),
        line(FLAG, { approvals: [] }),
        line(FLAG, { credential: { token_env: 'FF_NO_SUCH' } }),
        line(FLAG, { credential: { token_env: 'constructor' } }),
        line(FLAG, { credential: { token: 'hush' } }),
      ],
      'http://127.0.0.1:1',
      'http://127.0.0.1:2',
    )
    expect(done.status).toBe(2)
    expect(toError(done).details).toEqual(
      expect.arrayContaining([
        'line 2 /now given_to_a_service',
        'line 3 /environment given_to_a_service',
        'line 4 /approvals given_to_a_service',
        'line 5 /credential/token_env variable_unset',
        'line 6 /credential/token_env variable_unset',
      ]),
    )
    expect(toError(done).message).toContain('6 invalid lines')
    expect(done.stdout).not.toContain('hush')
  })

  test('a store refuses a live token', async () => {
    const store = `file:${join(folder, 'successor')}`
    const done = await replay([line(FLAG, LIVE)], store, store)
    expect(done.status).toBe(2)
    expect(toError(done).details).toEqual(['line 1 /credential/token_env token_for_a_store'])
  })

  test('an unreachable service does not pass', async () => {
    const done = await replay(REQUESTS, incumbent.origin, 'http://127.0.0.1:1')
    expect(done.status).toBe(22)
    expect(getParity(done).findings[0]).toMatchObject({ code: 'unanswered', sides: 'candidate' })
  })
})
