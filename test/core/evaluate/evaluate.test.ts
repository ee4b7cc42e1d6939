import { describe, expect, test } from 'vitest'
import { evaluate } from '../../../src/core/evaluate/evaluate.ts'
import {
  anonymous,
  broken,
  decide,
  decodeOnly,
  devHeaders,
  facts,
  flagRow,
  json,
  NOW,
  principal,
  REF,
  tenantRow,
  userRow,
  userTombstone,
} from '../builders.ts'

/** The reason chain, one entry as number and outcome. */
const steps = (given: Parameters<typeof decide>[0]): readonly string[] =>
  decide(given).reason_chain.map(({ prec, outcome }) => `${prec} ${outcome}`)
const FREE = ['1 pass', '2 pass', '3 pass', '4 not_sensitive']

describe('the eight rules', () => {
  test.each([
    ['the flag is not registered', facts({ flag: null }), 'flag_unknown', ['1 unknown']],
    [
      'the flag is archived',
      facts({ flag: flagRow({ state: 'archived' }) }),
      'flag_archived',
      ['1 archived'],
    ],
    [
      'the flag is killed',
      facts({ flag: flagRow({ state: 'killed' }), user: userRow(), tenant: tenantRow() }),
      'kill_switch',
      ['1 pass', '2 killed'],
    ],
    [
      'no override exists',
      facts(),
      'global_default',
      [...FREE, '5 absent', '6 absent', '7 matched'],
    ],
    [
      'the tenant overrides',
      facts({ tenant: tenantRow() }),
      'tenant_override',
      [...FREE, '5 absent', '6 matched'],
    ],
    [
      'the user overrides the tenant',
      facts({ user: userRow(), tenant: tenantRow() }),
      'user_override',
      [...FREE, '5 matched'],
    ],
    [
      'the user’s override has expired',
      facts({ user: userRow({ expires_at: NOW }), tenant: tenantRow() }),
      'tenant_override',
      [...FREE, '5 expired', '6 matched'],
    ],
    [
      'both overrides have expired',
      facts({ user: userRow({ expires_at: NOW }), tenant: tenantRow({ expires_at: NOW }) }),
      'global_default',
      [...FREE, '5 expired', '6 expired', '7 matched'],
    ],
    [
      'the user’s override was deleted',
      facts({ user: userTombstone() }),
      'global_default',
      [...FREE, '5 absent', '6 absent', '7 matched'],
    ],
    [
      'the caller has no user and no tenant',
      facts({
        user: userRow(),
        tenant: tenantRow(),
        by: principal({ user_id: null, tenant_id: null }),
      }),
      'global_default',
      [...FREE, '5 absent', '6 absent', '7 matched'],
    ],
  ] as const)('%s', (_situation, given, reason, chain) => {
    expect(decide(given).reason).toBe(reason)
    expect(steps(given)).toEqual(chain)
  })

  test.each([
    ['none', 'an anonymous caller', anonymous(), 'pass', null],
    ['none', 'a decode-only caller', decodeOnly(), 'pass', null],
    ['none', 'a caller by headers', devHeaders(), 'pass', null],
    ['none', 'a verified caller', principal(), 'pass', null],
    ['any', 'an anonymous caller', anonymous(), 'missing', 'auth_required'],
    ['any', 'a decode-only caller', decodeOnly(), 'pass', null],
    ['any', 'a caller by headers', devHeaders(), 'pass', null],
    ['any', 'a verified caller', principal(), 'pass', null],
    ['verified', 'an anonymous caller', anonymous(), 'missing', 'auth_required'],
    ['verified', 'a decode-only caller', decodeOnly(), 'not_verified', 'auth_not_verified'],
    ['verified', 'a caller by headers', devHeaders(), 'not_verified', 'auth_not_verified'],
    ['verified', 'a verified caller', principal(), 'pass', null],
  ] as const)(
    'a flag that requires %s, evaluated for %s',
    (required_auth, _who, by, outcome, reason) => {
      const decision = decide(facts({ flag: flagRow({ required_auth }), by, user: userRow() }))
      expect(decision.reason_chain[2]).toEqual({ prec: 3, rule: 'authentication', outcome })
      expect(decision.reason).toBe(reason ?? 'user_override')
      expect(decision.reason_chain).toHaveLength(reason === null ? 5 : 3)
    },
  )

  test('required_auth is checked before the approval of a sensitive flag', () => {
    const flag = flagRow({ required_auth: 'verified', sensitive: true })
    expect(decide(facts({ flag, by: anonymous() })).reason).toBe('auth_required')
    expect(decide(facts({ flag, by: decodeOnly() })).reason_chain.at(-1)).toMatchObject({ prec: 3 })
  })
})

describe('the fail-safe', () => {
  test.each([
    ['the flag row is unreadable', facts({ flag: broken }), 'row_broken', 1, []],
    [
      'the row belongs to another flag',
      facts({ flag: flagRow({ flag_key: 'ff.other' }) }),
      'row_foreign',
      1,
      [],
    ],
    [
      'the user override is unreadable',
      facts({ user: broken, tenant: tenantRow() }),
      'row_broken',
      5,
      FREE,
    ],
    [
      'the tenant override is unreadable',
      facts({ tenant: broken }),
      'row_broken',
      6,
      [...FREE, '5 absent'],
    ],
    [
      'the override belongs to another user',
      facts({ user: userRow({ user_id: 'U2' }) }),
      'row_foreign',
      5,
      FREE,
    ],
    [
      'the override belongs to another flag',
      facts({ tenant: tenantRow({ flag_key: 'ff.other' }) }),
      'row_foreign',
      6,
      [...FREE, '5 absent'],
    ],
    [
      'the value of the user override has another type',
      facts({ user: userRow({ value: json('1') }), tenant: tenantRow() }),
      'value_type_mismatch',
      5,
      FREE,
    ],
    [
      'the value of the tenant override has no flag type',
      facts({ tenant: tenantRow({ value: json('[]') }) }),
      'value_type_mismatch',
      6,
      [...FREE, '5 absent'],
    ],
    [
      'the default has another type',
      facts({ flag: flagRow({ default_value: json('true') }) }),
      'value_type_mismatch',
      7,
      [...FREE, '5 absent', '6 absent'],
    ],
  ] as const)('%s', (_situation, given, cause, at, chain) => {
    const decision = decide(given)
    expect(decision).toMatchObject({ decision: 'deny', reason: 'fail_safe', matched_scope: null })
    expect(steps(given)).toEqual([...chain, '8 engaged'])
    expect(decision.reason_chain.at(-1)).toEqual({
      prec: 8,
      rule: 'fail_safe',
      outcome: 'engaged',
      cause,
      at,
    })
  })

  test('a live override without a value is not skipped', () => {
    const { value: _, ...bare } = userRow()
    expect(decide(facts({ user: bare })).reason_chain.at(-1)).toMatchObject({
      cause: 'value_type_mismatch',
      at: 5,
    })
  })

  test('an expired override is skipped, whatever its value is', () => {
    const user = userRow({ value: json('1'), expires_at: NOW })
    expect(decide(facts({ user })).reason).toBe('global_default')
  })

  test('rules without a decision end in rule 8', () => {
    const given = facts()
    expect(evaluate(given, undefined, []).decision).toMatchObject({
      decision: 'deny',
      reason: 'fail_safe',
      value: '"safe"',
      reason_chain: [{ prec: 8, outcome: 'engaged', cause: 'rules_exhausted', at: 8 }],
      meta: { flag_revision: 3, override_revision: null },
    })
  })
})

describe('the envelope', () => {
  test('an override is served with its scope and revision', () => {
    expect(decide(facts({ tenant: tenantRow(), user: userRow() }))).toMatchObject({
      value: '"user"',
      matched_scope: 'user',
      meta: { override_revision: 5, flag_revision: 3 },
    })
    expect(decide(facts({ tenant: tenantRow() }))).toMatchObject({
      value: '"tenant"',
      matched_scope: 'tenant',
      meta: { override_revision: 7, flag_revision: 3 },
    })
  })

  test('a matched entry holds its revision, an expired one also its expiry', () => {
    const given = facts({ user: userRow({ expires_at: NOW }), tenant: tenantRow() })
    expect(decide(given).reason_chain.slice(4)).toEqual([
      { prec: 5, rule: 'user_override', outcome: 'expired', revision: 5, expires_at: NOW },
      { prec: 6, rule: 'tenant_override', outcome: 'matched', revision: 7 },
    ])
  })

  test.each([
    ['a deny serves the safe value', flagRow({ state: 'killed' }), '"safe"', 3],
    [
      'a safe value that does not fit is not safe',
      flagRow({ state: 'killed', safe_value: json('0') }),
      null,
      3,
    ],
    ['an unknown flag has neither value nor revision', null, null, null],
    ['a row of another flag gives no safe value', flagRow({ flag_key: 'ff.other' }), null, null],
    ['an unreadable row gives no safe value', broken, null, null],
  ])('%s', (_situation, flag, value, flag_revision) => {
    expect(decide(facts({ flag, user: userRow() }))).toMatchObject({
      decision: 'deny',
      value,
      matched_scope: null,
      meta: { flag_revision, override_revision: null },
    })
  })

  test('meta holds caller, time and backing', () => {
    const by = devHeaders({ tenant_id: null })
    expect(decide({ ...facts({ by, ref: REF }), backing_state: 'db' }).meta).toEqual({
      auth_mode: 'dev-headers',
      auth_source: 'dev-headers',
      tenant_id: null,
      user_id: 'U1001',
      approval_ref: null,
      ttl_state: null,
      flag_revision: 3,
      override_revision: null,
      evaluated_at: NOW,
      request_id: 'req-1',
      backing_state: 'db',
    })
  })

  test.each([
    ['allowed', facts({ by: decodeOnly() })],
    ['denied', facts({ by: decodeOnly(), flag: null })],
  ])('holds the warnings of the authenticator: %s', (_situation, given) => {
    expect(decide(given).warnings).toEqual(['auth_not_verified', 'jwks_unreachable'])
  })
})
