import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  behaviouralSettings,
  loadSettings,
  createLazySettings,
} from '../../src/commands/settings.ts'
import type { SettingName } from '../../src/core/settings/settings.ts'
import { FfError } from '../../src/errors.ts'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ff-settings-'))
  await writeFile(join(folder, 'ff.config.json'), '{"jwtLeeway":"7","listen":"here"}')
})
afterAll(() => rm(folder, { recursive: true, force: true }))

test('each setting has one name, one value and one origin', async () => {
  const { values, given } = await loadSettings({ FF_STORE_DIR: '/srv/ff', FF_ENV: '' }, folder)
  expect([values.FF_STORE_DIR, given.FF_STORE_DIR.origin]).toEqual(['/srv/ff', 'environment'])
  expect([values.FF_JWT_LEEWAY, given.FF_JWT_LEEWAY.origin]).toEqual([7, 'file'])
  expect([values.FF_ENV, given.FF_ENV.origin]).toEqual([null, 'default'])
})

test('an invalid setting is refused on each read, and only then', async () => {
  const { values } = await loadSettings({}, folder)
  expect(values.FF_JWT_LEEWAY).toBe(7)
  for (let time = 0; time < 2; time += 1) expect(() => values.FF_LISTEN).toThrow(FfError)
})

test('is parsed once', () => {
  const values = createLazySettings((name) =>
    name === 'FF_JWKS_URL' ? 'https://idp.example' : null,
  )
  expect(values.FF_JWKS_URL).toBeInstanceOf(URL)
  expect(values.FF_JWKS_URL).toBe(values.FF_JWKS_URL)
})

test('the digest of evidence covers the texts, also invalid ones', async () => {
  const settings = await loadSettings({ FF_JWT_LEEWAY: 'abc', FF_BACKING: 'managed' }, folder)
  expect(behaviouralSettings(settings)).toMatchObject({
    FF_BACKING: 'managed',
    FF_JWT_LEEWAY: 'abc',
    FF_DEV_SCOPES: null,
  })
})

describe('an invalid text', () => {
  test.each<[SettingName, string, string, string]>([
    [
      'FF_BACKING',
      'postgres',
      'setting_invalid',
      'FF_BACKING must be file, db or managed, not "postgres"',
    ],
    ['FF_ALLOW_DEV_HEADERS', '1', 'setting_invalid', 'FF_ALLOW_DEV_HEADERS'],
    ['FF_ADMIN_LISTEN', 'here', 'setting_invalid', 'FF_ADMIN_LISTEN'],
    ['FF_JWT_LEEWAY', 'abc', 'setting_invalid', 'FF_JWT_LEEWAY'],
    ['FF_MAX_IN_FLIGHT', '0', 'setting_invalid', 'whole number from 1 to 100000, not "0"'],
    ['FF_DRAIN_DELAY', 'soon', 'setting_invalid', 'number from 0 to 300, not "soon"'],
    ['FF_JWKS_URL', 'https://u:hunter2@idp.example', 'secret_in_option', 'key server'],
    ['FF_JWKS_URL', 'ftp://idp.example', 'setting_invalid', 'key server'],
    ['FF_ADMIN_URL', 'https://u:hunter2@admin.example', 'secret_in_option', 'FF_ADMIN_URL'],
    ['FF_ADMIN_URL', 'http://admin.example', 'setting_invalid', 'FF_ADMIN_URL'],
    ['FF_DATABASE_URL', 'mysql://u:hunter2@h', 'target_invalid', 'FF_DATABASE_URL'],
  ])('%s=%s is refused by name', (name, text, code, message) => {
    const values = createLazySettings((one) => (one === name ? text : null))
    const error = toError(() => values[name])
    expect([error.code, error.exitName, error.message]).toEqual([
      code,
      'usage',
      expect.stringContaining(message),
    ])
    expect(`${error.message} ${error.hint}`).not.toContain('hunter2')
  })
})

function toError(work: () => unknown): FfError {
  try {
    work()
  } catch (error) {
    if (error instanceof FfError) return error
    throw error
  }
  throw new Error('the value was accepted')
}
