import { describe, expect, test } from 'vitest'
import { hasRepeatedMember, parseLosslessJson } from '../../../src/core/json/read.ts'

describe('hasRepeatedMember', () => {
  test.each<[string, boolean]>([
    ['{"a":1,"a":1}', true],
    ['{"a":1,"\\u0061":2}', true],
    ['{"a":{"b":1,"b":2}}', true],
    ['[0,[{"a":null,"a":true}]]', true],
    ['{"a":1,"A":1}', false],
    ['{"a":{"a":{"a":[]}}}', false],
    ['[{"a":1},{"a":1}]', false],
    ['{}', false],
    ['null', false],
    ['true', false],
    ['1e400', false],
    ['"a"', false],
  ])('%s: %s', (text, repeats) => {
    const read = parseLosslessJson(text)
    expect(read.ok && hasRepeatedMember(read.node)).toBe(repeats)
  })
})
