import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  findDecisionEnd,
  formatDecisionBody,
  parseDecisionBody,
} from '../../../src/core/cache/decision-body.ts'
import { evaluate } from '../../../src/core/evaluate/evaluate.ts'
import type { Decision, EvaluationInput } from '../../../src/core/evaluate/types.ts'
import {
  anonymous,
  broken,
  DAY,
  decide,
  decodeOnly,
  devHeaders,
  facts,
  flagRow,
  fromNow,
  json,
  principal,
  REF,
  tenantRow,
  TENANT,
  USER,
  userRow,
  userTombstone,
} from '../builders.ts'

const by = principal({ tenant_id: TENANT, user_id: USER })
const bodyOf = (input: EvaluationInput) => formatDecisionBody(input, decide(input))

describe('a decision', () => {
  test.each<readonly [string, EvaluationInput]>([
    ['for a caller with an unverified token', facts({ by: decodeOnly() })],
    ['for a caller with dev headers', facts({ by: devHeaders() })],
    ['for a caller without a token', facts({ by: anonymous() })],
    ['on a sensitive flag', facts({ by, flag: flagRow({ sensitive: true }), ref: REF })],
    ['on a broken flag', facts({ by, flag: broken })],
    ['by a broken override', facts({ by, user: broken })],
    [
      'by stale rows',
      { ...facts({ by }), rows: { ...facts({ by }).rows, stale: { age_ms: 1, unread: false } } },
    ],
  ])('%s is never cached', (_what, input) => {
    expect(bodyOf(input)).toBeNull()
  })
  test('is not given to a caller who is not verified', () => {
    const body = bodyOf(facts({ by })) as string
    expect(parseDecisionBody(body, facts({ by }))).not.toBeNull()
    expect(parseDecisionBody(body, facts({ by: decodeOnly() }))).toBeNull()
  })
  test.each([
    ['no JSON', '{'],
    ['null', 'null'],
    ['another form', '{}'],
  ])('is not read from %s', (_what, body) => {
    expect(parseDecisionBody(body, facts({ by }))).toBeNull()
  })
  test('ends with the first override that expires, also of the layer below', () => {
    const input = facts({
      by,
      user: userRow({ expires_at: fromNow(DAY) }),
      tenant: tenantRow({ expires_at: fromNow(1_000) }),
    })
    expect(findDecisionEnd(input)).toBe(fromNow(1_000))
    expect(findDecisionEnd(facts({ by, user: userTombstone() }))).toBeNull()
  })
})

test('a cached decision is the one that the rules make at that time, for any request', () => {
  const moments = [-2, -1, 0, 1, 2].map((days) => fromNow(days * DAY))
  const time = fc.constantFrom(...moments)
  const expiry = fc.option(time, { nil: undefined })
  const value = fc.constantFrom(json('"a"'), json('1'))
  const override = fc.record({ value, expires_at: expiry })
  const flags = fc.record({
    state: fc.constantFrom('active' as const, 'killed' as const, 'archived' as const),
    required_auth: fc.constantFrom('none' as const, 'verified' as const),
    default_value: value,
  })
  const without = ({ value: given, expires_at }: { value: never; expires_at: never }) => ({
    value: given,
    ...(expires_at === undefined ? {} : { expires_at }),
  })
  fc.assert(
    fc.property(
      fc.option(flags),
      fc.option(override),
      fc.option(override),
      time,
      time,
      (flag, tenant, user, then, later) => {
        const make = (now: typeof then, ref: string | null, warned: boolean) =>
          facts({
            by: { ...by, warnings: warned ? ['jwks_stale'] : [] },
            flag: flag === null ? null : flagRow({ value_type: 'string', ...flag }),
            tenant: tenant === null ? null : tenantRow(without(tenant as never)),
            user: user === null ? null : userRow(without(user as never)),
            ref,
            now,
          })
        const body = bodyOf(make(then, null, false)) as string
        const { rows: _, ...asked } = make(later, REF, true)
        const request = { ...asked.request, request_id: 'req-2' }
        const cached = parseDecisionBody(body, { ...asked, request })
        const fresh = evaluate({ ...make(later, REF, true), request }).decision as Decision
        if (cached !== null) expect(cached).toEqual(fresh)
        if (then === later) expect(cached).not.toBeNull()
      },
    ),
  )
})
