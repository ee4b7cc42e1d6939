import { describe, expect, test } from 'vitest'
import { evaluate } from '../../../src/core/evaluate/evaluate.ts'
import type { ApprovalAnswer } from '../../../src/core/evaluate/types.ts'
import {
  anonymous,
  broken,
  DAY,
  decide,
  decodeOnly,
  devHeaders,
  facts as factsOf,
  FLAG,
  flagRow,
  fromNow,
  known,
  NOW,
  principal,
  REF,
  TENANT,
  tenantRow,
  USER,
  userRow,
  userTombstone,
} from '../builders.ts'

const OTHER = 'APP-100002-efgh'
const sensitive = flagRow({ sensitive: true, required_auth: 'none' })
const facts = (more: Parameters<typeof factsOf>[0] = {}) => factsOf({ flag: sensitive, ...more })
const NO_CALLS = { approval_ref: null, ttl_state: null }

describe('an unverified caller learns nothing, and Admin is not called', () => {
  test.each([
    ['decode-only', decodeOnly(), {}],
    ['dev headers', devHeaders(), {}],
    ['an anonymous caller', anonymous(), {}],
    [
      'verified by a stale key set',
      principal({ key_set_stale: true, warnings: ['jwks_stale'] }),
      { jwks_stale: true },
    ],
  ] as const)('%s, with a ref on the request and on the override', (_situation, by, detail) => {
    const given = facts({ by, ref: REF, user: userRow({ approval_ref: REF }) })
    expect(evaluate(given).ask).toBeUndefined()
    const decision = decide(given)
    expect(decision).toMatchObject({
      decision: 'deny',
      reason: 'auth_not_verified',
      value: '"safe"',
    })
    expect(decision.meta).toMatchObject(NO_CALLS)
    expect(decision.reason_chain.at(-1)).toEqual({
      prec: 4,
      rule: 'sensitive_overlay',
      outcome: 'denied',
      code: 'auth_not_verified',
      ...detail,
    })
  })

  test('a stale key set is accepted for a flag that is not sensitive', () => {
    const given = factsOf({ by: principal({ key_set_stale: true }) })
    expect(decide(given).decision).toBe('allow')
  })
})

describe('the approval that Admin is asked about', () => {
  test.each([
    ['that of the request', facts({ ref: REF }), REF],
    [
      'that of the request, though the override names another',
      facts({ ref: REF, user: userRow({ approval_ref: OTHER }) }),
      REF,
    ],
    ['that of the user override', facts({ user: userRow({ approval_ref: REF }) }), REF],
    ['that of the tenant override', facts({ tenant: tenantRow({ approval_ref: REF }) }), REF],
    [
      'that of the user override before that of the tenant override',
      facts({ user: userRow({ approval_ref: REF }), tenant: tenantRow({ approval_ref: OTHER }) }),
      REF,
    ],
    [
      'that of the tenant override below an expired user override',
      facts({
        user: userRow({ approval_ref: OTHER, expires_at: NOW }),
        tenant: tenantRow({ approval_ref: REF }),
      }),
      REF,
    ],
    [
      'that of the tenant override below a tombstone',
      facts({ user: userTombstone(), tenant: tenantRow({ approval_ref: REF }) }),
      REF,
    ],
  ])('%s', (_situation, given, approval_ref) => {
    expect(evaluate(given)).toEqual({
      ask: { approval_ref, flag_key: FLAG, tenant_id: TENANT, user_id: USER },
    })
  })

  test('the question holds null for a missing tenant', () => {
    const given = facts({ ref: REF, by: principal({ tenant_id: null }) })
    expect(evaluate(given).ask).toMatchObject({ tenant_id: null, user_id: USER })
  })

  test('a flag that is not sensitive needs no approval, whatever is named', () => {
    const given = factsOf({ ref: REF, user: userRow({ approval_ref: OTHER }) })
    expect(decide(given).meta).toMatchObject(NO_CALLS)
  })

  test.each([
    ['no approval is named', facts()],
    [
      'the served override names none',
      facts({ user: userRow(), tenant: tenantRow({ approval_ref: REF }) }),
    ],
    [
      'the override that names one has expired',
      facts({ user: userRow({ approval_ref: REF, expires_at: NOW }) }),
    ],
    [
      'only another layer names one',
      facts({ user: userRow({ approval_ref: REF }), by: principal({ user_id: null }) }),
    ],
  ])('none: %s', (_situation, given) => {
    const decision = decide(given)
    expect(evaluate(given).ask).toBeUndefined()
    expect(decision).toMatchObject({ reason: 'approval_missing', meta: NO_CALLS })
    expect(decision.reason_chain.at(-1)).toMatchObject({ prec: 4, code: 'approval_missing' })
  })

  test.each([
    [
      'the user override is unreadable',
      facts({ user: broken, tenant: tenantRow({ approval_ref: REF }) }),
      'row_broken',
    ],
    [
      'the tenant override belongs to another tenant',
      facts({ tenant: tenantRow({ tenant_id: 'T-2', approval_ref: REF }) }),
      'row_foreign',
    ],
  ])('the fail-safe engages: %s', (_situation, given, cause) => {
    expect(evaluate(given).ask).toBeUndefined()
    expect(decide(given)).toMatchObject({
      reason: 'fail_safe',
      value: '"safe"',
      meta: NO_CALLS,
    })
    expect(decide(given).reason_chain.at(-1)).toMatchObject({ prec: 8, cause, at: 4 })
  })
})

describe('the answer of Admin', () => {
  test.each<[string, ApprovalAnswer, string, string | null]>([
    ['cannot be reached', { status: 'unreachable' }, 'admin_unreachable', null],
    ['does not know the approval', { status: 'unknown' }, 'approval_unknown', 'unknown'],
    ['has revoked the approval', known({ revoked: true }), 'approval_revoked', 'revoked'],
    ['begins later', known({ not_before: fromNow(1) }), 'approval_not_yet_valid', 'not_yet_valid'],
    ['ends now', known({ expires_at: NOW }), 'approval_expired', 'expired'],
  ])('%s: denied, with the ref in meta', (_situation, answer, reason, ttl_state) => {
    const decision = decide(facts({ ref: REF, user: userRow() }), answer)
    expect(decision).toMatchObject({
      decision: 'deny',
      reason,
      value: '"safe"',
      matched_scope: null,
      warnings: [],
      meta: { approval_ref: REF, ttl_state, override_revision: null, flag_revision: 3 },
    })
    expect(decision.reason_chain.at(-1)).toEqual({
      prec: 4,
      rule: 'sensitive_overlay',
      outcome: 'denied',
      code: reason,
      named_by: 'request',
    })
  })

  test('a bad ref on the request does not fall back to the good one of the override', () => {
    const given = facts({ ref: OTHER, user: userRow({ approval_ref: REF }) })
    expect(decide(given, { status: 'unknown' })).toMatchObject({
      reason: 'approval_unknown',
      meta: { approval_ref: OTHER },
    })
  })

  test.each([
    ['by the request', facts({ ref: REF, user: userRow() }), 'request', 'user'],
    [
      'by the user override',
      facts({ user: userRow({ approval_ref: REF }) }),
      'user_override',
      'user',
    ],
    [
      'by the tenant override',
      facts({ tenant: tenantRow({ approval_ref: REF }) }),
      'tenant_override',
      'tenant',
    ],
    ['by the request, for the default', facts({ ref: REF }), 'request', 'global'],
  ])('valid, named %s: allowed', (_situation, given, named_by, matched_scope) => {
    const decision = decide(given)
    expect(decision).toMatchObject({
      decision: 'allow',
      matched_scope,
      warnings: [],
      meta: { approval_ref: REF, ttl_state: 'valid' },
    })
    expect(decision.reason_chain[3]).toEqual({
      prec: 4,
      rule: 'sensitive_overlay',
      outcome: 'approved',
      named_by,
    })
  })

  test('ends soon: allowed, with the warning sorted among the others', () => {
    const given = facts({ ref: REF, by: principal({ warnings: ['jwks_stale', 'kid_missing'] }) })
    const decision = decide(given, known({ expires_at: fromNow(DAY) }))
    expect(decision.warnings).toEqual(['approval_expiring_soon', 'jwks_stale', 'kid_missing'])
    expect(decision).toMatchObject({ decision: 'allow', meta: { ttl_state: 'expiring_soon' } })
    expect(decision.reason_chain[3]).toMatchObject({ prec: 4, outcome: 'expiring_soon' })
  })

  test('valid, but the row cannot be served: the ref stays in meta', () => {
    const decision = decide(facts({ ref: REF, user: broken }), known({ expires_at: fromNow(1) }))
    expect(decision).toMatchObject({
      reason: 'fail_safe',
      warnings: ['approval_expiring_soon'],
      meta: { approval_ref: REF, ttl_state: 'expiring_soon' },
    })
    expect(decision.reason_chain.map(({ prec }) => prec)).toEqual([1, 2, 3, 4, 8])
  })
})
