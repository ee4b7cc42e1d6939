import { readFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { formatDefault } from '../../../src/core/settings/format-default.ts'
import {
  DEFAULT_SETTINGS,
  FILE_SETTINGS,
  toFileKey,
  SETTING_NAMES,
  getSettingRow,
  SETTINGS,
  type SettingName,
  type SettingValues,
} from '../../../src/core/settings/settings.ts'
import type { TargetSpec } from '../../../src/core/parity/target.ts'

type Equal<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false

test('the type of a value follows from its declaration', () => {
  const holds: Equal<
    Pick<
      SettingValues,
      'FF_BACKING' | 'FF_LISTEN' | 'FF_DATABASE_URL' | 'FF_ALLOW_DEV_HEADERS' | 'FF_JWT_LEEWAY'
    >,
    {
      readonly FF_BACKING: 'file' | 'db' | 'managed' | null
      readonly FF_LISTEN: { readonly host: string; readonly port: number }
      readonly FF_DATABASE_URL: TargetSpec | null
      readonly FF_ALLOW_DEV_HEADERS: boolean
      readonly FF_JWT_LEEWAY: number | null
    }
  > = true
  expect(holds).toBe(true)
})

test.each(SETTING_NAMES)('the default of %s is shown as it would be given', (name) => {
  const shown = formatDefault(name)
  const { otherwise, parse } = getSettingRow(name)
  if (shown === null) expect([undefined, []]).toContainEqual(otherwise)
  else expect(parse(shown)).toEqual({ ok: true, value: otherwise ?? expect.anything() })
})

test('the defaults of the contract are shown', async () => {
  const text = await readFile('contracts/jwks_integration_notes.json', 'utf8')
  const { algorithms, claims } = JSON.parse(text) as {
    readonly algorithms: { readonly default: readonly string[] }
    readonly claims: { readonly audience: string; readonly leeway_s: number }
  }
  expect(formatDefault('FF_JWT_ALGORITHMS')).toBe(algorithms.default.join(','))
  expect(formatDefault('FF_JWT_AUDIENCE')).toBe(claims.audience)
  expect(formatDefault('FF_JWT_LEEWAY')).toBe(String(claims.leeway_s))
})

const [KID, HASH] = ['k'.repeat(43), 'a'.repeat(64)]
describe('the value of a text', () => {
  test.each<[SettingName, string, unknown]>([
    ['FF_BACKING', 'file', 'file'],
    ['FF_BACKING', 'db', 'db'],
    ['FF_LISTEN', '127.0.0.1:8420', { host: '127.0.0.1', port: 8420 }],
    ['FF_LISTEN', '[::1]:0', { host: '::1', port: 0 }],
    ['FF_ADMIN_LISTEN', 'flags.example:65535', { host: 'flags.example', port: 65_535 }],
    ['FF_STORE_DIR', '/srv/ff', '/srv/ff'],
    ['FF_DATABASE_URL', 'embedded', { kind: 'embedded' }],
    [
      'FF_DATABASE_URL',
      'postgres://u:secret@h/d',
      { kind: 'postgres', url: 'postgres://u:secret@h/d', name: 'postgres://h/d' },
    ],
    ['FF_ENV', 'dev', 'dev'],
    ['FF_ENV', 'staging', 'staging'],
    ['FF_ALLOW_DEV_HEADERS', 'true', true],
    ['FF_ALLOW_DEV_HEADERS', 'false', false],
    ['FF_JWKS_URL', 'https://idp.example/jwks', new URL('https://idp.example/jwks')],
    ['FF_ADMIN_URL', 'http://127.0.0.1:1', new URL('http://127.0.0.1:1')],
    ['FF_JWT_ALGORITHMS', ' RS256,, ES256 ', ['RS256', 'ES256']],
    ['FF_JWT_LEEWAY', '60', 60],
    ['FF_JWT_SCOPE_CLAIM', 'scp', 'scp'],
    ['FF_TLS_CERT_FILE', 'chain.pem', 'chain.pem'],
    [
      'FF_CORS_ORIGINS',
      'https://APP.example:443/, http://localhost:5173',
      ['https://app.example', 'http://localhost:5173'],
    ],
    ['FF_KAFKA_BROKERS', 'a.example:9092, [::1]:1', ['a.example:9092', '[::1]:1']],
    ['FF_KAFKA_TOPIC', 'ptt.audit.trail', 'ptt.audit.trail'],
    ['FF_KAFKA_SASL', 'scram-sha-256', 'scram-sha-256'],
    ['FF_MAX_IN_FLIGHT', '1', 1],
    ['FF_DRAIN_DELAY', '0', 0],
    ['FF_DRAIN_DELAY', '2.125', 2.125],
    ['FF_BACKING', 'managed', 'managed'],
    ['FF_DEV_SCOPES', 'a,b', ['a', 'b']],
    [
      'FF_EVIDENCE_HEAD',
      `${KID}:42:${HASH}, ${KID}:0:${HASH}`,
      [42, 0].map((seq) => ({ kid: KID, seq, hash: HASH })),
    ],
    ['FF_EVIDENCE_HEAD', `${KID}:1:${HASH}:2`, [{ kid: KID, seq: 1, hash: HASH, withdrawn: 2 }]],
  ])('%s=%s', (name, text, value) => {
    expect(getSettingRow(name).parse(text)).toEqual({ ok: true, value })
  })

  test.each<[SettingName, string, string]>([
    ['FF_BACKING', 'postgres', 'backing_unknown'],
    ['FF_BACKING', 'both', 'backing_unknown'],
    ['FF_ALLOW_DEV_HEADERS', 'TRUE', 'switch_unreadable'],
    ['FF_LISTEN', 'here', 'listen_unreadable'],
    ['FF_LISTEN', '127.0.0.1:65536', 'listen_unreadable'],
    ['FF_LISTEN', '::1:80', 'listen_unreadable'],
    ['FF_JWT_LEEWAY', '1.5', 'leeway_unreadable'],
    ['FF_JWT_LEEWAY', '61', 'leeway_unreadable'],
    ['FF_JWT_SCOPE_CLAIM', 'sub', 'scope_claim_unknown'],
    ['FF_CORS_ORIGINS', '*', 'origin_unreadable'],
    ['FF_CORS_ORIGINS', 'https://*.example', 'origin_unreadable'],
    ['FF_CORS_ORIGINS', 'app.example', 'origin_unreadable'],
    ['FF_CORS_ORIGINS', 'https://app.example/page', 'origin_unreadable'],
    ['FF_CORS_ORIGINS', 'https://u@app.example', 'origin_unreadable'],
    ['FF_CORS_ORIGINS', 'ftp://app.example', 'origin_unreadable'],
    ['FF_MAX_IN_FLIGHT', '0', 'number_unreadable'],
    ['FF_MAX_IN_FLIGHT', '1.5', 'number_unreadable'],
    ['FF_MAX_IN_FLIGHT', '1e2', 'number_unreadable'],
    ['FF_DRAIN_DELAY', '301', 'number_unreadable'],
    ['FF_DRAIN_DELAY', '-1', 'number_unreadable'],
    ['FF_JWKS_URL', 'https://u:p@idp.example', 'key_server_with_user'],
    ['FF_JWKS_URL', 'http://idp.example', 'key_server_not_https'],
    ['FF_ADMIN_URL', 'https://u@admin.example', 'admin_with_user'],
    ['FF_ADMIN_URL', 'https://admin.example?a', 'admin_not_https'],
    ['FF_EVIDENCE_HEAD', `${KID}:1`, 'evidence_head_unreadable'],
    ['FF_EVIDENCE_HEAD', `${KID}:1:${HASH},`, 'evidence_head_unreadable'],
    ['FF_EVIDENCE_HEAD', `${KID}:01:${HASH}`, 'evidence_head_unreadable'],
    ['FF_EVIDENCE_HEAD', `${KID}:1:${HASH}:`, 'evidence_head_unreadable'],
    ['FF_EVIDENCE_HEAD', `${KID}:1:${HASH}:02`, 'evidence_head_unreadable'],
    ['FF_DATABASE_URL', 'mysql://h', 'target_unknown'],
    ['FF_KAFKA_BROKERS', 'kafka', 'brokers_unreadable'],
    ['FF_KAFKA_BROKERS', 'kafka:9092,kafka:0', 'brokers_unreadable'],
    ['FF_KAFKA_BROKERS', ' , ', 'brokers_unreadable'],
    ['FF_KAFKA_TOPIC', '..', 'topic_unreadable'],
    ['FF_KAFKA_TOPIC', 'a b', 'topic_unreadable'],
    ['FF_KAFKA_TOPIC', 'a'.repeat(250), 'topic_unreadable'],
    ['FF_KAFKA_SASL', 'PLAIN', 'mechanism_unknown'],
  ])('%s=%s is refused', (name, text, fault) => {
    expect(getSettingRow(name).parse(text)).toEqual({ ok: false, fault })
  })
})

test('a setting that is not given has its default, or null', () => {
  const set = SETTING_NAMES.filter((name) => DEFAULT_SETTINGS[name] !== null).filter(
    (name) => getSettingRow(name).bounds === undefined,
  )
  expect(set).toEqual([
    'FF_LISTEN',
    'FF_CORS_ORIGINS',
    'FF_KAFKA_TOPIC',
    'FF_KAFKA_TLS',
    'FF_ALLOW_DEV_HEADERS',
    'FF_JWT_SCOPE_CLAIM',
    'FF_EVIDENCE_HEAD',
    'FF_DEV_SCOPES',
  ])
  expect(DEFAULT_SETTINGS).toMatchObject({
    FF_LISTEN: SETTINGS.FF_LISTEN.otherwise,
    FF_ALLOW_DEV_HEADERS: false,
    FF_DRAIN_DELAY: 5,
    FF_DEV_SCOPES: [],
  })
})

test('the file may hold no secret and no environment-only setting', () => {
  const elsewhere = SETTING_NAMES.filter((name) => !FILE_SETTINGS.includes(name))
  expect(elsewhere).toEqual([
    'FF_DATABASE_URL',
    'FF_REDIS_URL',
    'FF_ENV',
    'FF_ALLOW_DEV_HEADERS',
    'FF_PAGER',
    'FF_CODE_VERSION',
    'FF_TRUST_SHA256',
    'FF_EVIDENCE_HEAD',
  ])
  expect(toFileKey('FF_AUDIT_DIGEST_KEY_FILE')).toBe('auditDigestKeyFile')
})
