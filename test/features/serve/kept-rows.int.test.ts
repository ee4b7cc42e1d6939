import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { FaultProxy } from '../../faults/tcp-proxy.ts'
import {
  ask,
  type Issuer,
  openDatabaseTarget,
  openIssuer,
  type ServiceTarget,
  FLAG_BODY,
} from '../../support/service.ts'
import { askFlag, getService, type RunningService } from '../../support/service-here.ts'

let target: ServiceTarget
let issuer: Issuer
let proxy: FaultProxy
let folder = ''
let token = ''
let settings: Readonly<Record<string, string>> = {}
beforeAll(async () => {
  ;[target, issuer] = await Promise.all([openDatabaseTarget('18'), openIssuer()])
  folder = await mkdtemp(join(tmpdir(), 'ff-test-kept-'))
  token = await issuer.token()
  const { config, database = '' } = target.database ?? {}
  proxy = await FaultProxy.to({ path: `${config?.host ?? ''}/.s.PGSQL.5432` })
  const [, user = ''] = /\/\/([^@]+)@/.exec(target.env['FF_DATABASE_URL'] ?? '') ?? []
  settings = {
    ...target.env,
    ...issuer.env,
    FF_DATABASE_URL: `postgres://${user}@127.0.0.1:${proxy.port}/${database}`,
    FF_SNAPSHOT_DIR: join(folder, 'kept'),
  }
})
afterAll(async () => {
  await proxy.close()
  await target.remove()
  await issuer.close()
  await rm(folder, { recursive: true, force: true })
})

const put = ({ origin }: RunningService, key: string, more: object = {}) =>
  ask(origin, `/v1/flags/${key}`, {
    method: 'PUT',
    token,
    body: JSON.stringify({ ...FLAG_BODY, ...more }),
  })
const decide = async ({ origin }: RunningService, flag_key: string): Promise<unknown> =>
  (await askFlag(origin, { flag_key })).json()
const getReady = async ({ origin }: RunningService): Promise<unknown> =>
  (await fetch(`${origin}/health/ready`)).json()

describe('a start without the database', () => {
  test('decides by the rows of the instance before, until the database is back', async () => {
    const before = await getService({ settings })
    expect((await put(before, 'ff.kept')).status).toBe(201)
    expect((await put(before, 'ff.secret', { sensitive: true })).status).toBe(201)
    await expect
      .poll(() => getReady(before))
      .toMatchObject({ dependencies: { snapshot: { state: 'up' } } })
    await before.close()

    await proxy.set({ kind: 'reset' })
    const service = await getService({ settings })
    expect(await decide(service, 'ff.kept')).toMatchObject({
      decision: 'allow',
      value: true,
      meta: { stale: true },
    })
    expect(await decide(service, 'ff.secret')).toMatchObject({
      decision: 'deny',
      reason: 'fail_safe',
    })
    expect(await getReady(service)).toMatchObject({
      status: 'degraded',
      dependencies: { store: { state: 'down' }, snapshot: { state: 'up', stale: true } },
    })
    expect((await put(service, 'ff.kept')).status).toBe(503)

    await proxy.set({ kind: 'none' })
    await expect
      .poll(() => getReady(service), { timeout: 10_000 })
      .toMatchObject({ status: 'ready' })
    expect((await put(service, 'ff.kept', { default_value: false })).status).toBe(200)
    const decision = await decide(service, 'ff.kept')
    expect(decision).toMatchObject({ value: false })
    expect(decision).not.toHaveProperty('meta.stale')
    await service.close()
    expect(service.lines.join('')).not.toContain('"msg":"bug"')
  })

  test.each([
    ['of another environment', () => ({ FF_ENV: 'staging' })],
    ['of another database', () => ({ FF_DATABASE_URL: `${settings['FF_DATABASE_URL']}_2` })],
    ['past its age', () => ({ FF_STALE_MAX: '0.001' })],
  ])('uses no snapshot %s', async (name, over) => {
    await proxy.set({ kind: 'reset' })
    const path = join(folder, 'kept/last-known-good.ndjson')
    const kept = await readFile(path, 'utf8')
    if (name === 'past its age') {
      const service = await getService({ settings: { ...settings, ...over() } })
      expect((await askFlag(service.origin, { flag_key: 'ff.kept' })).status).toBe(503)
      await service.close()
    } else
      await expect(getService({ settings: { ...settings, ...over() } })).rejects.toMatchObject({
        code: 'backing_unavailable',
      })
    expect((await readFile(path, 'utf8')).split('\n').slice(1, -2)).toEqual(
      kept.split('\n').slice(1, -2),
    )
    await proxy.set({ kind: 'none' })
  })
  test('needs the key that seals the rows', async () => {
    const { FF_AUDIT_DIGEST_KEY_FILE: _, ...rest } = settings
    await expect(getService({ settings: { ...rest, FF_ENV: 'dev' } })).rejects.toMatchObject({
      code: 'setting_invalid',
    })
  })
})
