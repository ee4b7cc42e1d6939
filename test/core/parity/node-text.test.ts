import { describe, expect, test } from 'vitest'
import { serializeNode } from '../../../src/core/parity/node-text.ts'
import { node } from '../builders.ts'

describe('serializeNode', () => {
  test.each([
    ['null', 'null'],
    ['a text', '"a\\"\\n"'],
    ['numbers as written', '[1.0,-0,1E+2,9007199254740993]'],
    ['members in their order, with repeated ones', '{"b":1,"a":[],"b":{}}'],
  ])('%s', (_situation, text) => {
    expect(serializeNode(node(text))).toBe(text)
  })
})
