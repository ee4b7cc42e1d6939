import { describe, expect, test } from 'vitest'
import {
  type ClaimCondition,
  findClaimFault,
  readIdentity,
  hasFiniteTimes,
} from '../../../src/core/auth/claims.ts'
import { instantToMs } from '../../../src/core/rows/instant.ts'
import { fromNow, NOW } from '../builders.ts'

const SECONDS = instantToMs(NOW) / 1000
const GOOD = {
  iss: 'https://login.example',
  aud: 'pty-feature-flags',
  sub: 'U1001',
  tid: 'T-1',
  exp: SECONDS + 300,
  nbf: SECONDS - 300,
  scope: 'ff:override:write ff:tenant:any',
}
const expected = {
  required: ['exp', 'sub', 'iss', 'aud'],
  issuer: GOOD.iss,
  audience: GOOD.aud,
  leeway_s: 0,
}
const without = (name: keyof typeof GOOD) => {
  const { [name]: _, ...rest } = GOOD
  return rest
}

describe('readIdentity', () => {
  test('returns user, tenant and scopes', () => {
    expect(readIdentity(GOOD, 'scope')).toEqual({
      user_id: 'U1001',
      tenant_id: 'T-1',
      scopes: ['ff:override:write', 'ff:tenant:any'],
    })
  })

  test.each([
    ['no tenant', without('tid'), { tenant_id: null }],
    ['no scope', without('scope'), { scopes: [] }],
    ['a list of scopes', { ...GOOD, scope: ['a', 'b'] }, { scopes: ['a', 'b'] }],
    ['a list with more than texts', { ...GOOD, scope: ['a', '', 1, ['b']] }, { scopes: ['a'] }],
    ['scopes that are an object', { ...GOOD, scope: { a: 'b' } }, { scopes: [] }],
    ['spaces between scopes', { ...GOOD, scope: ' a  b ' }, { scopes: ['a', 'b'] }],
  ])('%s', (_situation, claims, identity) => {
    expect(readIdentity(claims, 'scope')).toMatchObject(identity)
  })
  test.each(['scp', 'permissions'] as const)('reads the scopes of %s alone', (name) => {
    expect(readIdentity({ ...GOOD, [name]: ['a'] }, name).scopes).toEqual(['a'])
    expect(readIdentity({ ...GOOD, [name]: 'a b' }, name).scopes).toEqual(['a', 'b'])
    expect(readIdentity(GOOD, name).scopes).toEqual([])
  })
})

describe('hasFiniteTimes', () => {
  test.each<[string, object, boolean]>([
    ['both', GOOD, true],
    ['neither', {}, true],
    ['an expiry that is a text', { exp: '1' }, false],
    ['an infinite expiry', { exp: Number.POSITIVE_INFINITY }, false],
    ['an expiry of null', { exp: null }, false],
    ['a start that is a text', { ...GOOD, nbf: '0' }, false],
    ['an infinite start', { nbf: Number.NEGATIVE_INFINITY }, false],
  ])('%s: %s', (_situation, claims, holds) => {
    expect(hasFiniteTimes(claims as Readonly<Record<string, unknown>>)).toBe(holds)
  })
})

describe('findClaimFault', () => {
  test.each([
    ['all claims valid', GOOD],
    ['no tenant', without('tid')],
    ['no start', without('nbf')],
    ['a start in the current second', { ...GOOD, nbf: SECONDS }],
    ['a second left', { ...GOOD, exp: SECONDS + 1 }],
    ['several audiences, ours among them', { ...GOOD, aud: ['a', GOOD.aud] }],
    ['additional claims', { ...GOOD, admin: true, mode: 'none' }],
  ])('none: %s', (_situation, claims) => {
    expect(findClaimFault(claims, expected, NOW)).toBeNull()
  })

  const FAULTY: readonly (readonly [string, Readonly<Record<string, unknown>>, ClaimCondition])[] =
    [
      ['no expiry', without('exp'), 'claim_missing'],
      ['no subject', without('sub'), 'claim_missing'],
      ['no issuer', without('iss'), 'claim_missing'],
      ['no audience', without('aud'), 'claim_missing'],
      ['another issuer', { ...GOOD, iss: `${GOOD.iss}/` }, 'issuer_mismatch'],
      ['another audience', { ...GOOD, aud: 'pty-feature-flags-2' }, 'audience_mismatch'],
      ['several audiences, none ours', { ...GOOD, aud: ['a', 'b'] }, 'audience_mismatch'],
      ['no audience in the list', { ...GOOD, aud: [] }, 'audience_mismatch'],
      ['a start a second from now', { ...GOOD, nbf: SECONDS + 1 }, 'token_not_yet_valid'],
      ['an end in the current second', { ...GOOD, exp: SECONDS }, 'token_expired'],
      ['an end in the past', { ...GOOD, exp: SECONDS - 1 }, 'token_expired'],
      ['a subject with a space', { ...GOOD, sub: 'a b' }, 'context_invalid'],
      ['an empty subject', { ...GOOD, sub: '' }, 'context_invalid'],
      ['a subject that is a number', { ...GOOD, sub: 1001 }, 'context_invalid'],
      ['a tenant beyond ASCII', { ...GOOD, tid: 'é' }, 'context_invalid'],
      ['a tenant of null', { ...GOOD, tid: null }, 'context_invalid'],
    ]
  test.each(FAULTY)('%s', (_situation, claims, condition) => {
    expect(findClaimFault(claims, expected, NOW)).toBe(condition)
  })

  // In the order of the checks: required claims, iss, aud, nbf, exp, ids.
  const IN_ORDER: readonly (readonly [ClaimCondition, object])[] = [
    ['claim_missing', { aud: undefined }],
    ['issuer_mismatch', { iss: 'x' }],
    ['audience_mismatch', { aud: 'x' }],
    ['token_not_yet_valid', { nbf: SECONDS + 1 }],
    ['token_expired', { exp: SECONDS - 1 }],
    ['context_invalid', { sub: 'a b' }],
  ]
  test('of several faults, the first in the order of checks is reported', () => {
    for (let first = 0; first < IN_ORDER.length; first += 1) {
      const wrong = IN_ORDER.slice(first).map(([, claims]) => claims)
      const claims = Object.assign({}, GOOD, ...wrong.toReversed()) as typeof GOOD
      expect(findClaimFault(claims, expected, NOW)).toBe(IN_ORDER[first]?.[0])
    }
    expect(IN_ORDER).toHaveLength(6)
  })

  test('the expectations decide which claims are required', () => {
    const { nbf: _, ...claims } = GOOD
    const more = { ...expected, required: [...expected.required, 'nbf'] }
    expect(findClaimFault(claims, more, NOW)).toBe('claim_missing')
  })

  test('milliseconds of the clock count', () => {
    const late = fromNow(-1)
    expect(findClaimFault({ ...GOOD, exp: SECONDS }, expected, late)).toBeNull()
    expect(findClaimFault({ ...GOOD, nbf: SECONDS }, expected, late)).toBe('token_not_yet_valid')
  })

  test('clocks may differ by the leeway, and not by a second more', () => {
    const lenient = { ...expected, leeway_s: 60 }
    expect(findClaimFault({ ...GOOD, exp: SECONDS - 59 }, lenient, NOW)).toBeNull()
    expect(findClaimFault({ ...GOOD, exp: SECONDS - 60 }, lenient, NOW)).toBe('token_expired')
    expect(findClaimFault({ ...GOOD, nbf: SECONDS + 60 }, lenient, NOW)).toBeNull()
    expect(findClaimFault({ ...GOOD, nbf: SECONDS + 61 }, lenient, NOW)).toBe('token_not_yet_valid')
  })
})
