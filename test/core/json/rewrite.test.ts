import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { canonicalizeValue } from '../../../src/core/json/plain.ts'
import { rewriteJson } from '../../../src/core/json/rewrite.ts'
import { ROOT } from '../../support/run-ff.ts'

const CHECKLIST = readFileSync(join(ROOT, 'checklists/cutover_readiness_checklist.json'), 'utf8')

describe('a text', () => {
  test('with the same value keeps every character', () => {
    const odd = ' {"b" :1.0 ,\r\n\t"a":[ 1e2,"\\u0041\\"",{ } ,[],null ]}\n\n'
    expect(rewriteJson(odd, JSON.parse(odd))).toBe(odd)
    expect(rewriteJson(CHECKLIST, JSON.parse(CHECKLIST))).toBe(CHECKLIST)
  })
  test.each<readonly [string, string, unknown, string]>([
    ['a scalar', '{"a": 1,  "b":2}', { a: 1, b: 3 }, '{"a": 1,  "b":3}'],
    ['the whole document', ' 1 ', [2], ' [ 2 ] '],
    ['an item', '[ 1,2 ,3 ]', [1, 'x', 3], '[ 1,"x" ,3 ]'],
    ['a list on one line', '{"a":["x"]}', { a: ['x', 'y'] }, '{"a":[ "x", "y" ]}'],
    ['a list that empties', '{"a":["x"]}', { a: [] }, '{"a":[]}'],
    ['a scalar that becomes an object', '{"a":1}', { a: { b: 1 } }, '{"a":{ "b": 1 }}'],
    ['an object that becomes a list', '{"a":{}}', { a: [1] }, '{"a":[ 1 ]}'],
    ['a list that becomes an object', '{"a":[1]}', { a: { b: 1 } }, '{"a":{ "b": 1 }}'],
    ['an object that becomes null', '{"a":{"b":1}}', { a: null }, '{"a":null}'],
    ['another name', '{"a":1}', { b: 1 }, '{ "b": 1 }'],
    [
      'lines',
      '{\n    "a": [\n        1\n    ],\n    "b": 1\n}',
      { a: [1, 2], b: 1 },
      '{\n    "a": [\n      1,\n      2\n    ],\n    "b": 1\n}',
    ],
  ])('with another value of %s changes that alone', (_what, text, value, expected) => {
    expect(rewriteJson(text, value)).toBe(expected)
  })
  test('has the new value, whatever the old one was', () => {
    fc.assert(
      fc.property(
        fc.jsonValue(),
        fc.jsonValue(),
        fc.constantFrom(0, 2),
        (before, after, indent) => {
          const text = rewriteJson(JSON.stringify(before, null, indent), after)
          expect(canonicalizeValue(JSON.parse(text))).toBe(canonicalizeValue(after))
        },
      ),
    )
  })
})
