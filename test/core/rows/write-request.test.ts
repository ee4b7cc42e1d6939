import { describe, expect, test } from 'vitest'
import type { WriteRequest } from '../../../src/core/rows/write-request.ts'
import { findCallerProblems, findRequestProblems } from '../../../src/core/rows/write-request.ts'
import { FLAG, NOW, REF, USER } from '../builders.ts'

const REQUEST: WriteRequest = {
  table: 'user_override',
  key: { scope_id: USER, flag_key: FLAG },
  action: 'put',
  body: null,
  expected: null,
  actor: 'ops.alice',
  auth_mode: 'verified',
  request_id: 'req-1',
  occurred_at: NOW,
  approval: null,
}

describe('findRequestProblems', () => {
  test('a valid request has none', () => {
    expect(findRequestProblems(REQUEST)).toEqual([])
    const registry = { table: 'flag_registry', key: { scope_id: null, flag_key: FLAG } } as const
    expect(findRequestProblems({ ...REQUEST, ...registry })).toEqual([])
    const approval = { approval_ref: REF, answer: { status: 'unknown' } } as const
    expect(findRequestProblems({ ...REQUEST, approval })).toEqual([])
  })

  test.each<[string, Partial<WriteRequest>, string]>([
    ['a flag key with U+0000', { key: { scope_id: USER, flag_key: 'ff.\u0000' } }, '/flag_key'],
    ['a user with a space', { key: { scope_id: 'a b', flag_key: FLAG } }, '/user_id'],
    ['no user', { key: { scope_id: null, flag_key: FLAG } }, '/user_id'],
    [
      'no tenant',
      { table: 'tenant_override', key: { scope_id: null, flag_key: FLAG } },
      '/tenant_id',
    ],
    ['a flag with a scope', { table: 'flag_registry' }, '/scope_id'],
    ['an actor of two words', { actor: 'ops bob' }, '/actor'],
    ['no request id', { request_id: '' }, '/request_id'],
    ['a request id of 129 characters', { request_id: 'r'.repeat(129) }, '/request_id'],
    ['a request id with U+0000', { request_id: 'r\u0000' }, '/request_id'],
    ['a request id with a lone surrogate', { request_id: 'r\ud800' }, '/request_id'],
    [
      'a malformed ref',
      { approval: { approval_ref: 'not a ref', answer: { status: 'unknown' } } },
      '/approval_ref',
    ],
  ])('%s is refused', (_situation, more, pointer) => {
    expect(findRequestProblems({ ...REQUEST, ...more })).toEqual([{ code: 'form_wrong', pointer }])
  })

  test('reports all faults at once', () => {
    const all = { key: { scope_id: '', flag_key: '' }, actor: '', request_id: '' }
    expect(findRequestProblems({ ...REQUEST, ...all })).toHaveLength(4)
  })
})

test('findCallerProblems takes a request that has no approval, such as an announcement', () => {
  const { actor, request_id } = REQUEST
  expect(findCallerProblems({ actor, request_id })).toEqual([])
  expect(findCallerProblems({ actor: 'a b', request_id })).toEqual([
    { code: 'form_wrong', pointer: '/actor' },
  ])
})
