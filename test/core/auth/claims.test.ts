import { describe, expect, test } from 'vitest'
import { judgeClaims, type Standing } from '../../../src/core/auth/claims.ts'
import { REFUSALS, type RefusalCode } from '../../../src/core/auth/types.ts'
import { toMilliseconds } from '../../../src/core/state/instant.ts'
import { fromNow, NOW } from '../builders.ts'

const SECONDS = toMilliseconds(NOW) / 1000
const GOOD = {
  iss: 'https://login.example',
  aud: 'pty-feature-flags',
  sub: 'U1001',
  tid: 'T-1',
  exp: SECONDS + 300,
  nbf: SECONDS - 300,
  scope: 'ff:override:write ff:tenant:any',
}
const expected = { issuer: GOOD.iss, audience: GOOD.aud, now: NOW }
const VERIFIED: Standing = { mode: 'verified', source: 'jwt', key_set_stale: false, warnings: [] }
const UNVERIFIED: Standing = {
  mode: 'decode-only',
  source: 'jwt-unverified',
  key_set_stale: false,
  warnings: ['auth_not_verified', 'jwks_unreachable'],
}
const without = (name: keyof typeof GOOD) => {
  const { [name]: _, ...rest } = GOOD
  return rest
}

describe('judgeClaims', () => {
  test('a good token says who it is and what it may', () => {
    expect(judgeClaims(GOOD, VERIFIED, expected)).toEqual({
      ...VERIFIED,
      user_id: 'U1001',
      tenant_id: 'T-1',
      scopes: ['ff:override:write', 'ff:tenant:any'],
    })
  })

  test('what nobody verified gives no scopes', () => {
    expect(judgeClaims(GOOD, UNVERIFIED, expected)).toEqual({
      ...UNVERIFIED,
      user_id: 'U1001',
      tenant_id: 'T-1',
      scopes: [],
    })
  })

  test.each([
    ['no tenant', without('tid'), { tenant_id: null }],
    ['no scope', without('scope'), { scopes: [] }],
    ['a scope that is no text', { ...GOOD, scope: ['ff:operator'] }, { scopes: [] }],
    ['no start', without('nbf'), { user_id: 'U1001' }],
    ['a start of this very second', { ...GOOD, nbf: SECONDS }, { user_id: 'U1001' }],
    ['a second left', { ...GOOD, exp: SECONDS + 1 }, { user_id: 'U1001' }],
    ['several audiences, ours among them', { ...GOOD, aud: ['a', GOOD.aud] }, { user_id: 'U1001' }],
    ['claims that nobody asked for', { ...GOOD, admin: true, mode: 'none' }, { mode: 'verified' }],
  ])('taken: %s', (_situation, claims, principal) => {
    expect(judgeClaims(claims, VERIFIED, expected)).toMatchObject(principal)
  })

  const REFUSED: readonly (readonly [string, Readonly<Record<string, unknown>>, RefusalCode])[] = [
    ['no expiry', without('exp'), 'claim_missing'],
    ['no subject', without('sub'), 'claim_missing'],
    ['no issuer', without('iss'), 'claim_missing'],
    ['no audience', without('aud'), 'claim_missing'],
    ['an expiry that is a text', { ...GOOD, exp: String(GOOD.exp) }, 'token_malformed'],
    ['an expiry without end', { ...GOOD, exp: Number.POSITIVE_INFINITY }, 'token_malformed'],
    ['a start that is a text', { ...GOOD, nbf: '0' }, 'token_malformed'],
    ['another issuer', { ...GOOD, iss: `${GOOD.iss}/` }, 'issuer_mismatch'],
    ['another audience', { ...GOOD, aud: 'pty-feature-flags-2' }, 'audience_mismatch'],
    ['several audiences, ours not among them', { ...GOOD, aud: ['a', 'b'] }, 'audience_mismatch'],
    ['no audience in the list', { ...GOOD, aud: [] }, 'audience_mismatch'],
    ['a start a second from now', { ...GOOD, nbf: SECONDS + 1 }, 'token_not_yet_valid'],
    ['an end of this very second', { ...GOOD, exp: SECONDS }, 'token_expired'],
    ['an end in the past', { ...GOOD, exp: SECONDS - 1 }, 'token_expired'],
    ['an expiry in milliseconds, now past', { ...GOOD, exp: 1 }, 'token_expired'],
    ['a subject with a colon', { ...GOOD, sub: 'a:b' }, 'context_invalid'],
    ['an empty subject', { ...GOOD, sub: '' }, 'context_invalid'],
    ['a subject that is a number', { ...GOOD, sub: 1001 }, 'context_invalid'],
    ['a tenant with an asterisk', { ...GOOD, tid: '*' }, 'context_invalid'],
    ['a tenant of null', { ...GOOD, tid: null }, 'context_invalid'],
  ]
  test.each(REFUSED)('refused: %s, whether verified or not', (_situation, claims, code) => {
    expect(judgeClaims(claims, VERIFIED, expected)).toEqual({ refused: code, http: REFUSALS[code] })
    expect(judgeClaims(claims, UNVERIFIED, expected)).toEqual({
      refused: code,
      http: REFUSALS[code],
    })
  })

  // Page 2, order of checks: claims present, iss, aud, nbf, exp, ids.
  const IN_ORDER: readonly (readonly [RefusalCode, object])[] = [
    ['claim_missing', { aud: undefined }],
    ['issuer_mismatch', { iss: 'x' }],
    ['audience_mismatch', { aud: 'x' }],
    ['token_not_yet_valid', { nbf: SECONDS + 1 }],
    ['token_expired', { exp: SECONDS - 1 }],
    ['context_invalid', { sub: 'a:b' }],
  ]
  test('of several things that are wrong the first in the order of checks is named', () => {
    for (let first = 0; first < IN_ORDER.length; first += 1) {
      const wrong = IN_ORDER.slice(first).map(([, claims]) => claims)
      const claims = Object.assign({}, GOOD, ...wrong.toReversed()) as typeof GOOD
      expect(judgeClaims(claims, VERIFIED, expected)).toMatchObject({
        refused: IN_ORDER[first]?.[0],
      })
    }
    expect(IN_ORDER).toHaveLength(6)
  })

  test('milliseconds of the clock count', () => {
    const late = { ...expected, now: fromNow(-1) }
    expect(judgeClaims({ ...GOOD, exp: SECONDS }, VERIFIED, late)).toMatchObject({
      mode: 'verified',
    })
    expect(judgeClaims({ ...GOOD, nbf: SECONDS }, VERIFIED, late)).toMatchObject({
      refused: 'token_not_yet_valid',
    })
  })
})
