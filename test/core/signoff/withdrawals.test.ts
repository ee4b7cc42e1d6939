import { expect, test } from 'vitest'
import { formatWithdrawal, listWithdrawn } from '../../../src/core/signoff/withdrawals.ts'
import type { Envelope } from '../../../src/core/signoff/types.ts'
import {
  alice,
  digest,
  encode,
  makePerson,
  NOW,
  type Person,
  signRaw,
  toHeader,
  tools,
  TRUST,
} from '../../features/signoff/people.ts'

const STATEMENT = digest('statement')
const by = (who: Person, statement = STATEMENT): Envelope => {
  const payload = encode(formatWithdrawal(statement))
  const about = toHeader(who, { meaning: 'withdraws-approval', attests: [] })
  return {
    payload,
    signatures: [signRaw(payload, { ...about, typ: 'ff-withdrawal+jws' }, who.key)],
  }
}
const list = (text: string | null): readonly string[] =>
  listWithdrawn({ text, statement: STATEMENT, trust: TRUST, now: NOW }, tools)
const file = (...withdrawals: readonly Envelope[]): string =>
  JSON.stringify({ kind: 'withdrawals', schemaVersion: 1, withdrawals })

test('the people who have withdrawn from a statement are those whose withdrawals of it verify', () => {
  const mallory = makePerson('mallory', 'platform-lead')
  expect(list(null)).toEqual([])
  expect(list('{}')).toEqual([])
  expect(list(file(by(alice, digest('other')), by(mallory)))).toEqual([])
  expect(list(file(by(mallory), by(alice)))).toEqual(['alice'])
})
