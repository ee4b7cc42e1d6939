import { describe, expect, test } from 'vitest'
import { parseSignedDocument } from '../../../src/core/signoff/read-document.ts'

/** A schema that accepts everything. */
const shape = (_kind: string, value: unknown) => ({ ok: true, value }) as never
const NEVER = '2026-02-30T00:00:00.000Z'

describe('a document', () => {
  test.each<readonly [string, string]>([
    ['is not JSON', '{\n"a"'],
    ['ends early', '{'],
  ])('that %s names the place', (_what, text) =>
    expect(parseSignedDocument('trust', text, { shape })).toEqual({
      ok: false,
      detail: expect.stringMatching(/^[a-z_]+ at line \d+, column \d+$/),
    }),
  )
  test.each<readonly [string, unknown, string]>([
    ['a time that does not exist', NEVER, NEVER],
    ['one in a list', ['x', NEVER], NEVER],
    ['one in an object', { a: null, b: { c: NEVER } }, NEVER],
    ['the first of two', [NEVER, '2026-13-01T00:00:00.000Z'], NEVER],
    ['one after a time that exists', ['2026-02-28T00:00:00.000Z', NEVER], NEVER],
  ])('names %s', (_what, value, time) =>
    expect(parseSignedDocument('trust', JSON.stringify({ value }), { shape })).toEqual({
      ok: false,
      detail: `${time} is not a valid date and time`,
    }),
  )
  test.each<readonly [string, unknown]>([
    ['a text around such a time', [`on ${NEVER}`, `${NEVER} or so`]],
    ['such a time without a part', ['2026-02-30', '2026-02-30T00:00:00Z']],
    ['numbers, conditions and nothing', [1, true, null]],
  ])('may hold %s', (_what, value) =>
    expect(parseSignedDocument('trust', JSON.stringify({ value }), { shape })).toEqual({
      ok: true,
      value: { value },
    }),
  )
  test('names a member that stands twice', () =>
    expect(parseSignedDocument('trust', '{"a":{"b":1,"b":2}}', { shape })).toMatchObject({
      ok: false,
      detail: expect.stringMatching(/ at \/a\/b$/),
    }))
})
