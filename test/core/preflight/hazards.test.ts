import { describe, expect, test } from 'vitest'
import { parseLosslessJson } from '../../../src/core/json/read.ts'
import { type HazardCode, HAZARDS, findHazards } from '../../../src/core/preflight/hazards.ts'

function found(text: string): readonly (readonly [HazardCode, string])[] {
  const read = parseLosslessJson(text)
  if (!read.ok) throw new Error(`the text is no JSON: ${read.code}`)
  return findHazards(read.node).map(({ code, pointer }) => [code, pointer] as const)
}
const nested = (levels: number): string => `${'['.repeat(levels)}1${']'.repeat(levels)}`

describe('findHazards', () => {
  // As observed with PostgreSQL 15 and its driver.
  test.each<[string, string, readonly (readonly [HazardCode, string])[]]>([
    ['a repeated member', '{"a":1,"a":2}', [['duplicate_member', '/a']]],
    ['a member repeated in escaped form', '{"a":1,"\\u0061":2}', [['duplicate_member', '/a']]],
    ['U+0000 in a text', '["a\\u0000"]', [['nul_character', '/0']]],
    ['U+0000 in a name', '{"a\\u0000":1}', [['nul_character', '/a\u0000']]],
    ['a lone high surrogate', '["\\ud800"]', [['lone_surrogate', '/0']]],
    ['a lone low surrogate', '["a\\udc00b"]', [['lone_surrogate', '/0']]],
    ['a member called __proto__', '{"__proto__":1}', [['proto_member', '/__proto__']]],
    ['names that differ by letter case', '{"a":1,"A":1}', [['names_alike', '/A']]],
    ['names that differ by normal form', '{"\u00e9":1,"e\u0301":1}', [['names_alike', '/e\u0301']]],
    ['names that differ by a blank', '{"a":1,"a ":1}', [['names_alike', '/a ']]],
    [
      'a name that is too long',
      `{"${'k'.repeat(2_705)}":1}`,
      [['name_too_long', `/${'k'.repeat(2_705)}`]],
    ],
    [
      'an id of a tenant with a blank',
      '{"tenant_id":"a b"}',
      [['id_outside_grammar', '/tenant_id']],
    ],
    ['an empty id of a user', '{"userId":""}', [['id_outside_grammar', '/userId']]],
    ['ids in a list', '{"user_ids":["U1","J\u00f6rg",7]}', [['id_outside_grammar', '/user_ids/1']]],
    [
      'ids as names',
      '{"per-tenant":{"T1":{},"T 2":{}}}',
      [['id_outside_grammar', '/per-tenant/T 2']],
    ],
    ['a flag key in capitals', '{"flag":"Beta"}', [['key_outside_grammar', '/flag']]],
    [
      'flag keys as names',
      '{"flags":{"ff.a":{},"beta":{},"new flow":{}}}',
      [['key_outside_grammar', '/flags/new flow']],
    ],
    ['the members of a user are no ids', '{"user":{"full name":"a b","age":1,"x":null}}', []],
    ['57 levels', nested(57), [['too_deep', '/0'.repeat(56)]]],
    ['2^53', '[9007199254740992]', [['integer_past_doubles', '/0']]],
    ['2^53+1', '[9007199254740993]', [['integer_past_doubles', '/0']]],
    ['a large negative integer', '[-9007199254740993]', [['integer_past_doubles', '/0']]],
    [
      'more than a double holds',
      '[1e400,-1e400]',
      [
        ['number_past_doubles', '/0'],
        ['number_past_doubles', '/1'],
      ],
    ],
    ['more digits than a double has', '[0.1234567890123456789]', [['number_rounded', '/0']]],
    ['less than the least double', '[1e-400]', [['number_rounded', '/0']]],
    [
      'a scale',
      '[1.0,1.10]',
      [
        ['number_rewritten', '/0'],
        ['number_rewritten', '/1'],
      ],
    ],
    ['an exponent', '[1e2]', [['number_rewritten', '/0']]],
    [
      'minus zero',
      '[-0,-0.0]',
      [
        ['zero_sign_lost', '/0'],
        ['zero_sign_lost', '/1'],
      ],
    ],
    ['microseconds', '["2026-01-15T09:00:00.123456Z"]', [['time_truncated', '/0']]],
    ['an offset', '["2026-01-15T09:00:00+05:30"]', [['time_offset_lost', '/0']]],
    ['an offset of zero', '["2026-01-15T09:00:00+00:00"]', [['time_offset_lost', '/0']]],
    ['no zone', '["2026-01-15 09:00:00"]', [['time_zone_absent', '/0']]],
    ['a leap second', '["2016-12-31T23:59:60Z"]', [['time_moved', '/0']]],
    ['hour 24', '["2026-01-15T24:00:00Z"]', [['time_moved', '/0']]],
    ['the year 10000', '["10000-01-01T00:00:00Z"]', [['time_out_of_range', '/0']]],
    ['the year 0', '["0000-01-01T00:00:00Z"]', [['time_out_of_range', '/0']]],
    [
      'several hazards of one value',
      '["2016-12-31T23:59:60.1234+01"]',
      [
        ['time_moved', '/0'],
        ['time_truncated', '/0'],
        ['time_offset_lost', '/0'],
      ],
    ],
  ])('%s', (_hazard, text, hits) => {
    expect(found(text)).toEqual(hits)
  })

  test.each([
    ['plain values', '{"a":[true,false,null,"x",1,-1,0.5,{}],"b":{}}'],
    ['the largest safe integer', '[9007199254740991,-9007199254740991]'],
    ['the last digit of a double', '[0.30000000000000004]'],
    ['a surrogate pair', '["\\ud83d\\ude00","😀"]'],
    ['a decomposed text, which is kept', '["e\u0301"]'],
    ['56 levels', nested(56)],
    ['a name at the limit', `{"${'k'.repeat(2_704)}":1}`],
    ['a canonical time', '["2026-01-15T09:00:00.123Z"]'],
    ['a time without a fraction', '["2026-01-15t09:00:00z"]'],
    ['a date', '["2026-01-15"]'],
    ['a version', '["10.20.30"]'],
    ['one name in two objects', '[{"a":1},{"A":1}]'],
    ['nothing', 'null'],
  ])('none: %s', (_situation, text) => {
    expect(found(text)).toEqual([])
  })

  test('escapes the pointer of a hazard', () => {
    expect(found('{"a/b":{"~":[0,1.0]}}')).toEqual([['number_rewritten', '/a~1b/~0/1']])
  })

  test('shows the value, cut where it is long', () => {
    const read = parseLosslessJson(`["${'x'.repeat(70)}\\u0000"]`)
    expect(read.ok && findHazards(read.node)[0]?.shown).toBe(`${'x'.repeat(60)}...`)
  })

  test('each has a kind and a description', () => {
    for (const [kind, what] of Object.values(HAZARDS)) {
      expect(['refused', 'changed']).toContain(kind)
      expect(what.length).toBeGreaterThan(10)
    }
  })
})
