import { expect, test } from 'vitest'
import {
  type ExpectedRecord,
  compareRecords,
  buildRounds,
} from '../../../src/features/probes/testbed/audited-changes.ts'
import type { AuditRecord } from '../../../src/core/audit/record.ts'

const record = (request_id: string, outcome: AuditRecord['outcome']): AuditRecord =>
  ({ request_id, outcome }) as AuditRecord

test.each<
  [what: string, due: ExpectedRecord, outcomes: AuditRecord['outcome'][], wrong: [number, number]]
>([
  ['a change with its record', 'applied', ['applied'], [0, 0]],
  ['a change without a record', 'applied', [], [1, 0]],
  ['a change with two records', 'applied', ['applied', 'applied'], [0, 1]],
  ['a change recorded as refused', 'applied', ['refused'], [1, 1]],
  ['a refusal with its record', 'refused', ['refused'], [0, 0]],
  ['a refusal without a record', 'refused', [], [1, 0]],
  ['a refusal recorded also as a change', 'refused', ['refused', 'applied'], [0, 1]],
  ['an unauthenticated request without a record', 'none', [], [0, 0]],
  ['an unauthenticated request with a record', 'none', ['refused'], [0, 1]],
  ['a request cut off, with its record', 'either', ['applied'], [0, 0]],
  ['a request cut off, without a record', 'either', [], [0, 0]],
  ['a request cut off, with two records', 'either', ['applied', 'applied'], [0, 1]],
  ['a request cut off, recorded as refused', 'either', ['refused'], [0, 1]],
])('%s', (_what, due, outcomes, [missing, tooMany]) => {
  const records = outcomes.map((outcome) => record('a', outcome))
  const found = compareRecords(new Map([['a', due]]), records)
  expect([found.missing.length, found.tooMany.length]).toEqual([missing, tooMany])
})

test('a record of a request that was never sent is one too many', () => {
  expect(compareRecords(new Map(), [record('x', 'applied')])).toEqual({
    missing: [],
    tooMany: ['x'],
  })
})

test('the rounds hold exactly the requested number of operations, of every kind', () => {
  const all = buildRounds(500).flat()
  expect(all).toHaveLength(500)
  const kinds = (due: ExpectedRecord): number => all.filter((one) => one.due === due).length
  expect([kinds('applied'), kinds('refused'), kinds('none')]).toEqual([200, 200, 100])
  expect(buildRounds(7).flat()).toHaveLength(7)
})
