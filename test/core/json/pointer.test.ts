import { describe, expect, test } from 'vitest'
import { appendPointer } from '../../../src/core/json/pointer.ts'

describe('appendPointer', () => {
  test.each([
    ['a member of the root', '', 'a', '/a'],
    ['a member below another', '/a', 'b', '/a/b'],
    ['a place in a list', '/a', 0, '/a/0'],
    ['a name with a slash', '', 'a/b', '/a~1b'],
    ['a name with a tilde', '', 'a~b', '/a~0b'],
    ['a name that looks escaped already', '', '~1', '/~01'],
    ['several of each', '', '/~/~', '/~1~0~1~0'],
    ['the empty name', '/a', '', '/a/'],
  ] as const)('%s', (_situation, parent, token, written) => {
    expect(appendPointer(parent, token)).toBe(written)
  })
})
