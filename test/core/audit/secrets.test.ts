import { describe, expect, test } from 'vitest'
import { appendToChain, type AuditRecord, EMPTY_HEAD } from '../../../src/core/audit/record.ts'
import { SecretScan } from '../../../src/core/audit/secrets.ts'
import { plantSecrets } from '../../../src/features/probes/faults/planted-secrets.ts'
import { json, NOW, sha256 } from '../builders.ts'

const RECORD = appendToChain(
  {
    audit_id: '019bbf2e-0000-7000-8000-000000000001',
    occurred_at: NOW,
    actor: 'ops.bob',
    auth_mode: 'verified',
    action: 'flag.put',
    outcome: 'applied',
    target: 'flag/ff.a',
    before: null,
    after: json('{"default_value":true,"sensitive":false}'),
    request_id: 'req-1',
    approval_ref: 'APP-1-a',
    phase: 'file',
  },
  EMPTY_HEAD,
  sha256,
)
const PLANTED = plantSecrets(RECORD)
const scan = (...records: readonly Partial<AuditRecord>[]) => {
  const scanning = new SecretScan()
  return records.map((one) => scanning.take({ ...RECORD, ...one })).at(-1)
}
const SEALED = `{"hmac_sha256":"${'a'.repeat(64)}"}`

describe('a planted secret is found, and nothing else', () => {
  test('in every member that holds a text, of every kind', () => {
    expect(PLANTED).toHaveLength(6 * 14 + 2)
  })
  test.each(PLANTED.map((one) => [one.expected.kind, one.expected.member, one] as const))(
    '%s in %s',
    (_kind, _member, { record, expected }) => {
      expect(new SecretScan().take(record)).toEqual([expected])
    },
  )
})

describe('a secret is found', () => {
  test.each([
    [
      'in the escapes of a target',
      { target: 'user/postgres%3A%2F%2Fu%3Apw%40h/ff.a' },
      'url_password',
      'target',
    ],
    [
      'as the name of a member',
      { after: json('{"eyJhbGciOiJub25l.eyJzdWIiOiJ4.x":1}') },
      'jwt',
      'after',
    ],
    [
      'below arrays and objects',
      { before: json('{"a":[null,true,1,{"b":"passwd: hunter2"}]}') },
      'password',
      'before',
    ],
    ['in a text that is JSON', { request_id: '"password=hunter2"' }, 'password', 'request_id'],
    [
      'in a text that only begins as JSON',
      { request_id: '{password=hunter2' },
      'password',
      'request_id',
    ],
    ['as a bearer token', { actor: 'bearer 0123456789abcdef0' }, 'authorization', 'actor'],
    ['as a private JWK', { after: json('{"d":"AAAA","kty":"OKP"}') }, 'private_key', 'after'],
    [
      'as a private JWK in a text',
      { after: json('{"note":"{\\"kty\\":\\"oct\\",\\"k\\":\\"AAAA\\"}"}') },
      'private_key',
      'after',
    ],
  ])('%s', (_what, change, kind, member) => {
    expect(scan(change as Partial<AuditRecord>)).toEqual([{ kind, member }])
  })
})

describe('no secret is', () => {
  test.each([
    ['a public JWK', '{"jwk":{"crv":"Ed25519","kty":"OKP","x":"AAAA"}}'],
    ['a policy about passwords', '{"value":{"password_length":12}}'],
    ['prose about bearers', '{"description":"needs bearer authentication, as all of them"}'],
    ['an address without a password', '{"value":"https://admin.example/x@y"}'],
    ['a list', '["a",1,false,null]'],
    ['null', 'null'],
  ])('%s', (_what, after) => {
    expect(scan({ after: json(after) })).toEqual([])
  })
})

describe('the values of a sensitive flag', () => {
  const sensitive = { after: json(`{"default_value":${SEALED},"sensitive":true}`) }
  const override = { target: 'tenant/T1/ff.a' }
  test('are sealed', () => {
    expect(scan(sensitive)).toEqual([])
    expect(scan(sensitive, { ...override, after: json(`{"value":${SEALED}}`) })).toEqual([])
  })
  test.each([
    ['of the flag', [{ after: json('{"safe_value":1,"sensitive":true}') }], ['after']],
    ['of an override', [sensitive, { ...override, after: json('{"value":1}') }], ['after']],
    [
      'of an override before',
      [sensitive, { ...override, before: json('{"value":null}'), after: null }],
      ['before'],
    ],
    [
      'beside a digest',
      [sensitive, { ...override, after: json('{"value":{"hmac_sha256":"a","x":1}}') }],
      ['after'],
    ],
    [
      'when the flag ceases to be sensitive',
      [
        {
          before: json('{"default_value":1,"sensitive":true}'),
          after: json(`{"default_value":${SEALED},"sensitive":false}`),
        },
      ],
      ['before'],
    ],
  ])('are found in clear: %s', (_what, records, members) => {
    expect(scan(...records)).toEqual(members.map((member) => ({ kind: 'sensitive_value', member })))
  })
  test('may be in clear once the flag is no longer sensitive', () => {
    const ceases = { before: null, after: json(`{"default_value":${SEALED},"sensitive":false}`) }
    expect(scan(sensitive, ceases, { ...override, after: json('{"value":1}') })).toEqual([])
  })
})
