import { describe, expect, test } from 'vitest'
import { type Approval, answerApproval } from '../../../src/core/evaluate/approvals.ts'
import { DAY, FLAG, fromNow, LONG_AGO, REF, TENANT, USER } from '../builders.ts'

const approval = (more: Partial<Approval> = {}): Approval => ({
  approval_ref: REF,
  flag_key: FLAG,
  tenant_id: TENANT,
  user_id: USER,
  not_before: LONG_AGO,
  expires_at: fromNow(DAY),
  revoked: false,
  ...more,
})
const question = { approval_ref: REF, flag_key: FLAG, tenant_id: TENANT, user_id: USER }

describe('answerApproval', () => {
  test('returns only the times of the approval for this ref, flag, tenant and user', () => {
    const others = [approval({ user_id: 'U2', revoked: true }), approval({ flag_key: 'ff.other' })]
    expect(answerApproval([...others, approval()], question)).toEqual({
      status: 'known',
      revoked: false,
      not_before: LONG_AGO,
      expires_at: fromNow(DAY),
    })
  })

  test('a revoked approval is known too', () => {
    expect(answerApproval([approval({ revoked: true })], question)).toMatchObject({ revoked: true })
  })

  test.each([
    ['no approvals', [], question],
    ['another ref', [approval({ approval_ref: 'APP-1-a' })], question],
    ['another flag', [approval({ flag_key: 'ff.other' })], question],
    ['another tenant', [approval({ tenant_id: 'T-2' })], question],
    ['another user', [approval({ user_id: 'U2' })], question],
    ['a ref in other letter case', [approval({ approval_ref: REF.toUpperCase() })], question],
    ['a caller without a tenant', [approval()], { ...question, tenant_id: null }],
    ['a caller without a user', [approval()], { ...question, user_id: null }],
  ])('unknown: %s', (_situation, approvals, query) => {
    expect(answerApproval(approvals, query)).toEqual({ status: 'unknown' })
  })
})
