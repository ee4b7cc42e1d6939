import { describe, expect, test } from 'vitest'
import type { VectorVerdict } from '../../../src/core/parity/judge-vector.ts'
import { judgeParityControls, deriveParityVerdict } from '../../../src/core/parity/pass-rule.ts'
import { type JudgedCase, summarizeCases } from '../../../src/core/parity/summarise.ts'
import { RunningSummary } from '../../../src/core/parity/running-summary.ts'

const pass: VectorVerdict = {
  status: 'pass',
  divergences: [],
  chains: [],
  unanswered: [],
  noise: [],
  exempted: [],
  fields: { compared: 3, differing: 0, expected: 0, allowed: 0 },
}
const divergence = {
  sides: 'control',
  pointer: '/value',
  class: 'blocker',
  rule: 'MUST_MATCH',
  left: '1',
  right: '2',
} as const
const none = { compared: 0, differing: 0, expected: 0, allowed: 0 }
const KINDS: readonly VectorVerdict[] = [
  pass,
  { ...pass, status: 'fail' },
  { ...pass, noise: [{ side: 'candidate', divergence }] },
  { ...pass, status: 'unanswered', fields: none },
  { ...pass, fields: none },
]
const judgedAs = (verdict: VectorVerdict, at: number): JudgedCase & { verdict: VectorVerdict } => {
  const id = `line ${at + 1}`
  return { id, group: id, title: id, state: verdict.status, detail: null, verdict }
}
const triples = KINDS.flatMap((a) => KINDS.flatMap((b) => KINDS.map((c) => [a, b, c])))
const SOUND = [{ id: 'comparer', faults: [], pairs: 25 }] as const

describe('RunningSummary and summarizeCases give the same verdict', () => {
  test.each([
    ['a sound comparer', SOUND, 3],
    ['a comparer with a fault', [{ id: 'comparer', faults: ['a pair'], pairs: 25 }] as const, 3],
    ['a comparer without pairs', [{ id: 'comparer', faults: [], pairs: 0 }] as const, 3],
    ['fewer than expected', SOUND, 4],
  ])('%s', (_what, checks, expected) => {
    expect(triples).toHaveLength(125)
    for (const verdicts of triples) {
      const judged = verdicts.map(judgedAs)
      const runningSummary = new RunningSummary(10)
      judged.forEach((one) => runningSummary.add({ ...one, decided: one.state !== 'unanswered' }))
      const running = runningSummary.summary({ expected, checks, rules: [] })
      const whole = summarizeCases(judged, { expected, checks, rules: [] })
      expect([running.verdict, running.controls]).toEqual([whole.verdict, whole.controls])
    }
  })
})

describe('a run passes', () => {
  const totals = { expected: 2, compared: 2, differing: 0, decided: 1, fields: 5 }
  const judgeControls = () => judgeParityControls(SOUND, 2, { baseline: 0, candidate: 0 })
  test.each([
    ['when everything is compared', totals, 'pass'],
    ['not when something is missing', { ...totals, compared: 1 }, 'inconclusive'],
    ['not when nothing was decided', { ...totals, decided: 0 }, 'inconclusive'],
    ['not when no field was compared', { ...totals, fields: 0 }, 'inconclusive'],
    ['not when something differs', { ...totals, differing: 1 }, 'fail'],
    [
      'not when there was nothing to compare',
      { ...totals, expected: 0, compared: 0, decided: 0 },
      'inconclusive',
    ],
  ] as const)('%s', (_what, given, verdict) => {
    expect(deriveParityVerdict(judgeControls(), given)).toBe(verdict)
  })
  test('not when a control has no comparison', () => {
    const unproven = judgeParityControls(SOUND, 0, { baseline: 0, candidate: 0 })
    expect(unproven.map(({ held }) => held)).toEqual([true, false, false])
    expect(deriveParityVerdict(unproven, totals)).toBe('inconclusive')
  })
})
