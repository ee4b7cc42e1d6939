import { expect, test } from 'vitest'
import { judgeGate } from '../../../src/core/gate/judge-gate.ts'
import type { EvidenceDraft } from '../../../src/core/gate/types.ts'
import { go, goBut, IDENTITY, passing, toItem } from './builders.ts'

const judgeB1 = (input: ReturnType<typeof go>) => {
  const found = judgeGate(input).items.find(({ id }) => id === 'B1')
  return [found?.state, found?.codes, found?.detail]
}
const met = (attempt: number): Partial<EvidenceDraft> => ({ met: { attempt } })
/** All items measured and expected for the second attempt. */
const second = { ...IDENTITY, attempt: 2 }

test('a target at a later attempt than the plan says is stale, and says what to write where', () => {
  const input = goBut('B1', met(2))
  expect(judgeB1(input)).toEqual([
    'stale',
    ['attempt_ended'],
    'the target is at attempt 2: write "attempt": 2 into checklists/plan.json, which says 1',
  ])
  expect(judgeGate(input)).toMatchObject({ verdict: 'not_ready', faults: [] })
})
test('a target at an earlier attempt than the plan says is stale too', () => {
  const change = { ...passing(toItem('B1'), second), ...met(1) }
  const [state, codes] = judgeB1(goBut('B1', change, { expected: second }))
  expect([state, codes]).toEqual(['stale', ['attempt_ended']])
})
test('a target at the attempt of the plan passes', () => {
  const change = passing(toItem('B1'), second)
  expect(judgeB1(goBut('B1', change, { expected: second }))).toEqual(['pass', [], ''])
})
test('without an attempt in the plan nothing fits', () => {
  const expected = { ...IDENTITY, attempt: null }
  const [state, codes] = judgeB1(go({ expected }))
  expect([state, codes]).toEqual(['stale', ['identity_not_said', 'attempt_ended']])
})
test('a record that does not say the attempt of the target is stale', () => {
  const found = judgeB1(goBut('B1', { met: {} }))
  expect(found).toEqual(['stale', ['identity_not_said'], 'attempt of the target'])
})
test.each(['inconclusive', 'error'] as const)('a record that is %s says so', (result) => {
  const [state, codes] = judgeB1(goBut('B1', { met: {}, result, codes: ['target_unreachable'] }))
  expect([state, codes]).toEqual([result, ['target_unreachable']])
})
test('of another item the record says nothing of the attempt', () => {
  expect(judgeGate(goBut('B2', met(2))).verdict).toBe('go')
})
