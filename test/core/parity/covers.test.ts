import { describe, expect, test } from 'vitest'
import type { Approval } from '../../../src/core/evaluate/approvals.ts'
import { deriveCoverage } from '../../../src/core/parity/coverage.ts'
import type { VectorCaller, VectorInput, VectorQuestion } from '../../../src/core/parity/vector.ts'
import type { FlagRow, TenantOverrideRow, UserOverrideRow } from '../../../src/core/rows/rows.ts'
import {
  DAY,
  FLAG,
  flagRow,
  fromNow,
  LONG_AGO,
  NOW,
  REF,
  TENANT,
  tenantRow,
  USER,
  userRow,
  userTombstone,
} from '../builders.ts'

interface Case {
  readonly flags?: readonly FlagRow[]
  readonly users?: readonly UserOverrideRow[]
  readonly tenants?: readonly TenantOverrideRow[]
  readonly approvals?: readonly Approval[]
  readonly admin?: VectorInput['admin']
  readonly author?: Partial<VectorCaller>
  readonly ref?: string
}
const secret = [flagRow({ sensitive: true })]
const approval: Approval = {
  approval_ref: REF,
  flag_key: FLAG,
  tenant_id: TENANT,
  user_id: USER,
  not_before: LONG_AGO,
  expires_at: fromNow(30 * DAY),
  revoked: false,
}
const derive = ({ flags, users, tenants, approvals, admin, author, ref }: Case) => {
  const given: VectorInput = {
    now: NOW,
    environment: 'prod',
    state: {
      flag_registry: flags ?? [flagRow()],
      tenant_override: tenants ?? [],
      user_override: users ?? [],
    },
    approvals: approvals ?? [],
    admin: admin ?? 'reachable',
  }
  const who: VectorCaller = { auth_mode: 'verified', tenant_id: TENANT, user_id: USER, ...author }
  const request: VectorQuestion = {
    flag_key: FLAG,
    tenant_id: null,
    user_id: null,
    approval_ref: ref ?? null,
    request_id: 'req-1',
  }
  return deriveCoverage(given, who, request)
}

describe('the scope', () => {
  test.each([
    ['no override', {}, 'global'],
    ['an override of the tenant', { tenants: [tenantRow()] }, 'tenant'],
    ['an override of the user above it', { users: [userRow()], tenants: [tenantRow()] }, 'user'],
    [
      'an override of the user that has just expired',
      { users: [userRow({ expires_at: NOW })], tenants: [tenantRow()] },
      'tenant',
    ],
    [
      'an override with a millisecond left',
      { users: [userRow({ expires_at: fromNow(1) })] },
      'user',
    ],
    [
      'both overrides expired',
      { users: [userRow({ expires_at: NOW })], tenants: [tenantRow({ expires_at: fromNow(-1) })] },
      'global',
    ],
    ['a tombstone', { users: [userTombstone()] }, 'global'],
    [
      'overrides of other users and tenants',
      { users: [userRow({ user_id: 'U2' })], tenants: [tenantRow({ tenant_id: 'T-2' })] },
      'global',
    ],
    [
      'overrides of another flag',
      {
        users: [userRow({ flag_key: 'ff.other' })],
        tenants: [tenantRow({ flag_key: 'ff.other' })],
      },
      'global',
    ],
    ['a tombstone of the tenant', { tenants: [tenantRow({ deleted_at: NOW })] }, 'global'],
    [
      'a caller without ids',
      { users: [userRow()], tenants: [tenantRow()], author: { user_id: null, tenant_id: null } },
      'global',
    ],
  ])('%s', (_situation, given: Case, scope) => {
    expect(derive(given).scope).toBe(scope)
  })
})

describe('the sensitive path', () => {
  test.each([
    ['a flag that is not sensitive', { ref: REF, admin: 'unreachable' }, 'SP-1'],
    ['an unregistered flag', { flags: [], ref: REF }, 'SP-1'],
    [
      'another flag that is sensitive',
      { flags: [flagRow(), flagRow({ flag_key: 'ff.other', sensitive: true })] },
      'SP-1',
    ],
    [
      'another flag before it that is sensitive',
      { flags: [flagRow({ flag_key: 'ff.other', sensitive: true }), flagRow()] },
      'SP-1',
    ],
    ['Admin cannot be reached', { flags: secret, ref: REF, admin: 'unreachable' }, 'SP-5'],
    [
      'the request names an approval',
      { flags: secret, ref: REF, users: [userRow({ approval_ref: 'APP-1-a' })] },
      'SP-2',
    ],
    [
      'the user override names an approval',
      { flags: secret, users: [userRow({ approval_ref: REF })] },
      'SP-3',
    ],
    [
      'the tenant override names an approval, the user override above it none',
      { flags: secret, users: [userRow()], tenants: [tenantRow({ approval_ref: REF })] },
      'SP-3',
    ],
    [
      'an expired override names an approval',
      { flags: secret, users: [userRow({ approval_ref: REF, expires_at: NOW })] },
      'SP-3',
    ],
    [
      'only another user’s override names an approval',
      { flags: secret, users: [userRow({ approval_ref: REF, user_id: 'U2' })] },
      'SP-4',
    ],
    ['no approval is named', { flags: secret, users: [userRow()] }, 'SP-4'],
  ] as const)('%s', (_situation, given: Case, path) => {
    expect(derive(given).sensitive_path).toBe(path)
  })
})

describe('the TTL state', () => {
  test.each([
    ['no approval is involved', {}, null],
    ['a named approval', { ref: REF, approvals: [approval] }, 'valid'],
    ['a named approval that does not exist', { ref: REF }, 'unknown'],
    [
      'a named approval of another user',
      { ref: REF, approvals: [{ ...approval, user_id: 'U2' }] },
      'unknown',
    ],
    [
      'an approval that an override names',
      { users: [userRow({ approval_ref: REF })], approvals: [{ ...approval, revoked: true }] },
      'revoked',
    ],
    [
      'an unnamed approval that Admin holds',
      { approvals: [{ ...approval, expires_at: NOW }] },
      'expired',
    ],
    [
      'a named approval of another flag',
      { ref: REF, approvals: [{ ...approval, flag_key: 'ff.other' }] },
      'unknown',
    ],
    [
      'a named approval of another tenant',
      { ref: REF, approvals: [{ ...approval, tenant_id: 'T-2' }] },
      'unknown',
    ],
    [
      'an approval that begins in a millisecond',
      { ref: REF, approvals: [{ ...approval, not_before: fromNow(1) }] },
      'not_yet_valid',
    ],
    [
      'an approval that begins now',
      { ref: REF, approvals: [{ ...approval, not_before: NOW }] },
      'valid',
    ],
    [
      'an approval with a day left',
      { ref: REF, approvals: [{ ...approval, expires_at: fromNow(DAY) }] },
      'expiring_soon',
    ],
    [
      'an approval with a millisecond more',
      { ref: REF, approvals: [{ ...approval, expires_at: fromNow(DAY + 1) }] },
      'valid',
    ],
    [
      'the approval of the request before that of the override',
      { ref: 'APP-1-a', users: [userRow({ approval_ref: REF })], approvals: [approval] },
      'unknown',
    ],
  ])('%s', (_situation, given: Case, state) => {
    expect(derive(given).ttl_state).toBe(state)
  })
})

test('the mode is that of the caller', () => {
  expect(derive({ author: { auth_mode: 'dev-headers' } }).auth_mode).toBe('dev-headers')
})
