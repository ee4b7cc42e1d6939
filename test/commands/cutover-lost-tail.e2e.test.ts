import { rm, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { TestCutover } from '../support/cutover.ts'
import { connect, getSocket, getUrl } from '../support/database.ts'
import { runFf } from '../support/run-ff.ts'
import {
  ask,
  FLAG_BODY,
  type Issuer,
  openIssuer,
  startService,
  type StartedService,
} from '../support/service.ts'
import { until } from './outcome.ts'

const FLAG = JSON.stringify({ ...FLAG_BODY, value_type: 'number', default_value: 0, safe_value: 0 })
/** In seconds: what happens while the writer is frozen fits in, under load too. */
const LEASE = 4

let cutover: TestCutover
let issuer: Issuer
let token = ''
let link = ''
let services: readonly StartedService[] = []
beforeEach(async () => {
  ;[cutover, issuer] = await Promise.all([TestCutover.open(true), openIssuer()])
  token = await issuer.token()
  link = join(cutover.root, 'postgres')
  await symlink(getSocket('18'), link)
  const env = { ...cutover.serviceEnv, ...issuer.env, ...overLink(cutover.serviceEnv) }
  services = [await startService(env), await startService(env)]
}, 60_000)
afterEach(async () => {
  for (const one of services) await one.stop('SIGKILL')
  await issuer.close()
  await cutover.close()
})

/** The settings with a database that is reached over the link, and the lease of this test. */
const overLink = ({ FF_DATABASE_URL = '' }: Readonly<Record<string, string>>) => ({
  FF_CUTOVER_LEASE: String(LEASE),
  FF_DATABASE_URL: FF_DATABASE_URL.replace(
    encodeURIComponent(getSocket('18')),
    encodeURIComponent(link),
  ),
})
async function step(...args: readonly string[]): Promise<void> {
  const env = { ...cutover.env, ...overLink(cutover.env) }
  const { status, stderr } = await runFf(['cutover', ...args], { cwd: cutover.root, env })
  expect(status, stderr).toBe(0)
}
/** Ends every connection to the database, and lets no process make another one. */
async function cutOff(): Promise<void> {
  await rm(link)
  const admin = await connect('18')
  const sql = 'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1'
  await admin.query(sql, [cutover.database.database])
  await admin.end()
}
const put = ({ origin }: StartedService, value: number) =>
  ask(origin, '/v1/flags/override/tenant/T1/ff.count', {
    method: 'PUT',
    token,
    body: JSON.stringify({ value }),
  })
async function decide({ origin }: StartedService): Promise<unknown> {
  const body = JSON.stringify({ flag_key: 'ff.count', tenant_id: 'T1' })
  const { text } = await ask(origin, '/v1/flags/evaluate', { method: 'POST', token, body })
  return (JSON.parse(text) as { readonly value: unknown }).value
}

test('an instance that has served what the lost database had alone writes after --db-lost', async () => {
  expect(getUrl('18', cutover.database.database)).toContain(encodeURIComponent(getSocket('18')))
  const [first] = services as [StartedService]
  expect(
    await ask(first.origin, '/v1/flags/ff.count', { method: 'PUT', token, body: FLAG }),
  ).toMatchObject({ status: 201 })
  for (const phase of ['dual_write', 'shadow_read', 'db_authoritative']) {
    await step('advance')
    expect(await cutover.status()).toMatchObject({ phase })
  }
  expect(await put(first, 1)).toMatchObject({ status: 201 })

  const { instances } = await cutover.status()
  const pid = instances.find(({ writer }) => writer)?.pid
  const writer = services.find(({ child }) => child.pid === pid) as StartedService
  const other = services.find((one) => one !== writer) as StartedService
  writer.child.kill('SIGSTOP')
  const unsettled = put(other, 2)
  await until('the change is served by the database', async () => (await decide(other)) === 2)
  // A renewal reads the head, and a decision then counts as served up to it.
  await sleep((LEASE * 1_000) / 4)
  expect(await decide(other)).toBe(2)
  await cutOff()
  await step('rollback', '--db-lost')

  expect(other.child.exitCode ?? other.child.signalCode).toBeNull()
  expect(await unsettled).toMatchObject({ status: 503 })
  await until('a write is acknowledged', async () => (await put(other, 3)).status === 200)
  expect(await decide(other)).toBe(3)
}, 90_000)
