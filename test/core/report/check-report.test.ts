import { describe, expect, test } from 'vitest'
import type { ExitName } from '../../../src/core/exit.ts'
import {
  type CheckResult,
  buildCheckReport,
  passResult,
} from '../../../src/core/report/check-report.ts'
import type { CheckReport } from '../../../src/core/report/types.ts'

const item = (state: CheckResult['state']): CheckResult => ({
  ...passResult(state, 'an item'),
  state,
})
type Row = readonly [what: string, readonly CheckResult['state'][], readonly ExitName[], ...End]
type End = readonly [ExitName, CheckReport['verdict'], number]
const ROWS: readonly Row[] = [
  ['items that all pass', ['pass', 'pass'], [], 'ok', 'pass', 0],
  ['no item at all', [], [], 'inconclusive', 'inconclusive', 22],
  ['no item, and an additional failure', [], ['untrusted'], 'untrusted', 'fail', 23],
  ['a pending item', ['pass', 'pending'], [], 'not_ready', 'inconclusive', 21],
  ['an inconclusive item', ['pending', 'inconclusive'], [], 'inconclusive', 'inconclusive', 22],
  ['a failed item', ['inconclusive', 'fail'], [], 'no_go', 'fail', 20],
  ['a failed item with a usage error', ['fail'], ['usage'], 'usage', 'fail', 2],
  ['a terminated run', ['fail', 'pending'], ['terminated'], 'terminated', 'cancelled', 143],
  // Regression: an additional outcome replaced those of the items.
  [
    'a failed item and an additional outcome of lower precedence',
    ['fail'],
    ['not_ready'],
    'no_go',
    'fail',
    20,
  ],
  ['a lock that is held', ['inconclusive'], ['busy'], 'busy', 'inconclusive', 24],
]

describe('the end of a check', () => {
  test.each(ROWS)('%s', (_what, states, exits, exitName, verdict, exitCode) => {
    const report = buildCheckReport('doctor', states.map(item), { exits })
    expect(report).toMatchObject({ exitName, verdict, exitCode })
  })
  test('counts passed and failed items as measured', () => {
    const report = buildCheckReport(
      'doctor',
      (['pass', 'fail', 'pending', 'inconclusive'] as const).map(item),
    )
    expect(report.counts).toEqual({ expected: 4, compared: 2, neverReached: 2 })
  })
  test('lists each code of an item once, and the optional members', () => {
    const finding = { code: 'broken', pointer: null, detail: 'a' }
    const more = { seen_by: null, findings: [finding, { ...finding, detail: 'b' }] }
    const timing = { started_at: '', duration_ms: 1, ms: {} }
    const report = buildCheckReport('doctor', [{ ...item('fail'), ...more }], {
      sql: ['select 1'],
      counterexample: {},
      timing,
    })
    expect(report).toMatchObject({ sql: ['select 1'], counterexample: {}, timing })
    expect(report.items).toMatchObject([{ codes: ['broken'], seen_by: null }])
    expect(report.findings.map(({ subject, detail }) => [subject, detail])).toEqual([
      ['fail', 'a'],
      ['fail', 'b'],
    ])
  })
})
