import { cp, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { TestAdminServer } from '../../../src/adapters/admin/test-admin-server.ts'
import type { Approval } from '../../../src/core/evaluate/approvals.ts'
import type { Instant } from '../../../src/core/rows/instant.ts'
import {
  ask,
  FLAG_BODY,
  type Issuer,
  openFileTarget,
  openIssuer,
  type ServiceTarget,
  type StartedService,
  startService,
} from '../../support/service.ts'

const [ORDINARY, SENSITIVE] = ['ff.ordinary', 'ff.sensitive']
const CALLER = { tid: 'T-pty-pilot-01', sub: 'U1001' }
const DAY_MS = 86_400_000
const [VALID, EXPIRED] = ['APP-100001-abcd', 'APP-100004-expired']
const approve = (approval_ref: string, endMs: number): Approval => ({
  approval_ref,
  flag_key: SENSITIVE,
  tenant_id: CALLER.tid,
  user_id: CALLER.sub,
  not_before: new Date(endMs - 10 * DAY_MS).toISOString() as Instant,
  expires_at: new Date(endMs).toISOString() as Instant,
  revoked: false,
})

let admin: TestAdminServer
let target: ServiceTarget
let issuer: Issuer
/** In production, with keys; in development, with keys; in development, where the key server cannot be reached. */
let prod: StartedService
let dev: StartedService
let keyless: StartedService
beforeAll(async () => {
  admin = await TestAdminServer.start([
    approve(VALID, Date.now() + 9 * DAY_MS),
    approve(EXPIRED, Date.now() - DAY_MS),
  ])
  ;[target, issuer] = await Promise.all([openFileTarget(), openIssuer()])
  const FF_ADMIN_TOKEN_FILE = join(dirname(target.folder ?? ''), 'admin.token')
  await writeFile(FF_ADMIN_TOKEN_FILE, admin.token, { mode: 0o600 })
  const env = { ...target.env, ...issuer.env, FF_ADMIN_URL: admin.url.href, FF_ADMIN_TOKEN_FILE }
  await makeFlags(await startService(env))
  const inDev = { ...env, FF_ENV: 'dev', FF_ALLOW_DEV_HEADERS: 'true' }
  ;[prod, dev, keyless] = await Promise.all([
    startService({ ...env, FF_ENV: 'prod' }),
    startService({ ...inDev, FF_STORE_DIR: await copyStore('dev') }),
    startService({
      ...inDev,
      FF_STORE_DIR: await copyStore('keyless'),
      FF_JWKS_URL: 'http://127.0.0.1:1/jwks.json',
    }),
  ])
})
async function makeFlags(service: StartedService): Promise<void> {
  const token = await issuer.token()
  for (const [flag, sensitive] of [
    [ORDINARY, false],
    [SENSITIVE, true],
  ] as const) {
    const body = JSON.stringify({ ...FLAG_BODY, required_auth: 'any', sensitive })
    const made = await ask(service.origin, `/v1/flags/${flag}`, { method: 'PUT', token, body })
    expect(made.status).toBe(201)
  }
  await service.stop()
}
async function copyStore(name: string): Promise<string> {
  const copy = join(dirname(target.folder ?? ''), name)
  await cp(target.folder ?? '', copy, { recursive: true })
  return copy
}
afterAll(async () => {
  await Promise.all([prod, dev, keyless].map((service) => service.stop()))
  await Promise.all([issuer.close(), admin.close()])
  await target.remove()
})

const toToken = (claims: object = {}): Promise<string> => issuer.token({ ...CALLER, ...claims })
const toBody = (approval_ref?: string) => ({
  flag_key: approval_ref === undefined ? ORDINARY : SENSITIVE,
  ...(approval_ref === undefined ? {} : { approval_ref }),
})
async function evaluate(service: StartedService, token: string, body = toBody()) {
  const asked = { token, body: JSON.stringify(body) }
  const { status, text } = await ask(service.origin, '/v1/flags/evaluate', asked)
  return { status, body: JSON.parse(text) as Record<string, unknown> }
}

test('UC-B4-01: a verified token is the happy path', async () => {
  expect(await evaluate(prod, await toToken())).toMatchObject({
    status: 200,
    body: {
      decision: 'allow',
      warnings: [],
      meta: { auth_mode: 'verified', auth_source: 'jwt', user_id: CALLER.sub },
    },
  })
})

test('UC-B4-02: without a key server a token is only decoded, and only in development', async () => {
  expect(await evaluate(keyless, await toToken())).toMatchObject({
    status: 200,
    body: {
      decision: 'allow',
      warnings: ['auth_not_verified', 'jwks_unreachable'],
      meta: { auth_mode: 'decode-only' },
    },
  })
})

test('UC-B4-03: a signature that does not verify is denied in every environment', async () => {
  const [head, claims, signature = ''] = (await toToken()).split('.')
  const flipped = `${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`
  for (const service of [prod, dev])
    expect(await evaluate(service, [head, claims, flipped].join('.'))).toMatchObject({
      status: 401,
      body: { code: 'signature_invalid' },
    })
})

test('UC-B4-04: an expired token is denied', async () => {
  const exp = Math.floor(Date.now() / 1_000) - 3_600
  expect(await evaluate(prod, await toToken({ exp }))).toMatchObject({
    status: 401,
    body: { code: 'token_expired' },
  })
})

test('UC-B4-12: a sensitive flag is allowed with a valid approval under a verified token', async () => {
  expect(await evaluate(prod, await toToken(), toBody(VALID))).toMatchObject({
    status: 200,
    body: { decision: 'allow', meta: { approval_ref: VALID, ttl_state: 'valid' } },
  })
})

test('UC-B4-13: an expired approval denies, however good the token', async () => {
  expect(await evaluate(prod, await toToken(), toBody(EXPIRED))).toMatchObject({
    status: 200,
    body: { decision: 'deny', reason: 'approval_expired', meta: { ttl_state: 'expired' } },
  })
})

test('UC-B4-14: a token that is only decoded denies a sensitive flag, however good the approval', async () => {
  expect(await evaluate(keyless, await toToken(), toBody(VALID))).toMatchObject({
    status: 200,
    body: { decision: 'deny', reason: 'auth_not_verified', meta: { auth_mode: 'decode-only' } },
  })
})
