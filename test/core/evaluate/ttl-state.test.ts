import { describe, expect, test } from 'vitest'
import { TTL_STATES } from '../../../src/core/evaluate/types.ts'
import { computeTtlState } from '../../../src/core/evaluate/ttl-state.ts'
import { DAY, fromNow, known, NOW } from '../builders.ts'

describe('computeTtlState', () => {
  test.each([
    ['Admin does not know the ref', { status: 'unknown' }, 'unknown'],
    ['it was revoked', known({ revoked: true }), 'revoked'],
    ['it was revoked before it began', known({ revoked: true, not_before: fromNow(1) }), 'revoked'],
    ['it was revoked after it ended', known({ revoked: true, expires_at: fromNow(-1) }), 'revoked'],
    ['it begins in a millisecond', known({ not_before: fromNow(1) }), 'not_yet_valid'],
    [
      'it begins after its end, and both lie ahead',
      known({ not_before: fromNow(2), expires_at: fromNow(1) }),
      'not_yet_valid',
    ],
    [
      'it begins after its end, which has passed',
      known({ not_before: fromNow(1), expires_at: NOW }),
      'not_yet_valid',
    ],
    ['it begins now', known({ not_before: NOW }), 'valid'],
    ['it ended a millisecond ago', known({ expires_at: fromNow(-1) }), 'expired'],
    ['it ends now', known({ expires_at: NOW }), 'expired'],
    ['it ends in a millisecond', known({ expires_at: fromNow(1) }), 'expiring_soon'],
    ['it ends in exactly a day', known({ expires_at: fromNow(DAY) }), 'expiring_soon'],
    ['it ends in a day and a millisecond', known({ expires_at: fromNow(DAY + 1) }), 'valid'],
  ] as const)('%s', (_situation, answer, state) => {
    expect(computeTtlState(answer, NOW)).toBe(state)
  })
})

describe('where Admin states another state than the times give', () => {
  const STATED = [
    ['revoked', known({ revoked: true })],
    ['not_yet_valid', known({ not_before: fromNow(1) })],
    ['expired', known({ expires_at: fromNow(0) })],
    ['expiring_soon', known({ expires_at: fromNow(DAY) })],
    ['valid', known()],
  ] as const
  const pairs = STATED.flatMap(([byTimes, answer]) =>
    STATED.map(([stated]) => [stated, byTimes, { ...answer, stated }] as const),
  )

  test.each(pairs)('%s, and by its times %s: the earlier of them', (stated, byTimes, answer) => {
    const earlier = TTL_STATES.find((state) => state === stated || state === byTimes)
    expect(computeTtlState(answer, NOW)).toBe(earlier)
  })
})
