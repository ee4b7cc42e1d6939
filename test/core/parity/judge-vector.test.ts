import { describe, expect, test } from 'vitest'
import type { FieldRule } from '../../../src/core/parity/field-rules.ts'
import type { SideAnswer } from '../../../src/core/parity/judge.ts'
import {
  judgeVector,
  type SideAnswers,
  withBackingKind,
} from '../../../src/core/parity/judge-vector.ts'
import { serializeNode } from '../../../src/core/parity/node-text.ts'
import { objectNode } from '../builders.ts'

const RULES: readonly FieldRule[] = [
  { pointer: '/meta/backing_state', rule: 'MUST_DIFFER', why: '' },
  { pointer: '/took', rule: 'MAY_DIFFER', why: '' },
]
const EXPECTED = objectNode('{"value":1,"reason_chain":["a"],"meta":{"id":"r"}}')
const decided = (text: string): SideAnswer => ({ status: 'decided', text })
const right = (kind: string, value = '1', more = ''): SideAnswer =>
  decided(
    `{"value":${value},"reason_chain":["a"],"meta":{"id":"r","backing_state":"${kind}"}${more}}`,
  )
const side = (kind: 'file' | 'db', answer = right(kind), again = answer): SideAnswers => ({
  kind,
  answer,
  again,
})
const silent: SideAnswer = { status: 'unanswered', code: 'backing_unreachable' }
const refused: SideAnswer = { status: 'refused', code: 'token_expired', http: 401 }
const verdict = (baseline: SideAnswers, candidate: SideAnswers) =>
  judgeVector(EXPECTED, { baseline, candidate }, { rules: RULES })

describe('judgeVector', () => {
  test.each([
    ['both sides give the expected answer', side('file'), side('db')],
    ['two databases give the expected answer', side('db'), side('db')],
    [
      'the members come in another order',
      side('file'),
      side(
        'db',
        decided('{"meta":{"backing_state":"db","id":"r"},"reason_chain":["a"],"value":1}'),
      ),
    ],
  ])('passes where %s', (_situation, baseline, candidate) => {
    expect(verdict(baseline, candidate)).toMatchObject({
      status: 'pass',
      divergences: [],
      noise: [],
      unanswered: [],
      chains: [],
    })
  })

  test('compares only the sides with each other without an expectation', () => {
    const known = (candidate: SideAnswers) =>
      judgeVector(null, { baseline: side('file'), candidate }, { rules: RULES })
    expect(known(side('db')).status).toBe('pass')
    const { status, divergences } = known(side('db', right('db', '2')))
    expect([status, ...divergences.map(({ sides, pointer }) => `${sides} ${pointer}`)]).toEqual([
      'fail',
      'baseline-candidate /value',
    ])
  })

  test.each([
    [
      'the candidate has another value',
      side('file'),
      side('db', right('db', '2')),
      ['baseline-candidate /value', 'candidate-expected /value'],
    ],
    [
      'both sides have the same wrong value',
      side('file', right('file', '2')),
      side('db', right('db', '2')),
      ['baseline-expected /value', 'candidate-expected /value'],
    ],
    [
      'the value is 1.0',
      side('file'),
      side('db', right('db', '1.0')),
      ['baseline-candidate /value', 'candidate-expected /value'],
    ],
    [
      'the candidate names the backing file',
      side('file'),
      side('db', right('file')),
      ['baseline-candidate /meta/backing_state', 'candidate-expected /meta/backing_state'],
    ],
    [
      'both sides have a new member',
      side('file', right('file', '1', ',"new":1')),
      side('db', right('db', '1', ',"new":1')),
      ['baseline-expected /new', 'candidate-expected /new'],
    ],
  ])('fails where %s', (_situation, baseline, candidate, found) => {
    const { status, divergences } = verdict(baseline, candidate)
    expect(status).toBe('fail')
    expect(divergences.map(({ sides, pointer }) => `${sides} ${pointer}`)).toEqual(found)
  })

  test.each([
    ['a refusal', refused],
    ['a text that is not JSON', decided('oops')],
    ['an empty text', decided('')],
  ])('fails where the candidate answers with %s', (_situation, answer) => {
    const { status, divergences } = verdict(side('file'), side('db', answer))
    expect(status).toBe('fail')
    expect(divergences.some(({ sides }) => sides === 'baseline-candidate')).toBe(true)
    expect(divergences.some(({ sides }) => sides === 'candidate-expected')).toBe(true)
  })

  test.each([
    ['the candidate', side('file'), side('db', silent), [['candidate', 'backing_unreachable']]],
    [
      'the baseline, the second time',
      side('file', right('file'), silent),
      side('db'),
      [['baseline', 'backing_unreachable']],
    ],
    [
      'both',
      side('file', silent),
      side('db', silent),
      [
        ['baseline', 'backing_unreachable'],
        ['candidate', 'backing_unreachable'],
      ],
    ],
    [
      'one side, while the other is wrong',
      side('file', right('file', '2')),
      side('db', silent),
      [['candidate', 'backing_unreachable']],
    ],
  ])('is unanswered without an answer of %s', (_situation, baseline, candidate, quiet) => {
    const result = verdict(baseline, candidate)
    expect(result).toMatchObject({
      status: 'unanswered',
      divergences: [],
      noise: [],
      chains: [],
      exempted: [],
      fields: { compared: 0, differing: 0, expected: 0, allowed: 0 },
    })
    expect(result.unanswered.map((one) => [one.side, one.code])).toEqual(quiet)
  })

  test.each([
    [
      'the baseline',
      side('file', right('file'), right('file', '2')),
      side('db'),
      [['baseline', '/value']],
    ],
    [
      'the candidate',
      side('file'),
      side('db', right('db'), right('file')),
      [['candidate', '/meta/backing_state']],
    ],
    [
      'a side that refuses the second time',
      side('file'),
      side('db', right('db'), refused),
      [['candidate', '/value']],
    ],
    [
      'a side that refuses with two statuses',
      side('file'),
      side('db', refused, { ...refused, http: 403 }),
      [['candidate', '/http']],
    ],
  ])(
    'two different answers of one side are noise: %s',
    (_situation, baseline, candidate, noise) => {
      const all = verdict(baseline, candidate).noise
      expect(all.every(({ divergence }) => divergence.sides === 'control')).toBe(true)
      const found = all.map((one) => [one.side, one.divergence.pointer])
      expect(found).toEqual(expect.arrayContaining(noise))
      expect(new Set(found.map(([who]) => who)).size).toBe(1)
    },
  )

  test.each([
    [
      'in the order of members',
      side('db', decided('{"value":1,"meta":{}}'), decided('{"meta":{},"value":1}')),
    ],
    [
      'where the matrix allows it',
      side('db', right('db', '1', ',"took":1'), right('db', '1', ',"took":2')),
    ],
    ['in nothing, refused both times', side('db', refused, refused)],
  ])('two answers of one side that differ %s are not noise', (_situation, candidate) => {
    expect(verdict(side('file'), candidate).noise).toEqual([])
  })

  test('counts the fields of all three comparisons by class', () => {
    const took = (kind: string, ms: number): SideAnswer => right(kind, '1', `,"took":${ms}`)
    const { fields, status, exempted } = verdict(
      side('file', took('file', 1)),
      side('db', took('db', 2)),
    )
    // Five leaves each time; `took` differs between the sides, and the expectation does not have it.
    expect(fields).toEqual({ compared: 15, differing: 2, expected: 1, allowed: 1 })
    expect([status, ...exempted]).toEqual(['fail', '/meta/backing_state', '/took'])
  })

  test('H1: a rule MAY_DIFFER excuses no side from the expectation', () => {
    const rules: readonly FieldRule[] = [{ pointer: '/value', rule: 'MAY_DIFFER', why: '' }]
    const alike = {
      baseline: side('db', right('db', '2')),
      candidate: side('db', right('db', '3')),
    }
    const { status, divergences } = judgeVector(EXPECTED, alike, { rules })
    expect([status, ...divergences.map(({ sides }) => sides)]).toEqual([
      'fail',
      'baseline-expected',
      'candidate-expected',
    ])
  })

  test('lists a chain split once for each pair of sides', () => {
    const other = decided(
      '{"value":1,"reason_chain":["a","b"],"meta":{"id":"r","backing_state":"db"}}',
    )
    expect(verdict(side('file'), side('db', other)).chains).toEqual([
      { sides: 'baseline-candidate', step: 1, left: null, right: '"b"' },
      { sides: 'candidate-expected', step: 1, left: '"b"', right: null },
    ])
  })
})

test('the expectation of a side has the backing state of its kind', () => {
  expect(serializeNode(withBackingKind(EXPECTED, 'db'))).toBe(
    '{"value":1,"reason_chain":["a"],"meta":{"id":"r","backing_state":"db"}}',
  )
})
