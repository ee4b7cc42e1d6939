import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openApprovals } from '../../../src/adapters/admin/index.ts'
import { resolveApprovalsPlan } from '../../../src/features/serve/admin-settings.ts'
import { createLazySettings } from '../../../src/commands/settings.ts'
import type { SettingName, SettingValues } from '../../../src/core/settings/settings.ts'
import { FfError } from '../../../src/errors.ts'
import { makeAuthority, makeCertificate } from '../../adapters/admin/certificates.ts'
import { approval, QUESTION } from '../../adapters/admin/stage.ts'
import { runFf } from '../../support/run-ff.ts'

const TOKEN = 'hunter2-secret-of-ff'
type Texts = Partial<Record<SettingName, string>>
const getSettings = (texts: Texts): SettingValues =>
  createLazySettings((name) => texts[name] ?? null)
let folder = ''
const at = (name: string): string => join(folder, name)
const put = async (name: string, text: string, mode = 0o600): Promise<string> => {
  await writeFile(at(name), text)
  await chmod(at(name), mode)
  return at(name)
}
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ff-admin-settings-'))
  makeAuthority(folder, 'ca')
  for (const name of ['ff', 'other']) makeCertificate(folder, 'ca', { name, alternative: 'DNS:ff' })
  await put('token', `${TOKEN}\n`)
  await mkdir(at('folder'))
})
afterAll(() => rm(folder, { recursive: true }))

async function fault(texts: Texts, env: 'prod' | 'dev-H' = 'prod'): Promise<FfError> {
  const error: unknown = await resolveApprovalsPlan(getSettings(texts), env).then(
    () => null,
    (thrown: unknown) => thrown,
  )
  if (!(error instanceof FfError)) throw new Error('the settings were accepted')
  expect(`${error.message} ${error.hint} ${error.details.join()}`).not.toContain('hunter2')
  expect(error.exitName).toBe('usage')
  return error
}

describe('Admin', () => {
  const url = 'https://admin.example/base'
  test('is used with a token', async () => {
    expect(
      await resolveApprovalsPlan(
        getSettings({ FF_ADMIN_URL: url, FF_ADMIN_TOKEN_FILE: at('token') }),
        'prod',
      ),
    ).toMatchObject({
      kind: 'admin',
      url: new URL(url),
      credential: { token: TOKEN, client: null, ca: null },
      limits: { timeout_ms: 1_000, breaker: { failures: 5, within_ms: 10_000 } },
    })
  })
  test('is used with a certificate and an authority', async () => {
    const files = {
      FF_ADMIN_CERT_FILE: at('ff.pem'),
      FF_ADMIN_KEY_FILE: at('ff.key'),
      FF_ADMIN_CA_FILE: at('ca.pem'),
    }
    const plan = await resolveApprovalsPlan(getSettings({ FF_ADMIN_URL: url, ...files }), 'prod')
    expect(plan).toMatchObject({
      credential: {
        token: null,
        client: { cert: expect.stringContaining('BEGIN CERTIFICATE') },
        ca: expect.stringContaining('BEGIN CERTIFICATE'),
      },
    })
  })
  test.each(['http://127.0.0.1:1', 'http://localhost:1', 'https://[::1]:1'])(
    'needs no credential on a loopback address: %s',
    async (own) => {
      const plan = await resolveApprovalsPlan(getSettings({ FF_ADMIN_URL: own }), 'prod')
      expect(plan).toMatchObject({ kind: 'admin', credential: { token: null, client: null } })
    },
  )
  test('takes precedence over an approvals file, which is then not read', async () => {
    const texts = {
      FF_ADMIN_URL: url,
      FF_ADMIN_TOKEN_FILE: at('token'),
      FF_APPROVALS_FILE: at('none'),
    }
    expect(await resolveApprovalsPlan(getSettings(texts), 'prod')).toMatchObject({ kind: 'admin' })
  })
  test('accepts a token file that its group may read', async () => {
    const FF_ADMIN_TOKEN_FILE = await put('group', TOKEN, 0o640)
    expect(
      await resolveApprovalsPlan(getSettings({ FF_ADMIN_URL: url, FF_ADMIN_TOKEN_FILE }), 'prod'),
    ).toMatchObject({ url: {} })
  })

  test.each<[string, Texts, string]>([
    ['http on another machine', { FF_ADMIN_URL: 'http://admin.example' }, 'must be https'],
    ['a text that is not a URL', { FF_ADMIN_URL: 'admin' }, 'must be https'],
    ['a query', { FF_ADMIN_URL: 'https://admin.example?a' }, 'must be https'],
    ['no credential', { FF_ADMIN_URL: url }, 'no credential'],
    [
      'a certificate without its key',
      { FF_ADMIN_URL: url, FF_ADMIN_CERT_FILE: 'ff.pem' },
      'FF_ADMIN_KEY_FILE',
    ],
    [
      'a key without its certificate',
      { FF_ADMIN_URL: url, FF_ADMIN_KEY_FILE: 'ff.key' },
      'FF_ADMIN_CERT_FILE',
    ],
    [
      'a certificate with another key',
      { FF_ADMIN_URL: url, FF_ADMIN_CERT_FILE: 'ff.pem', FF_ADMIN_KEY_FILE: 'other.key' },
      'private key',
    ],
    [
      'a file that is not a key',
      { FF_ADMIN_URL: url, FF_ADMIN_CERT_FILE: 'ff.pem', FF_ADMIN_KEY_FILE: 'token' },
      'private key',
    ],
    [
      'a file that is not a CA certificate',
      { FF_ADMIN_URL: url, FF_ADMIN_TOKEN_FILE: 'token', FF_ADMIN_CA_FILE: 'token' },
      'FF_ADMIN_CA_FILE',
    ],
    ['a missing token file', { FF_ADMIN_URL: url, FF_ADMIN_TOKEN_FILE: 'none' }, 'ENOENT'],
    ['a token in place of its path', { FF_ADMIN_URL: url, FF_ADMIN_TOKEN_FILE: TOKEN }, 'ENOENT'],
    ['a folder for a token', { FF_ADMIN_URL: url, FF_ADMIN_TOKEN_FILE: 'folder' }, 'regular file'],
  ])('%s is refused', async (_what, { FF_ADMIN_URL: place = '', ...files }, text) => {
    const there = Object.entries(files).map(([name, file]) => [name, at(file)])
    const error = await fault({ FF_ADMIN_URL: place, ...Object.fromEntries(there) })
    expect([error.code, error.message]).toEqual(['setting_invalid', expect.stringContaining(text)])
  })
  test.each([
    ['empty', '', 0o600, 'one bearer token'],
    ['short', 'hunter2', 0o600, 'one bearer token'],
    ['of two lines', `${TOKEN}\n${TOKEN}`, 0o600, 'one bearer token'],
    ['with a header in it', `${TOKEN}\r\nx: y`, 0o600, 'one bearer token'],
    ['that is too large', TOKEN.repeat(10_000), 0o600, 'regular file'],
    ['readable by other users', TOKEN, 0o604, '0604'],
    ['writable by other users', TOKEN, 0o602, '0602'],
  ])('a token %s is refused', async (_what, text, mode, said) => {
    const FF_ADMIN_TOKEN_FILE = await put('bad-token', text, mode)
    const error = await fault({ FF_ADMIN_URL: url, FF_ADMIN_TOKEN_FILE })
    expect([error.code, error.message]).toEqual(['setting_invalid', expect.stringContaining(said)])
  })
  test('a key that other users may read is refused', async () => {
    await chmod(at('other.key'), 0o644)
    const error = await fault({
      FF_ADMIN_URL: url,
      FF_ADMIN_CERT_FILE: at('other.pem'),
      FF_ADMIN_KEY_FILE: at('other.key'),
    })
    expect(error.message).toContain('FF_ADMIN_KEY_FILE')
  })
  test.each(['https://u:hunter2@admin.example', 'https://:hunter2@', 'http://hunter2@127.0.0.1'])(
    'a user or password in the URL is refused',
    async (text) => {
      expect((await fault({ FF_ADMIN_URL: text })).code).toBe('secret_in_option')
    },
  )
})

describe('an approvals file', () => {
  const file = (approvals: readonly object[]): Promise<string> =>
    put('approvals.json', JSON.stringify({ approvals }))

  test('answers without Admin, for the same ref, flag, tenant and user only', async () => {
    const FF_APPROVALS_FILE = await file([approval()])
    const opened = await openApprovals(
      await resolveApprovalsPlan(getSettings({ FF_APPROVALS_FILE }), 'dev-H'),
    )
    const check = opened.begin()
    expect(await check(QUESTION)).toMatchObject({ status: 'known', revoked: false })
    const others = ['approval_ref', 'flag_key', 'tenant_id', 'user_id']
    for (const name of others)
      expect(await check({ ...QUESTION, [name]: 'other' })).toEqual({ status: 'unknown' })
    expect(opened.metrics()).toMatchObject({ breaker: null, sockets: 0 })
    await opened.close()
  })

  test('is refused in prod', async () => {
    const error = await fault({ FF_APPROVALS_FILE: await file([]) })
    expect([error.code, error.message]).toEqual([
      'setting_invalid',
      expect.stringContaining('FF_APPROVALS_FILE'),
    ])
  })

  test.each([
    ['is missing', null, 'file_missing'],
    ['is not JSON', '{"approvals":[', 'json_malformed'],
    ['is a list', '[]', 'schema_type'],
    ['has a member twice', '{"approvals":[],"approvals":[]}', 'duplicate_member'],
    ['has more members', '{"approvals":[],"more":1}', 'schema_additional_properties'],
    ['has half an approval', '{"approvals":[{}]}', 'schema_required'],
    [
      'has an approval twice',
      JSON.stringify({ approvals: [approval(), approval()] }),
      'row_repeated',
    ],
    [
      'has a date that does not exist',
      JSON.stringify({
        approvals: [approval({ not_before: '2026-02-30T00:00:00.000Z' as never })],
      }),
      'time_not_canonical',
    ],
  ])('that %s is refused', async (_what, text, code) => {
    const FF_APPROVALS_FILE = text === null ? at('no-such-file') : await put('bad.json', text)
    const error = await fault({ FF_APPROVALS_FILE }, 'dev-H')
    expect([error.code, error.details.join()]).toEqual([
      'artefact_invalid',
      expect.stringContaining(code),
    ])
  })
})

test('without Admin and without an approvals file every approval is unreachable', async () => {
  const opened = await openApprovals(await resolveApprovalsPlan(getSettings({}), 'prod'))
  expect(await opened.begin()(QUESTION)).toEqual({ status: 'unreachable' })
})

describe('ff doctor', () => {
  test.each([
    ['nothing is set', {}, 0, 'no approval holds'],
    ['Admin is set', { FF_ADMIN_URL: 'http://127.0.0.1:1' }, 0, 'from Admin at http://127.0.0.1:1'],
    ['Admin has no credential', { FF_ADMIN_URL: 'https://admin.example' }, 2, 'no credential'],
    ['a variable is no setting', { FF_ADMIN_URI: 'hunter2' }, 0, 'did you mean FF_ADMIN_URL?'],
    ['a file replaces Admin in prod', { FF_APPROVALS_FILE: 'x.json' }, 2, 'setting_invalid'],
  ])('reports that %s', async (_what, env, status, text) => {
    const run = await runFf(['doctor'], { cwd: folder, env })
    expect([run.status, run.stdout]).toEqual([status, expect.stringContaining(text)])
    expect(run.stdout).not.toContain('hunter2')
  })
})
