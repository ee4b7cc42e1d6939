import { describe, expect, test } from 'vitest'
import {
  listSkippedLayers,
  parseOfrepRequest,
  skipUnmatched,
} from '../../../src/core/ofrep/context.ts'

const ANONYMOUS = { user_id: null, tenant_id: null, approval_ref: null }

describe('the context of an OFREP request', () => {
  test.each([
    ['an anonymous caller', '{"context":{}}', ANONYMOUS],
    ['a user', '{"context":{"targetingKey":"U1"}}', { ...ANONYMOUS, user_id: 'U1' }],
    ['a tenant', '{"context":{"tenant_id":"T-1"}}', { ...ANONYMOUS, tenant_id: 'T-1' }],
    [
      'an approval',
      '{"context":{"approval_ref":"APP-1-a"}}',
      { ...ANONYMOUS, approval_ref: 'APP-1-a' },
    ],
    [
      'ignored attributes with any value',
      '{"context":{"a":1e-7,"b":null,"c":[{}],"d":"\\u0000","a":2,"targetingKey":"U1"},"more":1}',
      { ...ANONYMOUS, user_id: 'U1' },
    ],
  ])('%s', (_what, body, context) => {
    expect(parseOfrepRequest(body)).toStrictEqual({ ok: true, context })
  })

  test.each([
    ['', 'json_empty', ''],
    ['{"context":', 'json_malformed', ''],
    [`${'['.repeat(70)}`, 'json_too_deep', ''],
    ['[]', 'type_wrong', ''],
    ['null', 'type_wrong', ''],
    ['7', 'type_wrong', ''],
    ['{}', 'member_missing', '/context'],
    ['{"context":null}', 'type_wrong', '/context'],
    ['{"context":[]}', 'type_wrong', '/context'],
    ['{"context":"U1"}', 'type_wrong', '/context'],
    ['{"context":{},"context":{}}', 'duplicate_member', '/context'],
    ['{"context":{"tenant_id":7}}', 'type_wrong', '/context/tenant_id'],
    ['{"context":{"tenant_id":null}}', 'type_wrong', '/context/tenant_id'],
    ['{"context":{"targetingKey":{}}}', 'type_wrong', '/context/targetingKey'],
    [
      '{"context":{"targetingKey":"a","targetingKey":"b"}}',
      'duplicate_member',
      '/context/targetingKey',
    ],
    ['{"context":{"approval_ref":"APP"}}', 'form_wrong', '/context/approval_ref'],
  ])('%s is refused: %s at "%s"', (body, code, pointer) => {
    expect(parseOfrepRequest(body)).toStrictEqual({ ok: false, problem: { code, pointer } })
  })
})

describe('S3: a targetingKey or a tenant_id that is no id', () => {
  const BAD = ['', 'Jörg', 'a b', 'a\tb', 'x'.repeat(256), '\u0000', '\ud800']
  const GOOD = ['anna+test@example.com', 'auth0|5f7c', 'system:serviceaccount:ns:sa', '-x_Y', '"\\']

  test.each(BAD)('%j skips its layer with a warning', (id) => {
    const body = JSON.stringify({ context: { targetingKey: id, tenant_id: id } })
    const read = parseOfrepRequest(body)
    if (!read.ok) throw new Error(read.problem.code)
    expect(listSkippedLayers(read.context)).toEqual(['targeting_key_skipped', 'tenant_id_skipped'])
    expect(skipUnmatched({ ...read.context, mode: 'none' })).toEqual({ ...ANONYMOUS, mode: 'none' })
  })

  test.each(GOOD)('%j is an id', (id) => {
    const context = { user_id: id, tenant_id: null, approval_ref: null }
    expect(listSkippedLayers(context)).toEqual([])
    expect(skipUnmatched(context)).toEqual(context)
  })
})
