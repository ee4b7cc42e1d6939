import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { SETTINGS } from '../../src/core/settings/settings.ts'
import { type Run, runFf } from '../support/run-ff.ts'
import { toError } from './outcome.ts'

const SECRET = 'hunter2-S3cret'
const ENV = {
  FF_DATABASE_URL: `postgres://u:${SECRET}@h/d`,
  FF_JWKS_URL: `https://u:${SECRET}@idp.example/jwks`,
  FF_JWT_LEEWAY: '5',
  FF_ENV: '',
}
let folder: string
let below: string
beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'ff-config-')))
  below = join(folder, 'a/b')
  await mkdir(below, { recursive: true })
  await writeFile(join(folder, 'ff.config.json'), '{"jwtLeeway":"7","jwtIssuer":"a\\u001b[31mb"}')
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const show = (...args: readonly string[]): Promise<Run> =>
  runFf(['config', 'show', ...args], { cwd: below, env: ENV })

interface Shown {
  readonly name: string
  readonly value: string | null
  readonly set: boolean
  readonly effective: string | null
  readonly origin: string
  readonly path?: string
}

describe.concurrent('ff config show', () => {
  test('lists every setting with its value and origin', async () => {
    const { status, stdout } = await show('--format', 'json')
    const { settings } = JSON.parse(stdout) as { settings: readonly Shown[] }
    expect([status, settings.map(({ name }) => name)]).toEqual([0, Object.keys(SETTINGS)])
    const of = (name: string): Partial<Shown> => settings.find((one) => one.name === name) ?? {}
    expect(of('FF_JWT_LEEWAY')).toMatchObject({ value: '5', set: true, origin: 'environment' })
    expect(of('FF_JWT_ISSUER')).toMatchObject({
      value: 'a\u001b[31mb',
      origin: 'file',
      path: join(folder, 'ff.config.json'),
    })
    expect(of('FF_DATABASE_URL')).toMatchObject({ value: null, set: true, origin: 'environment' })
    expect(of('FF_ENV')).toMatchObject({ value: null, set: false, origin: 'default' })
    const effective = (name: string): unknown => of(name).effective
    expect(['FF_JWT_LEEWAY', 'FF_LISTEN', 'FF_ENV', 'FF_KAFKA_TLS'].map(effective)).toEqual([
      '5',
      '127.0.0.1:8420',
      'prod',
      'false',
    ])
    expect(['FF_DATABASE_URL', 'FF_STORE_DIR', 'FF_CORS_ORIGINS'].map(effective)).toEqual([
      null,
      null,
      null,
    ])
    expect(stdout).not.toContain(SECRET)
  })

  test('as text has one escaped line a setting', async () => {
    const { status, stdout } = await show('--origin')
    expect(status).toBe(0)
    expect(stdout).toMatch(/^ {2}FF_DATABASE_URL +environment +set$/m)
    expect(stdout).toMatch(/^ {2}FF_STORE_DIR +default +not set$/m)
    expect(stdout).toContain(`file ${join(folder, 'ff.config.json')}`)
    expect(stdout).toContain('a\\u001b[31mb')
    expect(stdout).not.toContain(SECRET)
    const plain = await show()
    expect(plain.stdout).toMatch(/^ {2}FF_JWT_LEEWAY +5$/m)
    expect(plain.stdout).toMatch(/^ {2}FF_ADMIN_LISTEN +127\.0\.0\.1:8420$/m)
    expect(plain.stdout).not.toContain('environment')
  })

  test('refuses a file with an unknown key, and an unknown format', async () => {
    const other = join(folder, 'other')
    await mkdir(other)
    await writeFile(join(other, 'ff.config.json'), '{"storeDri":"/tmp"}')
    const run = await runFf(['config', 'show', '--format', 'json'], { cwd: other })
    expect([run.status, toError(run).code]).toEqual([2, 'setting_invalid'])
    expect((await show('--format', 'junit')).status).toBe(2)
  })
})
