import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { nodeToValue } from '../../../src/core/json/plain.ts'
import {
  isJsonArray,
  isJsonNumber,
  isJsonObject,
  type JsonNode,
  MAX_DEPTH,
  parseLargeJson,
  parseLosslessJson,
} from '../../../src/core/json/read.ts'
import { serializeNode } from '../../../src/core/parity/node-text.ts'
import { examples } from '../../support/scale.ts'

const ok = (node: JsonNode): unknown => ({ ok: true, node })
const number = (lexeme: string): JsonNode => ({ lexeme })

describe('parseLosslessJson', () => {
  test.each([
    ['null', 'null', null],
    ['booleans', '[true,false]', [true, false]],
    ['a number past 2^53, to its last digit', '9007199254740993', number('9007199254740993')],
    ['a trailing zero', '1.0', number('1.0')],
    ['minus zero', '-0', number('-0')],
    ['an exponent as written', '1E+002', number('1E+002')],
    ['the empty text', '""', ''],
    ['every short escape', '"\\"\\\\\\/\\b\\f\\n\\r\\t"', '"\\/\b\f\n\r\t'],
    ['an escape in two cases', '"\\u00E9\\u00e9"', 'éé'],
    ['a pair of surrogates, escaped', '"\\ud83d\\ude00"', '😀'],
    ['a lone surrogate, which the strict check refuses', '"\\ud800"', '\ud800'],
    ['a delete character, which is not a control character of JSON', '"\u007f"', '\u007f'],
    ['the empty list and the empty object', '[[],{}]', [[], { members: [] }]],
    ['white space of all four kinds', ' \t\r\n[ \n1 ,\t2\r] ', [number('1'), number('2')]],
    ['space within an empty list and object', '[[ ],{ }]', [[], { members: [] }]],
    [
      'repeated members, in their order',
      '{"b":1,"a":2,"b":3}',
      {
        members: [
          ['b', number('1')],
          ['a', number('2')],
          ['b', number('3')],
        ],
      },
    ],
    [
      'members of the prototype',
      '{ "__proto__" : {} , "constructor" : null }',
      {
        members: [
          ['__proto__', { members: [] }],
          ['constructor', null],
        ],
      },
    ],
  ] as const)('keeps %s', (_situation, text, node) => {
    expect(parseLosslessJson(text)).toEqual(ok(node))
  })

  test.each([
    ['nothing at all', '', 'json_empty', 1, 1],
    ['white space alone', ' \n ', 'json_empty', 2, 2],
    ['a byte order mark', '\ufeff1', 'json_malformed', 1, 1],
    ['a no-break space', '\u00a01', 'json_malformed', 1, 1],
    ['an unknown word', 'nul', 'json_malformed', 1, 1],
    ['a word in capitals', 'True', 'json_malformed', 1, 1],
    ['something after the end', '1 2', 'json_malformed', 1, 3],
    ['two commas', '[1,,2]', 'json_malformed', 1, 4],
    ['a comma at the end of a list', '[1,]', 'json_malformed', 1, 4],
    ['a comma at the end of an object', '{"a":1,}', 'json_malformed', 1, 8],
    ['a list that is not closed', '[1', 'json_malformed', 1, 3],
    ['an object that is not closed', '{"a":1', 'json_malformed', 1, 7],
    ['brackets that do not match', '[1}', 'json_malformed', 1, 3],
    ['a name without quotes', '{a:1}', 'json_malformed', 1, 2],
    ['a name without a colon', '{"a" 1}', 'json_malformed', 1, 6],
    ['a name without a value', '{"a":}', 'json_malformed', 1, 6],
    ['a text that is not closed', '"a', 'json_malformed', 1, 3],
    ['a line end within a text', '"a\nb"', 'json_malformed', 1, 3],
    ['an unknown escape', '"\\x"', 'json_malformed', 1, 4],
    ['an escape of a member of the prototype', '"\\constructor"', 'json_malformed', 1, 4],
    ['an escape that is cut short', '"\\u12"', 'json_malformed', 1, 4],
    ['an escape at the very end', '"\\', 'json_malformed', 1, 4],
    ['a leading zero', '01', 'json_malformed', 1, 2],
    ['a leading plus', '+1', 'json_malformed', 1, 1],
    ['a leading point', '.5', 'json_malformed', 1, 1],
    ['a point and nothing after it', '1.', 'json_malformed', 1, 2],
    ['an exponent and nothing after it', '1e', 'json_malformed', 1, 2],
    ['a minus and nothing after it', '-', 'json_malformed', 1, 1],
    ['not a number', 'NaN', 'json_malformed', 1, 1],
    ['a comment', '1 // one', 'json_malformed', 1, 3],
    ['the third line', '{\n "a": 1,\n "b": x}', 'json_malformed', 3, 7],
  ])('refuses %s, with line and column', (_situation, text, code, line, column) => {
    expect(parseLosslessJson(text)).toEqual({ ok: false, code, line, column })
  })

  const nested = (depth: number, open: string, close: string): string =>
    `${open.repeat(depth)}1${close.repeat(depth)}`
  test.each([
    ['lists', '[', ']'],
    ['objects', '{"a":', '}'],
  ])('accepts %s to the allowed depth, and not one level deeper', (_situation, open, close) => {
    expect(parseLosslessJson(nested(MAX_DEPTH, open, close)).ok).toBe(true)
    expect(parseLosslessJson(nested(MAX_DEPTH + 1, open, close))).toMatchObject({
      ok: false,
      code: 'json_too_deep',
    })
  })

  test('refuses a depth that would overflow any stack', () => {
    expect(parseLosslessJson('['.repeat(1_000_000))).toMatchObject({
      ok: false,
      code: 'json_too_deep',
    })
  })

  test('throws for a value that is not a text, which is a bug of the caller', () => {
    expect(() => parseLosslessJson(null as unknown as string)).toThrow(TypeError)
  })
})

/** The result of JSON.parse. */
function parsed(text: string): { readonly ok: boolean; readonly value?: unknown } {
  try {
    return { ok: true, value: JSON.parse(text) as unknown }
  } catch {
    return { ok: false }
  }
}
const agrees = (text: string): void => {
  const [ours, theirs] = [parseLosslessJson(text), parsed(text)]
  expect(ours.ok).toBe(theirs.ok)
  if (ours.ok) expect(nodeToValue(ours.node)).toEqual(theirs.value)
}

describe('parseLargeJson', () => {
  /** Half of the members are long, so that objects are smaller and larger than what is kept as a place. */
  const text = fc
    .jsonValue({ maxDepth: 4 })
    .chain((value) =>
      fc
        .constantFrom(1, 70_000)
        .map((length) =>
          JSON.stringify({ one: [value, { two: value, long: 'x'.repeat(length) }], value }),
        ),
    )

  test('reads what parseLosslessJson reads, also when members are asked for in turns', () => {
    fc.assert(
      fc.property(text, (json) => {
        const [large, whole] = [parseLargeJson(json), parseLosslessJson(json)]
        if (!large.ok || !whole.ok) throw new Error('the text is JSON')
        for (const turn of [1, 2])
          expect([turn, serializeNode(large.node)]).toEqual([turn, serializeNode(whole.node)])
      }),
      examples(100),
    )
  })

  test('reads objects of the same names next to each other', () => {
    const read = parseLargeJson(`[{"a":1},{"a":{"b":2}},"${'x'.repeat(70_000)}"]`)
    const [first, second] = read.ok && isJsonArray(read.node) ? read.node : []
    const list = [first, second, first].map((one) => one !== undefined && serializeNode(one))
    expect(list).toEqual(['{"a":1}', '{"a":{"b":2}}', '{"a":1}'])
  })

  test('refuses what parseLosslessJson refuses, at the same place', () => {
    for (const json of ['', '{"a":{"b":1}', '{"a":{"b":01}}', `{"a":${'['.repeat(70)}`])
      expect(parseLargeJson(json)).toEqual(parseLosslessJson(json))
  })
})

describe('parseLosslessJson and JSON.parse', () => {
  test('accept the same texts with the same values', () => {
    fc.assert(fc.property(fc.json({ maxDepth: 5, stringUnit: 'binary' }), agrees))
  })

  test('refuse the same texts with one character more, less or changed', () => {
    const damage = fc.record({
      text: fc.json({ maxDepth: 3 }),
      at: fc.nat(),
      cut: fc.nat({ max: 1 }),
      put: fc.constantFrom('', ...Array.from('{}[]",:\\-+.0e1tfn \n\u0000\ufeff')),
    })
    fc.assert(
      fc.property(damage, ({ text, at, cut, put }) => {
        const here = at % (text.length + 1)
        agrees(text.slice(0, here) + put + text.slice(here + cut))
      }),
      examples(2000),
    )
  })
})

describe('the kinds of a node', () => {
  test.each([
    ['null', null, 'none'],
    ['a boolean', true, 'none'],
    ['a text', 'lexeme', 'none'],
    ['a number', { lexeme: '1' }, 'number'],
    ['an object', { members: [] }, 'object'],
    ['a list', [], 'array'],
  ] as const)('%s is of one kind only', (_situation, node, kind) => {
    expect([isJsonNumber(node), isJsonObject(node), isJsonArray(node)]).toEqual([
      kind === 'number',
      kind === 'object',
      kind === 'array',
    ])
  })
})
