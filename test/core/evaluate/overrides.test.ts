import { describe, expect, test } from 'vitest'
import { readOverrideLayer } from '../../../src/core/evaluate/overrides.ts'
import {
  broken,
  facts,
  fromNow,
  NOW,
  principal,
  tenantRow,
  userRow,
  userTombstone,
} from '../builders.ts'

describe('readOverrideLayer', () => {
  test.each([
    ['no row', 'user', facts(), 'absent'],
    ['a row', 'user', facts({ user: userRow() }), 'matched'],
    ['a row of the other scope', 'user', facts({ tenant: tenantRow() }), 'absent'],
    ['a row of a tenant', 'tenant', facts({ tenant: tenantRow() }), 'matched'],
    [
      'a row, but the caller has no user',
      'user',
      facts({ user: userRow(), by: principal({ user_id: null }) }),
      'absent',
    ],
    [
      'a row, but the caller has no tenant',
      'tenant',
      facts({ tenant: tenantRow(), by: principal({ tenant_id: null }) }),
      'absent',
    ],
    ['a tombstone', 'user', facts({ user: userTombstone() }), 'absent'],
    ['a row that expires now', 'user', facts({ user: userRow({ expires_at: NOW }) }), 'expired'],
    [
      'a row that expired a millisecond ago',
      'tenant',
      facts({ tenant: tenantRow({ expires_at: fromNow(-1) }) }),
      'expired',
    ],
    [
      'a row that expires in a millisecond',
      'user',
      facts({ user: userRow({ expires_at: fromNow(1) }) }),
      'matched',
    ],
  ] as const)('%s', (_situation, scope, given, outcome) => {
    expect(readOverrideLayer(given, scope).outcome).toBe(outcome)
  })

  test.each([
    ['an unreadable row', 'user', facts({ user: broken }), 'row_broken'],
    ['a row of another user', 'user', facts({ user: userRow({ user_id: 'U2' }) }), 'row_foreign'],
    [
      'a row of another tenant',
      'tenant',
      facts({ tenant: tenantRow({ tenant_id: 'T-2' }) }),
      'row_foreign',
    ],
    [
      'a row of another flag',
      'tenant',
      facts({ tenant: tenantRow({ flag_key: 'ff.other' }) }),
      'row_foreign',
    ],
  ] as const)('is unreadable: %s', (_situation, scope, given, cause) => {
    expect(readOverrideLayer(given, scope)).toEqual({ outcome: 'unreadable', cause })
  })
})
