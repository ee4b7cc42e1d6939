import { expect, test } from 'vitest'
import { findSigners } from '../../../src/core/signoff/signers.ts'
import type { Instant } from '../../../src/core/rows/instant.ts'
import {
  alice,
  asSigner,
  bob,
  makePerson,
  NOW,
  TRUST,
  trusted,
} from '../../features/signoff/people.ts'

const carol = makePerson('carol', 'security-lead')
const AFTER = '2026-01-15T09:00:00.001Z' as Instant
const EXAMPLES = { 'platform-lead': 'alice', 'security-lead': 'bob' }

test.each<readonly [string, object, object]>([
  ['the people of the trust file', {}, { 'platform-lead': 'alice', 'security-lead': 'carol' }],
  ['an example for a person whose time is over', { until: NOW }, EXAMPLES],
  ['an example for a person whose time begins later', { from: AFTER }, EXAMPLES],
  [
    'a person whose time begins now',
    { from: NOW },
    { 'platform-lead': 'alice', 'security-lead': 'carol' },
  ],
])('commands name %s', (_what, change, names) => {
  const trust = { ...TRUST, signers: [{ ...asSigner(carol), ...change }, asSigner(alice)] }
  expect(findSigners({ status: 'trusted', trust, sha256: '' }, NOW)).toEqual(names)
})
test('commands name examples where no trust file counts', () =>
  expect(findSigners({ status: 'absent' }, NOW)).toEqual(EXAMPLES))
test('commands name the signer of each role', () => {
  const signers = [asSigner(bob), asSigner(alice)]
  expect(findSigners(trusted({ ...TRUST, signers }), NOW)).toEqual(EXAMPLES)
})
