import { describe, expect, test } from 'vitest'
import {
  listSkippedLayers,
  parseOfrepRequest,
  skipUnmatched,
  takeApprovalRef,
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
    expect(parseOfrepRequest(body, 500)).toStrictEqual({ ok: true, context })
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
    ['{"context":{"approval_ref":7}}', 'type_wrong', '/context/approval_ref'],
  ])('%s is refused: %s at "%s"', (body, code, pointer) => {
    expect(parseOfrepRequest(body, 500)).toStrictEqual({
      ok: false,
      code,
      problem: { code, pointer },
    })
  })
})

test.each([
  [500, 1, true],
  [501, 1, false],
  [22_000, 1, false],
  [1, 500, true],
  [1, 501, false],
])('%i members of a context and %i of its body are accepted: %s', (inside, outside, ok) => {
  const fill = (count: number, more: object): object => ({
    ...more,
    ...Object.fromEntries(
      Array.from({ length: count - Object.keys(more).length }, (_, at) => [`a${at}`, 1]),
    ),
  })
  const read = parseOfrepRequest(JSON.stringify(fill(outside, { context: fill(inside, {}) })), 500)
  expect(read).toMatchObject(ok ? { ok } : { ok, code: 'too_many_members' })
})

describe('an approval_ref that is none', () => {
  test.each(['', 'APP', 'APP-1', 'app-1-a', 'a b'])(
    '%j is skipped with a warning',
    (approval_ref) => {
      const context = { ...ANONYMOUS, approval_ref }
      expect(listSkippedLayers(context)).toEqual(['approval_ref_skipped'])
      expect(takeApprovalRef(context)).toBeNull()
    },
  )
  test.each(['APP-1-a', null])('%j is taken', (approval_ref) => {
    const context = { ...ANONYMOUS, approval_ref }
    expect(listSkippedLayers(context)).toEqual([])
    expect(takeApprovalRef(context)).toBe(approval_ref)
  })
})

describe('S3: a targetingKey or a tenant_id that is no id', () => {
  const BAD = ['', 'Jörg', 'a b', 'a\tb', 'x'.repeat(256), '\u0000', '\ud800']
  const GOOD = ['anna+test@example.com', 'auth0|5f7c', 'system:serviceaccount:ns:sa', '-x_Y', '"\\']

  test.each(BAD)('%j skips its layer with a warning', (id) => {
    const body = JSON.stringify({ context: { targetingKey: id, tenant_id: id } })
    const read = parseOfrepRequest(body, 500)
    if (!read.ok) throw new Error(read.code)
    expect(listSkippedLayers(read.context)).toEqual(['targeting_key_skipped', 'tenant_id_skipped'])
    expect(skipUnmatched({ ...read.context, mode: 'none' })).toEqual({ ...ANONYMOUS, mode: 'none' })
  })

  test.each(GOOD)('%j is an id', (id) => {
    const context = { user_id: id, tenant_id: null, approval_ref: null }
    expect(listSkippedLayers(context)).toEqual([])
    expect(skipUnmatched(context)).toEqual(context)
  })
})
