import { describe, expect, test } from 'vitest'
import type { FieldRule } from '../../../src/core/parity/field-rules.ts'
import {
  type SideAnswer,
  answerToNode,
  compareParties,
  type ComparedParty,
} from '../../../src/core/parity/judge.ts'
import { node } from '../builders.ts'

const RULES: readonly FieldRule[] = [
  { pointer: '/meta/backing_state', rule: 'MUST_DIFFER', why: '' },
  { pointer: '/took', rule: 'MAY_DIFFER', why: '' },
]
const party = (kind: 'file' | 'db', text: string): ComparedParty => ({ kind, node: node(text) })
const terms = { rules: RULES, sides: 'baseline-candidate' } as const
const findings = (left: ComparedParty, right: ComparedParty) =>
  compareParties(left, right, terms).divergences.map((one) => [
    one.class,
    one.pointer,
    one.left,
    one.right,
  ])

describe('compareParties', () => {
  test.each([
    [
      'sides of two kinds that name them',
      party('file', '{"meta":{"backing_state":"file"}}'),
      party('db', '{"meta":{"backing_state":"db"}}'),
      [['expected', '/meta/backing_state', '"file"', '"db"']],
    ],
    [
      'sides of two kinds that name the same',
      party('file', '{"meta":{"backing_state":"db"}}'),
      party('db', '{"meta":{"backing_state":"db"}}'),
      [['blocker', '/meta/backing_state', '"db"', '"db"']],
    ],
    [
      'sides of two kinds that name none',
      party('file', '{"meta":{}}'),
      party('db', '{"meta":{}}'),
      [['blocker', '/meta/backing_state', null, null]],
    ],
    [
      'sides of two kinds without meta',
      party('file', '{"meta":null}'),
      party('db', '{}'),
      [
        ['blocker', '/meta', 'null', null],
        ['blocker', '/meta/backing_state', null, null],
      ],
    ],
    [
      'sides of one kind that name the same',
      party('db', '{"meta":{"backing_state":"db"}}'),
      party('db', '{"meta":{"backing_state":"db"}}'),
      [],
    ],
    [
      'sides of one kind that name different ones',
      party('db', '{"meta":{"backing_state":"file"}}'),
      party('db', '{"meta":{"backing_state":"db"}}'),
      [['blocker', '/meta/backing_state', '"file"', '"db"']],
    ],
    [
      'a field that may differ and does',
      party('db', '{"took":1}'),
      party('db', '{"took":2}'),
      [['allowed', '/took', '1', '2']],
    ],
    [
      'a new field on one side',
      party('db', '{}'),
      party('db', '{"new":null}'),
      [['blocker', '/new', null, 'null']],
    ],
    [
      'another value',
      party('db', '{"value":1.0}'),
      party('db', '{"value":1}'),
      [['blocker', '/value', '1.0', '1']],
    ],
  ] as const)('%s', (_situation, left, right, found) => {
    expect(findings(left, right)).toEqual(found)
  })

  test('each divergence has its sides and its rule, and fields are counted', () => {
    const found = compareParties(
      party('file', '{"a":1,"b":2}'),
      party('file', '{"a":1,"b":3}'),
      terms,
    )
    expect(found).toMatchObject({
      fields: 2,
      divergences: [{ sides: 'baseline-candidate', rule: 'MUST_MATCH', pointer: '/b' }],
    })
  })

  test('has no chain split where its comparer finds no difference', () => {
    const [left, right] = [party('db', '{"reason_chain":[1]}'), party('db', '{"reason_chain":[2]}')]
    const blind = { ...terms, compare: () => ({ differences: [], fields: 1 }) }
    expect(compareParties(left, right, blind).chain).toBeNull()
  })

  test.each([
    [
      'the same chains, another value',
      '{"value":1,"reason_chain":[1]}',
      '{"value":2,"reason_chain":[1]}',
      null,
    ],
    [
      'the first entry',
      '{"reason_chain":[1,2]}',
      '{"reason_chain":[3,2]}',
      { step: 0, left: '1', right: '3' },
    ],
    [
      'a missing last entry',
      '{"reason_chain":[1,2]}',
      '{"reason_chain":[1]}',
      { step: 1, left: '2', right: null },
    ],
    [
      'an additional entry',
      '{"reason_chain":[1]}',
      '{"reason_chain":[1,{"prec":2}]}',
      { step: 1, left: null, right: '{"prec":2}' },
    ],
    ['no chain on one side', '{"reason_chain":[1]}', '{}', { step: 0, left: '1', right: null }],
    ['an object instead of a chain', '{"reason_chain":{}}', '{"reason_chain":[]}', null],
    ['equal chains', '{"reason_chain":[1]}', '{"reason_chain":[1]}', null],
    ['no envelope at all', '"x"', 'null', null],
  ])('the chain split: %s', (_situation, left, right, chain) => {
    expect(compareParties(party('db', left), party('db', right), terms).chain).toEqual(chain)
  })
})

describe('an answer that is not a decision', () => {
  const refused: SideAnswer = { status: 'refused', code: 'token_expired', http: 401 }

  test('a refusal and a decision differ', () => {
    const decided = answerToNode({ status: 'decided', text: '{"decision":"deny"}' })
    const left = { node: answerToNode(refused), kind: 'db' } as const
    expect(
      compareParties(left, { node: decided, kind: 'db' }, terms).divergences.length,
    ).toBeGreaterThan(0)
  })

  test('a refusal does not exempt a decision that names no backing', () => {
    const left = { node: answerToNode(refused), kind: 'file' } as const
    const unnamed = ['blocker', '/meta/backing_state', null, null]
    expect(findings(left, party('db', '{}'))).toContainEqual(unnamed)
    expect(findings(party('db', '{}'), left)).toContainEqual(unnamed)
  })

  test.each([
    ['in its code', { status: 'refused', code: 'token_malformed', http: 401 }],
    ['in its status', { status: 'refused', code: 'token_expired', http: 403 }],
  ] as const)('two refusals differ %s', (_situation, other) => {
    const [a, b] = [answerToNode(refused), answerToNode(other)]
    expect(findings({ node: a, kind: 'db' }, { node: b, kind: 'db' })).toHaveLength(1)
  })

  test('equal refusals are equal, whatever the kinds of the sides', () => {
    const same = answerToNode(refused)
    expect(findings({ node: same, kind: 'db' }, { node: same, kind: 'db' })).toEqual([])
    // A refusal has no envelope, so it has no backing state that could differ.
    expect(findings({ node: same, kind: 'file' }, { node: same, kind: 'db' })).toEqual([])
  })

  test('a text that is not JSON is compared as a string, and equals no decision', () => {
    const garbage = answerToNode({ status: 'decided', text: '{"decision":' })
    expect(garbage).toBe('{"decision":')
    expect(findings({ node: garbage, kind: 'db' }, party('db', '{}'))).toHaveLength(1)
  })

  test('a decision is read without loss', () => {
    expect(answerToNode({ status: 'decided', text: '[1.0]' })).toEqual([{ lexeme: '1.0' }])
  })
})
