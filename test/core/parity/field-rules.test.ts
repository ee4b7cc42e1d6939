import { describe, expect, test } from 'vitest'
import {
  EXEMPTIBLE_FIELD,
  type FieldRule,
  findFieldRule,
  findRule,
  listExemptions,
} from '../../../src/core/parity/field-rules.ts'
import { readArtefact } from '../builders.ts'

const line = (pointer: string, rule: FieldRule['rule']): FieldRule => ({ pointer, rule, why: '' })
const RULES = [
  line('/meta', 'MAY_DIFFER'),
  line('/meta/backing_state', 'MUST_DIFFER'),
  line('/meta/request_id', 'MUST_MATCH'),
  line('/reason_chain/*/prec', 'MAY_DIFFER'),
  line('/warnings/*', 'MAY_DIFFER'),
  line('/a~1b', 'MAY_DIFFER'),
]

describe('findRule', () => {
  test.each([
    ['a named field', '/meta/backing_state', 'MUST_DIFFER'],
    ['a field without a rule', '/value', 'MUST_MATCH'],
    ['a new field', '/metadata', 'MUST_MATCH'],
    ['the root', '', 'MUST_MATCH'],
    ['a field below a named one', '/meta/anything/deeper', 'MAY_DIFFER'],
    ['a field with a longer and a shorter match', '/meta/request_id', 'MUST_MATCH'],
    ['a field of any entry of a list', '/reason_chain/7/prec', 'MAY_DIFFER'],
    ['another field of any entry', '/reason_chain/7/rule', 'MUST_MATCH'],
    ['the entry above it', '/reason_chain/7', 'MUST_MATCH'],
    ['a list, the entries of which have a rule', '/warnings', 'MUST_MATCH'],
    ['a name with a slash in it', '/a~1b', 'MAY_DIFFER'],
    ['the same letters as two names', '/a/b', 'MUST_MATCH'],
  ] as const)('%s', (_situation, at, rule) => {
    expect(findRule(RULES, at)).toBe(rule)
    expect(findRule(RULES.toReversed(), at)).toBe(rule)
  })

  test('the first of two rules for one field holds', () => {
    const [first, second] = [line('/a', 'MAY_DIFFER'), line('/a', 'MUST_DIFFER')]
    expect(findFieldRule([first, second], '/a')).toBe(first)
    expect(findFieldRule([second, first], '/a')).toBe(second)
  })

  test('without rules every field must match', () => {
    expect(findRule([], '/meta/backing_state')).toBe('MUST_MATCH')
  })

  test('a rule for the root applies to every field', () => {
    expect(findRule([line('', 'MAY_DIFFER')], '/x/y')).toBe('MAY_DIFFER')
  })
})

test('the contract exempts the one field that it may', () => {
  const text = readArtefact('contracts/cutover_parity_matrix.json')
  const { decision } = JSON.parse(text) as { readonly decision: readonly FieldRule[] }
  const exempt = listExemptions(decision, new Map([[EXEMPTIBLE_FIELD, 3]]))
  expect(exempt.map(({ pointer, differences }) => [pointer, differences])).toEqual([
    [EXEMPTIBLE_FIELD, 3],
  ])
})

test('a rule that exempted nothing counts 0, and MUST_MATCH is no exemption', () => {
  const exempt = listExemptions(RULES, new Map([['/meta', 2]]))
  expect(exempt.map(({ pointer, differences }) => [pointer, differences])).toEqual([
    ['/meta', 2],
    ['/meta/backing_state', 0],
    ['/reason_chain/*/prec', 0],
    ['/warnings/*', 0],
    ['/a~1b', 0],
  ])
})
