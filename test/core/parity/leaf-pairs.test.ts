import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { type JsonNode, parseLosslessJson } from '../../../src/core/json/read.ts'
import { compareJson, type JsonComparer } from '../../../src/core/parity/compare.ts'
import { serializeNode } from '../../../src/core/parity/node-text.ts'
import type { FieldRule, ParityRule } from '../../../src/core/parity/field-rules.ts'
import {
  buildLeafPairs,
  findUnseenFields,
  type LeafSchema,
} from '../../../src/core/parity/leaf-pairs.ts'

const load = (path: string): unknown =>
  JSON.parse(readFileSync(new URL(`../../../contracts/${path}`, import.meta.url), 'utf8'))
const PAIRS = buildLeafPairs(
  Object.fromEntries(
    ['decision.schema.json', 'common.schema.json'].map((name) => [
      name,
      load(`schemas/${name}`) as LeafSchema,
    ]),
  ),
)
const RULES = (load('cutover_parity_matrix.json') as { decision: readonly FieldRule[] }).decision
const FIELDS = [...new Set(PAIRS.map(({ field }) => field))]
const toNode = (text: string): JsonNode => {
  const read = parseLosslessJson(text)
  return read.ok ? read.node : text
}
const unseen = (rules: readonly FieldRule[], compare: JsonComparer = compareJson) =>
  findUnseenFields(PAIRS, { rules, compare })
/** A comparer that misses every difference in one field. */
const blindTo =
  (field: string): JsonComparer =>
  (left, right) => {
    const { differences, fields } = compareJson(left, right)
    const pattern = field.split('/')
    const isBlind = (pointer: string): boolean =>
      pattern.every((token, at) => token === '*' || token === pointer.split('/')[at])
    return { fields, differences: differences.filter(({ pointer }) => !isBlind(pointer)) }
  }
const exempting = (field: string, rule: ParityRule): readonly FieldRule[] => [
  { pointer: field, rule, why: '' },
  ...RULES.filter(({ pointer }) => pointer !== field),
]

describe('the pairs of the decision schema', () => {
  test('reach each field that the contract names, and no other', () => {
    const containers = ['/reason_chain', '/warnings', '/meta']
    const leaves = RULES.map(({ pointer }) => pointer).filter((one) => !containers.includes(one))
    expect(FIELDS.toSorted()).toEqual([...leaves, '/unnamed'].toSorted())
  })

  test.each(PAIRS)('differ in $pointer alone', ({ pointer, left, right }) => {
    const { differences } = compareJson(toNode(left), toNode(right))
    expect(differences).toHaveLength(1)
    expect(differences[0]?.pointer.startsWith(pointer)).toBe(true)
  })

  test('hold a value of each JSON type', () => {
    const values = PAIRS.filter(({ field }) => field === '/value')
    expect(values.map(({ pointer, left }) => /"value":(.)/.exec(left)?.[1] ?? pointer)).toEqual([
      't',
      '"',
      '1',
      '{',
      'n',
    ])
  })

  test.each<[LeafSchema, JsonNode, JsonNode]>([
    [{ const: 'a' }, 'a', 'a-'],
    [{ const: true }, true, false],
    [{ const: 1 }, { lexeme: '1' }, { lexeme: '99' }],
    [{ enum: ['a', 'b', 'c'] }, 'a', 'b'],
    [{ enum: [1, 2] }, { lexeme: '1' }, { lexeme: '2' }],
    [{ type: 'null' }, null, 'a'],
    [{ oneOf: [{ type: 'boolean' }, { type: 'null' }] }, true, false],
  ])('hold two values of %j', (schema, left, right) => {
    const [pair] = buildLeafPairs({ 'decision.schema.json': { properties: { a: schema } } })
    const toWhole = (value: JsonNode): JsonNode => ({
      members: [
        ['a', value],
        ['unnamed', { lexeme: '1' }],
      ],
    })
    expect(pair).toEqual({
      field: '/a',
      pointer: '/a',
      left: serializeNode(toWhole(left)),
      right: serializeNode(toWhole(right)),
    })
  })

  test('cannot be built from a schema without one of its parts', () => {
    const decision: LeafSchema = { $ref: 'common.schema.json#/$defs/absent' }
    const build = () => buildLeafPairs({ 'decision.schema.json': { properties: { a: decision } } })
    expect(build).toThrow('common.schema.json#/$defs/absent')
    expect(() => buildLeafPairs({})).toThrow('decision.schema.json')
  })
})

describe('the judge', () => {
  test('finds each of them by the rules of the contract, and counts the exempt one', () => {
    expect(unseen(RULES)).toEqual([])
  })

  test.each(FIELDS)('H2: is found out where its comparer ignores %s', (field) => {
    expect(unseen(RULES, blindTo(field))).toEqual([field])
  })

  test.each(FIELDS)('counts a difference in %s as allowed where a rule allows it', (field) => {
    expect(unseen(exempting(field, 'MAY_DIFFER'))).toEqual([])
  })

  test.each(['/reason_chain', '/meta', ''])(
    'H2: is found out where a rule exempts all of "%s"',
    (at) => {
      expect(unseen([{ pointer: at, rule: 'MAY_DIFFER', why: '' }]).length).toBeGreaterThan(5)
    },
  )

  test('is found out where its comparer calls everything unequal, or nothing', () => {
    expect(unseen(RULES, () => ({ differences: [], fields: 1 }))).toEqual(FIELDS)
    const suspicious: JsonComparer = (left, right) => ({
      fields: 1,
      differences: [{ pointer: '', left, right }],
    })
    expect(unseen(RULES, suspicious)).toEqual(FIELDS)
    const inventing: JsonComparer = (left, right) => {
      const { differences, fields } = compareJson(left, right)
      return { fields, differences: [...differences, { pointer: '/new', left, right }] }
    }
    expect(unseen(RULES, inventing)).toEqual(FIELDS)
  })
})
