import { describe, expect, test } from 'vitest'
import {
  isAuthRefusal,
  AUTH_REFUSALS,
  makeAuthRefusal,
  type AuthRefusalCode,
} from '../../../src/core/auth/types.ts'
import { anonymous } from '../builders.ts'

describe('a refusal', () => {
  // The statuses of the mode matrix.
  const HTTP: readonly (readonly [AuthRefusalCode, number])[] = [
    ['signature_invalid', 401],
    ['alg_not_allowed', 401],
    ['jwks_unreachable', 503],
    ['token_expired', 401],
    ['token_missing', 401],
    ['audience_mismatch', 401],
    ['issuer_mismatch', 401],
    ['token_not_yet_valid', 401],
    ['claim_missing', 401],
    ['context_invalid', 403],
    ['context_mismatch', 403],
    ['token_malformed', 401],
    ['kid_missing', 401],
    ['kid_not_found', 401],
    ['key_not_usable', 401],
    ['crit_unsupported', 401],
  ]
  test.each(HTTP)(
    '%s is answered with %i and nothing that looks like a principal',
    (code, http) => {
      expect(makeAuthRefusal(code)).toEqual({ refused: code, http })
    },
  )

  test('has no code that the mode matrix lacks', () => {
    expect(Object.keys(AUTH_REFUSALS).sort()).toEqual(HTTP.map(([code]) => code).sort())
  })

  test('is distinct from an anonymous principal', () => {
    expect(isAuthRefusal(makeAuthRefusal('token_expired'))).toBe(true)
    expect(isAuthRefusal(anonymous())).toBe(false)
  })
})
