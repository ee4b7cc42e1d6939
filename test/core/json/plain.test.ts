import { describe, expect, test } from 'vitest'
import { nodeToValue } from '../../../src/core/json/plain.ts'
import { node } from '../builders.ts'

describe('nodeToValue', () => {
  test.each([
    ['null', 'null', null],
    ['a boolean', 'true', true],
    ['a text', '"\\u00e9"', 'é'],
    ['a number', '1.50', 1.5],
    ['a list', '[1,[],"a"]', [1, [], 'a']],
    ['an object in an object', '{"a":{"b":null}}', { a: { b: null } }],
  ])('%s', (_situation, text, plain) => {
    expect(nodeToValue(node(text))).toEqual(plain)
  })

  test('a member called __proto__ is an ordinary member', () => {
    const plain = nodeToValue(node('{"__proto__":{"admin":true},"a":1}')) as object
    expect(Object.keys(plain)).toEqual(['__proto__', 'a'])
    expect(Object.getPrototypeOf(plain)).toBe(Object.prototype)
  })

  test('the object can be changed and listed like one of JSON.parse', () => {
    const plain = nodeToValue(node('{"a":1}')) as object
    expect(Object.getOwnPropertyDescriptor(plain, 'a')).toEqual({
      value: 1,
      enumerable: true,
      writable: true,
      configurable: true,
    })
  })
})
