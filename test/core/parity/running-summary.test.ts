import { describe, expect, test } from 'vitest'
import type { VectorVerdict } from '../../../src/core/parity/judge-vector.ts'
import type { HarnessCheck } from '../../../src/core/parity/pass-rule.ts'
import { RunningSummary } from '../../../src/core/parity/running-summary.ts'

const divergence = {
  sides: 'baseline-candidate',
  pointer: '/value',
  class: 'blocker',
  rule: 'MUST_MATCH',
  left: '1',
  right: '2',
} as const
const fields = { compared: 3, differing: 0, expected: 1, allowed: 0 }
const clean: VectorVerdict = {
  status: 'pass',
  divergences: [],
  chains: [],
  unanswered: [],
  noise: [],
  exempted: ['/meta/backing_state'],
  fields,
}
const differing: VectorVerdict = {
  ...clean,
  status: 'fail',
  divergences: [divergence],
  fields: { ...fields, differing: 1 },
}
const noisy: VectorVerdict = { ...clean, noise: [{ side: 'candidate', divergence }] }
const silent: VectorVerdict = {
  ...clean,
  status: 'unanswered',
  unanswered: [{ side: 'candidate', code: 'backing_unavailable' }],
  fields: { compared: 0, differing: 0, expected: 0, allowed: 0 },
}
const SOUND: readonly HarnessCheck[] = [{ id: 'comparer', faults: [], pairs: 25 }]
const FAULTY: readonly HarnessCheck[] = [{ id: 'comparer', faults: ['a pair'], pairs: 25 }]
const RULES = [
  { pointer: '/meta/backing_state', rule: 'MUST_DIFFER', why: 'It names the backing.' },
] as const

function counted(
  verdicts: readonly VectorVerdict[],
  more: {
    expected?: number
    most?: number
    checks?: readonly HarnessCheck[]
    decided?: boolean
  } = {},
) {
  const { expected = verdicts.length, most = 10, checks = SOUND, decided = true } = more
  const runningSummary = new RunningSummary(most)
  verdicts.forEach((verdict, at) => {
    const id = `line ${at + 1}`
    runningSummary.add({
      id,
      group: id,
      title: 'ff.a',
      state: verdict.status,
      detail: null,
      verdict,
      decided,
    })
  })
  return runningSummary.summary({ expected, checks, rules: RULES })
}

describe('a running summary', () => {
  test.each<readonly [string, () => ReturnType<typeof counted>, string]>([
    ['equal answers', () => counted([clean, clean]), 'pass'],
    ['one differing answer', () => counted([clean, differing]), 'fail'],
    ['fewer answers than expected', () => counted([clean], { expected: 2 }), 'inconclusive'],
    [
      'one differing answer, and fewer than expected',
      () => counted([differing], { expected: 2 }),
      'fail',
    ],
    ['a side that did not answer', () => counted([clean, silent]), 'inconclusive'],
    ['no request', () => counted([]), 'inconclusive'],
    ['a side with two different answers', () => counted([noisy, differing]), 'inconclusive'],
    ['a faulty comparer', () => counted([clean], { checks: FAULTY }), 'inconclusive'],
    [
      'a comparer without controls',
      () => counted([clean], { checks: [{ id: 'comparer', faults: [], pairs: 0 }] }),
      'inconclusive',
    ],
    ['only refusals', () => counted([clean, clean], { decided: false }), 'inconclusive'],
    ['differing refusals', () => counted([clean, differing], { decided: false }), 'fail'],
    ['no compared field', () => counted([{ ...clean, fields: silent.fields }]), 'inconclusive'],
  ])('of %s', (_what, count, expected) => {
    expect(count().verdict).toBe(expected)
  })

  test('counts every request and lists the first', () => {
    const allowed = { ...clean, fields: { ...fields, allowed: 2 } }
    const done = counted([clean, differing, allowed, differing, silent], { expected: 9, most: 1 })
    expect(done.counts).toEqual({
      expected: 9,
      compared: 4,
      allowed: 1,
      skipped: 0,
      neverReached: 5,
      cases: 4,
      differing: 2,
      fields: { compared: 12, differing: 2, expected: 4, allowed: 2 },
    })
    expect(done.items.map(({ id }) => id)).toEqual(['line 2'])
    expect(done.findings.map(({ subject }) => subject)).toEqual(['line 2'])
  })

  test('counts what each rule in force exempted', () => {
    const { rules } = counted([clean, differing, { ...silent, exempted: [] }])
    expect(rules).toEqual([{ ...RULES[0], differences: 2 }])
  })

  test('reports that every request was refused', () => {
    const { findings } = counted([clean], { decided: false })
    expect(findings.map(({ code }) => code)).toEqual(['nothing_decided'])
    expect(findings.map(({ subject }) => subject)).not.toContain('')
    expect(counted([], { expected: 1 }).findings).toEqual([])
  })

  test('reports which control did not hold', () => {
    const { controls, findings } = counted([noisy], { checks: FAULTY })
    expect(controls).toEqual([
      { id: 'comparer', held: false, compared: 25 },
      { id: 'a_a_baseline', held: true, compared: 1 },
      { id: 'a_a_candidate', held: false, compared: 1 },
    ])
    expect(findings.map(({ code }) => code)).toEqual(['comparer_fault', 'noise'])
  })
})
