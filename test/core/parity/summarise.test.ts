import { describe, expect, test } from 'vitest'
import type { Divergence } from '../../../src/core/parity/judge.ts'
import type { FieldRule } from '../../../src/core/parity/field-rules.ts'
import type { HarnessCheck } from '../../../src/core/parity/pass-rule.ts'
import type { VectorVerdict } from '../../../src/core/parity/judge-vector.ts'
import { type JudgedCase, summarizeCases } from '../../../src/core/parity/summarise.ts'

const PASS: VectorVerdict = {
  status: 'pass',
  divergences: [],
  chains: [],
  unanswered: [],
  noise: [],
  exempted: ['/meta/backing_state'],
  fields: { compared: 10, differing: 0, expected: 1, allowed: 0 },
}
const divergence: Divergence = {
  sides: 'baseline-candidate',
  pointer: '/value',
  class: 'blocker',
  rule: 'MUST_MATCH',
  left: '1',
  right: null,
}
const FAIL: VectorVerdict = {
  ...PASS,
  status: 'fail',
  divergences: [divergence],
  fields: { ...PASS.fields, differing: 1 },
}
const UNANSWERED: VectorVerdict = {
  ...PASS,
  status: 'unanswered',
  unanswered: [{ side: 'candidate', code: 'backing_unreachable' }],
  exempted: [],
  fields: { compared: 0, differing: 0, expected: 0, allowed: 0 },
}
const noisy = (side: 'baseline' | 'candidate'): VectorVerdict => ({
  ...PASS,
  noise: [{ side, divergence: { ...divergence, sides: 'control' } }],
})
const ALLOWED: VectorVerdict = { ...PASS, fields: { ...PASS.fields, allowed: 2 } }
const detail = (reproduce: string): NonNullable<JudgedCase['detail']> => ({
  chains: [],
  rows: {
    baseline: { flag: null, tenant: null, user: null },
    candidate: { flag: null, tenant: null, user: null },
  },
  reproduce,
})
const one = (
  id: string,
  verdict: VectorVerdict | null,
  more: Partial<JudgedCase> = {},
): JudgedCase => ({
  id,
  group: id,
  title: `title of ${id}`,
  state: verdict?.status ?? 'skipped',
  detail: null,
  verdict,
  ...more,
})
const SOUND: readonly HarnessCheck[] = [{ id: 'comparer', faults: [], pairs: 25 }]
const FAULTY: readonly HarnessCheck[] = [{ id: 'comparer', faults: ['x'], pairs: 25 }]
const RULES: readonly FieldRule[] = [
  { pointer: '/value', rule: 'MUST_MATCH', why: 'The caller acts on it.' },
  { pointer: '/meta/backing_state', rule: 'MUST_DIFFER', why: 'It names the backing.' },
  { pointer: '/took', rule: 'MAY_DIFFER', why: 'A time.' },
]
const summarize = (
  judged: readonly JudgedCase[],
  expected: number,
  checks: readonly HarnessCheck[],
) => summarizeCases(judged, { expected, checks, rules: RULES })

describe('the verdict', () => {
  test.each([
    ['all pass', [one('a', PASS), one('b', PASS)], 2, SOUND, 'pass'],
    ['one fails', [one('a', PASS), one('b', FAIL)], 2, SOUND, 'fail'],
    ['one fails and one is unanswered', [one('a', FAIL), one('b', UNANSWERED)], 2, SOUND, 'fail'],
    ['one is unanswered', [one('a', PASS), one('b', UNANSWERED)], 2, SOUND, 'inconclusive'],
    ['one was skipped', [one('a', PASS), one('b', null)], 2, SOUND, 'inconclusive'],
    ['fewer than expected', [one('a', PASS)], 2, SOUND, 'inconclusive'],
    ['more than expected', [one('a', PASS), one('b', PASS)], 1, SOUND, 'inconclusive'],
    ['no case', [], 0, SOUND, 'inconclusive'],
    [
      'no field was compared',
      [one('a', { ...PASS, fields: UNANSWERED.fields })],
      1,
      SOUND,
      'inconclusive',
    ],
    ['a side gives two different answers', [one('a', noisy('baseline'))], 1, SOUND, 'inconclusive'],
    [
      'one fails and a side gives two different answers',
      [one('a', FAIL), one('b', noisy('candidate'))],
      2,
      SOUND,
      'inconclusive',
    ],
    ['the comparer is faulty', [one('a', PASS)], 1, FAULTY, 'inconclusive'],
    ['the comparer is faulty and one fails', [one('a', FAIL)], 1, FAULTY, 'inconclusive'],
    [
      'the comparer was not checked',
      [one('a', PASS)],
      1,
      [{ id: 'comparer', faults: [], pairs: 0 } as const],
      'inconclusive',
    ],
  ])('%s', (_situation, judged, expected, comparer, verdict) => {
    expect(summarize(judged, expected, comparer).verdict).toBe(verdict)
  })
})

describe('the controls', () => {
  test.each([
    ['all hold', [one('a', PASS), one('b', FAIL)], [true, true, true]],
    ['the baseline is noisy', [one('a', noisy('baseline'))], [true, false, true]],
    ['the candidate is noisy', [one('a', PASS), one('b', noisy('candidate'))], [true, true, false]],
  ])('%s', (_situation, judged, held) => {
    const { controls } = summarize(judged, judged.length, SOUND)
    expect(controls.map(({ id }) => id)).toEqual(['comparer', 'a_a_baseline', 'a_a_candidate'])
    expect(controls.map((control) => control.held)).toEqual(held)
  })

  test('each states its number of comparisons', () => {
    const judged = [one('a', PASS), one('b', UNANSWERED), one('c', null)]
    const { controls } = summarize(judged, 3, FAULTY)
    expect(controls.map(({ compared }) => compared)).toEqual([25, 1, 1])
    expect(controls[0]?.held).toBe(false)
  })
})

describe('the counts', () => {
  test('hold vectors by state, cases and fields', () => {
    const judged = [
      one('a', PASS),
      one('b', FAIL),
      one('c', UNANSWERED),
      one('d', null),
      one('e', null, { state: 'never_reached' }),
      one('f', ALLOWED),
    ]
    expect(summarize(judged, 7, SOUND).counts).toEqual({
      expected: 7,
      compared: 3,
      allowed: 1,
      skipped: 1,
      neverReached: 2,
      cases: 3,
      fields: { compared: 30, differing: 1, expected: 3, allowed: 2 },
    })
  })

  test('count a cell once, however many cases it has', () => {
    const judged = ['a1', 'a2', 'a3'].map((id) => one(id, PASS, { group: 'a' }))
    expect(summarize(judged, 1, SOUND)).toMatchObject({
      verdict: 'pass',
      counts: { compared: 1, cases: 3, fields: { compared: 30 } },
    })
  })

  test('count a cell with an allowed difference once', () => {
    const judged = ['a1', 'a2'].map((id) => one(id, ALLOWED, { group: 'a' }))
    expect(summarize(judged, 1, SOUND).counts).toMatchObject({ compared: 1, allowed: 1 })
    const both = [...judged, one('b', ALLOWED)]
    expect(summarize(both, 2, SOUND).counts).toMatchObject({ compared: 2, allowed: 2 })
  })
})

test('H1: each rule in force but MUST_MATCH states how many differences it excused', () => {
  const judged = [one('a', PASS), one('b', { ...PASS, exempted: ['/meta/backing_state', '/took'] })]
  const { rules } = summarize([...judged, one('c', null)], 3, SOUND)
  expect(rules).toEqual([
    { ...RULES[1], differences: 2 },
    { ...RULES[2], differences: 1 },
  ])
})

describe('the items', () => {
  test.each([
    ['one case fails', [FAIL, UNANSWERED, PASS, null], 'fail'],
    ['one case is unanswered', [PASS, UNANSWERED, null], 'unanswered'],
    ['one case was skipped', [PASS, null], 'skipped'],
    ['all cases pass', [PASS, PASS], 'pass'],
  ])('a cell has the state of its worst case: %s', (_situation, verdicts, state) => {
    const judged = verdicts.map((verdict, at) =>
      one(`a${at}`, verdict, { group: 'a', title: `t${at}` }),
    )
    for (const order of [judged, judged.toReversed()]) {
      expect(summarize(order, 1, SOUND).items).toMatchObject([{ id: 'a', state }])
    }
    expect(summarize(judged, 1, SOUND).items[0]?.title).toBe('t0')
  })

  test('a case that was never reached is worse than a skipped one', () => {
    const judged = [one('a1', null), one('a2', null, { state: 'never_reached' })].map((each) => ({
      ...each,
      group: 'a',
    }))
    expect(summarize(judged, 1, SOUND).items[0]?.state).toBe('never_reached')
  })

  test('the detail is that of the first case in the worst state', () => {
    const judged = [
      one('a1', PASS, { group: 'a', detail: detail('pass') }),
      one('a2', FAIL, { group: 'a', detail: detail('first') }),
      one('a3', FAIL, { group: 'a', detail: detail('second') }),
      one('b', PASS),
    ]
    const { items } = summarize(judged, 2, SOUND)
    expect(items.map((item) => item.detail?.reproduce ?? null)).toEqual(['first', null])
  })
})

describe('the findings', () => {
  test('begin with those of the comparer, then those of each case in order', () => {
    const judged = [
      one('a', UNANSWERED),
      one('b', null),
      one('c', { ...FAIL, noise: noisy('candidate').noise }),
    ]
    const nowhere = { pointer: null, rule: null, right: null }
    const there = { subject: 'c', pointer: '/value', rule: 'MUST_MATCH', left: '1', right: null }
    expect(
      summarize(judged, 3, [...FAULTY, { id: 'fields', faults: ['/reason'], pairs: 1 }]).findings,
    ).toEqual([
      { code: 'comparer_fault', subject: 'x', sides: null, left: null, ...nowhere },
      { code: 'field_unseen', subject: '/reason', sides: null, left: null, ...nowhere },
      {
        code: 'unanswered',
        subject: 'a',
        sides: 'candidate',
        left: 'backing_unreachable',
        ...nowhere,
      },
      { code: 'noise', sides: 'candidate', ...there },
      { code: 'divergence', sides: 'baseline-candidate', ...there },
    ])
  })
})

describe('situations', () => {
  const summarizeBoth = (second: readonly JudgedCase[], expected: number) =>
    summarizeCases([one('a', PASS)], {
      expected: 1,
      checks: SOUND,
      rules: RULES,
      situations: { judged: second, expected },
    })

  test('are counted apart from the cells, and listed after them', () => {
    const { verdict, counts, items } = summarizeBoth([one('s', PASS), one('t', PASS)], 2)
    expect(verdict).toBe('pass')
    expect(counts).toMatchObject({ expected: 1, compared: 1, cases: 1, fields: { compared: 30 } })
    expect(counts.situations).toEqual({ expected: 2, compared: 2, skipped: 0, neverReached: 0 })
    expect(items.map(({ id }) => id)).toEqual(['a', 's', 't'])
  })

  test.each([
    ['one differs', [one('s', FAIL)], 1, 'fail'],
    ['one is unanswered', [one('s', UNANSWERED)], 1, 'inconclusive'],
    ['one was skipped', [one('s', null)], 1, 'inconclusive'],
    ['there are fewer than expected', [one('s', PASS)], 2, 'inconclusive'],
  ] as const)('end the run where %s', (_situation, second, expected, verdict) => {
    expect(summarizeBoth(second, expected).verdict).toBe(verdict)
  })

  test('that differ are named by a finding', () => {
    const { findings } = summarizeBoth([one('s', FAIL)], 1)
    expect(findings).toMatchObject([{ code: 'divergence', subject: 's', pointer: '/value' }])
  })
})
