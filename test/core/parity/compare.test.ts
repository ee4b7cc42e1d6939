import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { JsonNode } from '../../../src/core/json/read.ts'
import { compareJson } from '../../../src/core/parity/compare.ts'
import { serializeNode } from '../../../src/core/parity/node-text.ts'
import { node } from '../builders.ts'
import { examples } from '../../support/scale.ts'

const toText = (held: JsonNode | undefined): string | null =>
  held === undefined ? null : serializeNode(held)
const differences = (
  left: string,
  right: string,
): readonly (readonly [string, string | null, string | null])[] =>
  compareJson(node(left), node(right)).differences.map(
    (one) => [one.pointer, toText(one.left), toText(one.right)] as const,
  )

describe('compareJson', () => {
  test.each([
    ['the order of members', '{"a":1,"b":{"c":2,"d":3}}', '{"b":{"d":3,"c":2},"a":1}', 3],
    ['white space and escapes', '[ "\\u0061" ]', '["a"]', 1],
    ['two empty lists', '[]', '[]', 1],
    ['two empty objects', '{}', '{}', 1],
    ['repeated members in the same order', '{"a":1,"b":0,"a":2}', '{"a":1,"a":2,"b":0}', 3],
    ['null', 'null', 'null', 1],
  ])('finds nothing in %s', (_situation, left, right, fields) => {
    expect(compareJson(node(left), node(right))).toEqual({ differences: [], fields })
  })

  test.each([
    [
      'the last digit',
      '9007199254740993',
      '9007199254740992',
      [['', '9007199254740993', '9007199254740992']],
    ],
    ['two lexemes of one number', '{"a":1.0}', '{"a":1}', [['/a', '1.0', '1']]],
    ['the sign of zero', '-0', '0', [['', '-0', '0']]],
    ['a number and its text', '[1]', '["1"]', [['/0', '1', '"1"']]],
    ['a text and its number', '["1"]', '[1]', [['/0', '"1"', '1']]],
    ['a number and null', '[1]', '[null]', [['/0', '1', 'null']]],
    ['null and a number', '[null]', '[1]', [['/0', 'null', '1']]],
    ['a boolean and a number', 'true', '1', [['', 'true', '1']]],
    ['null and absent', '{"a":null}', '{}', [['/a', 'null', null]]],
    ['absent and null', '{}', '{"a":null}', [['/a', null, 'null']]],
    ['a number and absent', '{"a":1}', '{}', [['/a', '1', null]]],
    ['absent and a number', '{}', '{"a":1}', [['/a', null, '1']]],
    ['a list and an object', '[]', '{}', [['', '[]', '{}']]],
    ['an object and a text', '{"a":{}}', '{"a":"{}"}', [['/a', '{}', '"{}"']]],
    [
      'a number and an object of its own lexeme',
      '1',
      '{"lexeme":"1"}',
      [['', '1', '{"lexeme":"1"}']],
    ],
    [
      'neighbours swapped',
      '[1,2]',
      '[2,1]',
      [
        ['/0', '1', '2'],
        ['/1', '2', '1'],
      ],
    ],
    ['an additional item', '[1]', '[1,null]', [['/1', null, 'null']]],
    ['a missing item', '[1,[2]]', '[1]', [['/1', '[2]', null]]],
    ['composed and decomposed', '"\u00e9"', '"e\u0301"', [['', '"\u00e9"', '"e\u0301"']]],
    ['a missing repeated member', '{"a":1,"a":1}', '{"a":1}', [['/a', '1', null]]],
    [
      'an additional repeated member',
      '{"a":1}',
      '{"a":1,"b":2,"a":1}',
      [
        ['/a', null, '1'],
        ['/b', null, '2'],
      ],
    ],
    [
      'repeated members swapped',
      '{"a":1,"a":2}',
      '{"a":2,"a":1}',
      [
        ['/a', '1', '2'],
        ['/a', '2', '1'],
      ],
    ],
    [
      'a name that a pointer must escape',
      '{"a/b":{"~":1}}',
      '{"a/b":{"~":2}}',
      [['/a~1b/~0', '1', '2']],
    ],
    ['a member of the prototype', '{"__proto__":1}', '{}', [['/__proto__', '1', null]]],
    [
      'several nested places',
      '{"a":[{"b":0,"c":1}],"d":2}',
      '{"a":[{"b":1,"c":1}],"d":3}',
      [
        ['/a/0/b', '0', '1'],
        ['/d', '2', '3'],
      ],
    ],
  ] as const)('finds %s', (_situation, left, right, found) => {
    expect(differences(left, right)).toEqual(found)
  })

  test('counts the leaves of either side', () => {
    expect(compareJson(node('{"a":[1,2],"b":{}}'), node('{"a":[1],"c":3}')).fields).toBe(4)
  })
})

const trees = fc.letrec<{ tree: JsonNode }>((tie) => ({
  tree: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom<JsonNode>(
      null,
      true,
      false,
      '',
      '1',
      'a',
      { lexeme: '1' },
      { lexeme: '1.0' },
      { lexeme: '-0' },
    ),
    fc.array(tie('tree'), { maxLength: 3 }),
    fc
      .array(fc.tuple(fc.constantFrom('a', 'b', '', '/'), tie('tree')), { maxLength: 4 })
      .map((members) => ({ members })),
  ),
})).tree

/** Independent of the comparer: one text for all texts that differ only in the order of distinct names. */
function normal(tree: JsonNode): string {
  if (typeof tree !== 'object' || tree === null) return JSON.stringify(tree)
  if ('lexeme' in tree) return tree.lexeme
  if (!('members' in tree)) return `[${tree.map(normal).join(',')}]`
  // A stable sort: repeated names keep their order.
  const sorted = tree.members.toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
  return `{${sorted.map(([name, held]) => `${JSON.stringify(name)}:${normal(held)}`).join(',')}}`
}

describe('compareJson as an equality', () => {
  test('every value equals itself, with at least one compared leaf', () => {
    fc.assert(
      fc.property(trees, (tree) => {
        const { differences: found, fields } = compareJson(tree, node(serializeNode(tree)))
        expect(found).toEqual([])
        expect(fields).toBeGreaterThan(0)
      }),
    )
  })

  test('is symmetric', () => {
    const line = (place: string, left: JsonNode | undefined, right: JsonNode | undefined): string =>
      JSON.stringify([place, toText(left), toText(right)])
    fc.assert(
      fc.property(trees, trees, (a, b) => {
        const [there, back] = [compareJson(a, b), compareJson(b, a)]
        expect(back.fields).toBe(there.fields)
        expect(
          back.differences.map((one) => line(one.pointer, one.right, one.left)).sort(),
        ).toEqual(there.differences.map((one) => line(one.pointer, one.left, one.right)).sort())
      }),
      examples(1000),
    )
  })

  test('finds nothing exactly where two texts differ at most in the order of members', () => {
    const twins = fc.oneof(
      fc.tuple(trees, trees),
      trees.map((tree) => [tree, reversed(tree)] as const),
    )
    fc.assert(
      fc.property(twins, ([a, b]) => {
        expect(compareJson(a, b).differences.length === 0).toBe(normal(a) === normal(b))
      }),
      examples(3000),
    )
  })
})

/** Reverses the members of every object. */
function reversed(tree: JsonNode): JsonNode {
  if (typeof tree !== 'object' || tree === null || 'lexeme' in tree) return tree
  if (!('members' in tree)) return tree.map(reversed)
  return { members: tree.members.map(([name, held]) => [name, reversed(held)] as const).reverse() }
}
