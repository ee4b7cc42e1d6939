import { describe, expect, test } from 'vitest'
import { countRuns } from '../../../src/core/gate/failures.ts'
import { judgeGate } from '../../../src/core/gate/judge-gate.ts'
import type { ChecklistItem, EvidenceDraft, RunnerKey } from '../../../src/core/gate/types.ts'
import {
  at,
  CHECKLIST,
  CONTROLS,
  getHash,
  go,
  IDENTITY,
  passing,
  RUNNER,
  runner,
  signed,
  toItem,
  toLog,
} from './builders.ts'

const E5 = passing(toItem('E5'))
const ALL = [...CHECKLIST.items.map((item) => passing(item)), ...CONTROLS]
const failed: EvidenceDraft = { ...E5, result: 'fail', codes: ['limit_broken'] }
const OTHER = 'o'.repeat(43)
const HEADS = [{ kid: RUNNER, seq: ALL.length, hash: getHash(ALL.length) }]

interface Later {
  /** After the signed head of the runner's log. */
  readonly own?: readonly EvidenceDraft[]
  /** In a log that the statement does not name. */
  readonly other?: readonly EvidenceDraft[]
  readonly runners?: readonly RunnerKey[]
  readonly accepted?: Readonly<Record<string, 'pass' | 'waived'>>
}
/** All items pass and are signed, and these records come later. */
const later = ({ own = [], other, runners = [runner()], accepted = {} }: Later) =>
  go({
    evidence: {
      status: 'whole',
      logs: [
        toLog([...ALL, ...own]),
        ...(other === undefined ? [] : [toLog(other, { kid: OTHER })]),
      ],
    },
    runners,
    signoff: signed({
      evidence_heads: HEADS,
      accepted: { ...signed().accepted, ...accepted },
    }),
  })
const signatures = (input: ReturnType<typeof later>) =>
  judgeGate(input).items.flatMap(({ id, state, codes, detail }) =>
    ['J2', 'J3'].includes(id) ? [[state, codes, detail]] : [],
  )
const STALE = ['stale', ['failed_since_signing'], 'E5']
const PASS = ['pass', [], '']

describe('a failure after the signature', () => {
  test.each<readonly [string, Later]>([
    ['and a pass after it', { own: [failed, E5] }],
    ['by the limits alone', { own: [{ ...E5, measured: { ...E5.measured, error_share: 1 } }, E5] }],
    ['with an end before the signature', { own: [{ ...failed, ended_at: at(-7_200_000) }, E5] }],
    ['of another attempt', { own: [{ ...failed, identity: { ...E5.identity, attempt: 7 } }, E5] }],
    [
      'under a revoked key',
      { own: [failed], runners: [runner({ revoked: true }), runner({ kid: OTHER })], other: ALL },
    ],
    [
      'in a log that the statement does not name',
      { other: [failed, E5], runners: [runner(), runner({ kid: OTHER })] },
    ],
  ])('%s ends both signatures', (_what, change) => {
    expect(signatures(later(change))).toEqual([STALE, STALE])
    expect(judgeGate(later(change)).verdict).not.toBe('go')
  })

  test.each<readonly [string, Later]>([
    ['of a runner that the trust file does not name', { other: [failed, E5] }],
    ['of a control', { own: [{ ...failed, kind: 'control' }, E5] }],
    ['at another place', { own: [{ ...failed, where: 'scratch' }, E5] }],
    ['that is none: it was inconclusive', { own: [{ ...failed, result: 'inconclusive' }, E5] }],
    [
      'that is none: it was inconclusive, past a limit',
      { own: [{ ...E5, result: 'inconclusive', measured: { error_share: 1 } }, E5] },
    ],
    ['that is none: a value is missing', { own: [{ ...E5, measured: {} }, E5] }],
    ['of an item that was signed as waived', { own: [failed, E5], accepted: { E5: 'waived' } }],
  ])('%s changes neither', (_what, change) => {
    expect(signatures(later(change))).toEqual([PASS, PASS])
  })

  test('before the signed head changes neither', () => {
    const drafts = [failed, ...ALL]
    const seq = drafts.length
    const signoff = signed({ evidence_heads: [{ kid: RUNNER, seq, hash: getHash(seq) }] })
    const input = go({ evidence: { status: 'whole', logs: [toLog(drafts)] }, signoff })
    expect(signatures(input)).toEqual([PASS, PASS])
    expect(judgeGate(input).verdict).toBe('go')
  })
  test('counts no more once the statement lacks the item', () => {
    const { E5: _none, ...accepted } = signed().accepted
    const input = {
      ...later({ own: [failed] }),
      signoff: signed({ evidence_heads: HEADS, accepted }),
    }
    expect(signatures(input)).toEqual([PASS, PASS])
  })
})

const other = (change: Partial<EvidenceDraft['identity']>, draft = failed): EvidenceDraft => ({
  ...draft,
  identity: { ...E5.identity, ...change },
})
test('the runs of an item of staging are counted for its cutover, over all logs and attempts', () => {
  const entries = [
    toLog([E5, failed, other({ attempt: 2 }), other({ cutover_id: 'x' }), passing(toItem('A1'))]),
    toLog([{ ...E5, kind: 'control' }, { ...E5, result: 'inconclusive' }, failed], { kid: OTHER }),
  ].flatMap((log) => log.entries)
  expect(countRuns(toItem('E5'), entries, IDENTITY)).toEqual({ measured: 5, failed: 3 })
  const E5_OF_ATTEMPT: ChecklistItem = {
    ...toItem('E5'),
    identity: [...toItem('E5').identity, 'attempt'],
  }
  expect(countRuns(E5_OF_ATTEMPT, entries, IDENTITY)).toEqual({ measured: 5, failed: 3 })
  expect(countRuns(toItem('E5'), [], IDENTITY)).toEqual({ measured: 0, failed: 0 })
})

test('the runs of an item of the target are counted for its attempt', () => {
  const B1 = passing(toItem('B1'))
  const bad: EvidenceDraft = { ...B1, result: 'fail', codes: ['drift'] }
  const { entries } = toLog([B1, bad, other({ attempt: 2 }, bad), other({ cutover_id: 'x' }, bad)])
  expect(countRuns(toItem('B1'), entries, IDENTITY)).toEqual({ measured: 2, failed: 1 })
})
