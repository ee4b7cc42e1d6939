import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { TestAdminServer } from '../../../src/adapters/admin/test-admin-server.ts'
import { approval } from '../../adapters/admin/stage.ts'
import { type Copy, copyPackage } from '../../support/run-ff.ts'
import {
  ask,
  type Issuer,
  openDatabaseTarget,
  openIssuer,
  type ServiceTarget,
  type StartedService,
  startService,
} from '../../support/service.ts'
import { until } from '../../support/until.ts'

/** Between two fetches of the key set of one instance, in place of 30 s. */
const COOLDOWN_S = 1
const FLAG = 'ff.guarded'
const REF = 'APP-100001-abcd'

let target: ServiceTarget
let issuer: Issuer
let admin: TestAdminServer
let copy: Copy
let folder: string
/** Two instances on one database, without Redis: the feed alone connects them. */
let services: readonly [StartedService, StartedService]

beforeAll(async () => {
  ;[target, issuer, copy, folder] = await Promise.all([
    openDatabaseTarget('15'),
    openIssuer(),
    copyPackage(),
    mkdtemp(join(tmpdir(), 'ff-test-signals-')),
  ])
  admin = await TestAdminServer.start([
    approval({ approval_ref: REF, flag_key: FLAG, tenant_id: 'T1', user_id: 'U1' }),
  ])
  await setCooldown(join(copy.root, 'contracts/jwks_integration_notes.json'))
  const FF_ADMIN_TOKEN_FILE = join(folder, 'token')
  await writeFile(FF_ADMIN_TOKEN_FILE, admin.token, { mode: 0o600 })
  const own = { FF_ADMIN_URL: admin.url.origin, FF_ADMIN_TOKEN_FILE }
  const start = () => startService({ ...target.env, ...issuer.env, ...own }, [], copy.root)
  services = await Promise.all([start(), start()])
})
afterAll(async () => {
  await Promise.all(services.map((service) => service.stop()))
  await Promise.all([issuer.close(), admin.close(), copy.remove()])
  await Promise.all([target.remove(), rm(folder, { recursive: true, force: true })])
})

async function setCooldown(path: string): Promise<void> {
  const notes = JSON.parse(await readFile(path, 'utf8')) as { client: Record<string, number> }
  // A fetch may take no longer than the cooldown.
  Object.assign(notes.client, { cooldown_s: COOLDOWN_S, timeout_ms: COOLDOWN_S * 1_000 })
  await writeFile(path, JSON.stringify(notes))
}
const announce = async (path: string, body: object, token: string): Promise<void> => {
  const sent = await ask(services[0].origin, path, { token, body: JSON.stringify(body) })
  expect(sent.status, sent.text).toBe(200)
}

test('a changed approval that is announced at one instance ends the check in flight at the other', async () => {
  const token = await issuer.token()
  const flag = {
    value_type: 'boolean',
    default_value: true,
    safe_value: false,
    sensitive: true,
    required_auth: 'verified',
    state: 'active',
    description: '',
    owner: '',
  }
  const made = await ask(services[1].origin, `/v1/flags/${FLAG}`, {
    method: 'PUT',
    token,
    body: JSON.stringify(flag),
  })
  expect(made.status, made.text).toBe(201)
  const question = JSON.stringify({ flag_key: FLAG, approval_ref: REF })
  const evaluate = () => ask(services[1].origin, '/v1/flags/evaluate', { token, body: question })
  const ALLOWED = { decision: 'allow', value: true }
  // Also so that nothing of what follows is done for the first time: a check has a second.
  expect(JSON.parse((await evaluate()).text)).toMatchObject(ALLOWED)
  await announce('/v1/flags/cache/invalidate', { kind: 'flag', flag_key: FLAG }, token)
  // Admin holds this answer back for good, and would give the next one.
  await admin.setBehaviour({ behaviour: 'never', delay_ms: 0 })
  const asked = evaluate()
  await until(() => admin.requests() === 2)
  await admin.setBehaviour({ behaviour: 'honest', delay_ms: 0 })
  await announce('/v1/approvals/changed', { approval_ref: REF }, token)
  expect(JSON.parse((await asked).text)).toMatchObject(ALLOWED)
  expect(admin.requests()).toBe(3)
})

test('a key rotation that is announced at one instance has each fetch its key set once', async () => {
  const status = async (at: 0 | 1, token: string): Promise<number> =>
    (await ask(services[at].origin, '/v1/flags', { token })).status
  const old = await issuer.token()
  expect([await status(0, old), await status(1, old), issuer.fetches()]).toEqual([200, 200, 2])
  await issuer.rotate()
  // The instances hold the key that went until they fetch.
  await announce('/v1/flags/cache/invalidate', { kind: 'jwks' }, old)
  await until(() => issuer.fetches() === 4)
  const next = await issuer.token()
  await until(async () => (await status(0, next)) === 200 && (await status(1, next)) === 200)
  await sleep(COOLDOWN_S * 1_500)
  expect(issuer.fetches()).toBe(4)
  expect([await status(0, old), await status(1, old)]).toEqual([401, 401])
})
