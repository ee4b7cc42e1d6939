import { describe, expect, test } from 'vitest'
import { compareJson } from '../../../src/core/parity/compare.ts'
import { classifyDifferences } from '../../../src/core/parity/field-differences.ts'
import { REPRESENTATIONS } from '../../../src/core/parity/representation.ts'
import { node } from '../builders.ts'

/** Pairs of rows with one difference: its pointer and its cause. */
const CASES: readonly (readonly [left: string, right: string, pointer: string, code: string])[] = [
  ['{"a":null}', '{}', '/a', 'null_for_absent'],
  ['{}', '{"a":""}', '/a', 'empty_for_absent'],
  ['{"a":"<null>"}', '{}', '/a', 'marker_for_absent'],
  ['{"a":"\\\\N"}', '{}', '/a', 'marker_for_absent'],
  ['{"a":"x"}', '{}', '/a', 'member_absent'],
  ['{"a":"not null"}', '{}', '/a', 'member_absent'],
  ['{"a":"null or x"}', '{}', '/a', 'member_absent'],
  ['{"a":""}', '{"a":null}', '/a', 'empty_for_null'],
  ['{"a":""}', '{"a":"x"}', '/a', 'text_differs'],
  ['{"a":null}', '{"a":"x"}', '/a', 'type_differs'],
  ['{"a":"null"}', '{"a":"x"}', '/a', 'text_differs'],
  ['{"a":"null"}', '{"a":null}', '/a', 'type_differs'],
  ['{"a":[]}', '{"a":{}}', '/a', 'list_for_object'],
  ['{"a":[]}', '{"a":{"b":1}}', '/a', 'type_differs'],
  ['{"a":[]}', '{"a":null}', '/a', 'type_differs'],
  ['{"a":[]}', '{"a":"x"}', '/a', 'type_differs'],
  ['{"a":""}', '{"a":{}}', '/a', 'type_differs'],
  ['{"a":"1"}', '{"a":1}', '/a', 'text_for_number'],
  ['{"a":" 1 "}', '{"a":1}', '/a', 'text_for_number'],
  ['{"a":"true"}', '{"a":true}', '/a', 'text_for_truth'],
  ['{"a":" true "}', '{"a":true}', '/a', 'text_for_truth'],
  ['{"a":"x"}', '{"a":true}', '/a', 'type_differs'],
  ['{"a":"x"}', '{"a":false}', '/a', 'type_differs'],
  ['{"a":true}', '{"a":1}', '/a', 'truth_for_number'],
  ['{"a":true}', '{"a":2}', '/a', 'type_differs'],
  ['{"a":[1]}', '{"a":{}}', '/a', 'type_differs'],
  ['{"a":true}', '{"a":false}', '/a', 'truth_flipped'],
  ['{"a":1.0}', '{"a":1}', '/a', 'number_spelled'],
  ['{"a":0}', '{"a":0e0}', '/a', 'number_spelled'],
  ['{"a":9007199254740993}', '{"a":9007199254740992}', '/a', 'integer_past_doubles'],
  ['{"a":0.30000000000000004}', '{"a":0.3}', '/a', 'number_rounded'],
  ['{"a":9007199254740992}', '{"a":9007199254740992.5}', '/a', 'number_rounded'],
  ['{"a":1.0}', '{"a":0.9999999999999996}', '/a', 'number_rounded'],
  ['{"a":0.12345}', '{"a":0.1235}', '/a', 'number_close'],
  ['{"a":-999.5}', '{"a":-1000.5}', '/a', 'number_close'],
  ['{"a":999.0}', '{"a":1000.0}', '/a', 'number_differs'],
  ['{"a":1}', '{"a":2}', '/a', 'number_differs'],
  ['{"a":1.5}', '{"a":2.5}', '/a', 'number_differs'],
  ['{"revision":1}', '{"revision":2}', '/revision', 'revision_behind'],
  ['{"revision":1}', '{"revision":"2"}', '/revision', 'type_differs'],
  ['{"a":"2026-01-01T00:00:00.000Z"}', '{"a":"2026-01-01 05:30:00+05:30"}', '/a', 'time_spelled'],
  ['{"a":"2026-01-01T00:00:00.000Z"}', '{"a":"2026-01-01 05:30:00+0530"}', '/a', 'time_spelled'],
  ['{"a":"2026-01-01T00:00:00.000Z"}', '{"a":"2026-01-01 05:00:00+05"}', '/a', 'time_spelled'],
  ['{"a":"2026-01-01T00:00:01Z"}', '{"a":"2026-01-01T00:00:00.9995Z"}', '/a', 'time_truncated'],
  ['{"a":"2026-01-01T00:00:00Z"}', '{"a":"2026-01-01T14:00:00Z"}', '/a', 'time_zone_shifted'],
  ['{"a":"2026-01-01T00:00:00Z"}', '{"a":"2026-01-01T14:15:00Z"}', '/a', 'time_differs'],
  ['{"a":"2026-01-01T00:00:00Z"}', '{"a":"x"}', '/a', 'text_differs'],
  ['{"a":"2026-01-01T00:00:00Z"}', '{"a":"x2026-01-01T00:00:00Z"}', '/a', 'text_differs'],
  ['{"a":"2026-01-01T00:00:00Z"}', '{"a":"2026-01-01T00:00:00Zx"}', '/a', 'text_differs'],
  [
    '{"a":"2026-01-01T00:00:00.000Z"}',
    '{"a":"2026-01-01T00:00:00.000001Z"}',
    '/a',
    'time_truncated',
  ],
  ['{"a":"2026-01-01T00:00:00.000Z"}', '{"a":"2026-01-01T05:00:00+00"}', '/a', 'time_zone_shifted'],
  ['{"a":"2026-01-01T00:00:00.000Z"}', '{"a":"2026-01-01T00:00:00.001Z"}', '/a', 'time_differs'],
  ['{"a":"2026-01-01T00:00:00.000Z"}', '{"a":"2026-01-02T00:00:00.000Z"}', '/a', 'time_differs'],
  ['{"a":"2026-01-01T00:00:00"}', '{"a":"2026-01-01T00:00:00Z"}', '/a', 'time_spelled'],
  ['{"a":"\u00e9"}', '{"a":"e\u0301"}', '/a', 'normal_form'],
  ['{"a":"x "}', '{"a":"x"}', '/a', 'blanks'],
  ['{"a":"x "}', '{"a":" x"}', '/a', 'blanks'],
  ['{"a":"X"}', '{"a":"x"}', '/a', 'letter_case'],
  ['{"a":"\u00df"}', '{"a":"SS"}', '/a', 'text_differs'],
  ['{"a":"x\ufffd"}', '{"a":"x\u0080"}', '/a', 'replacement_character'],
  ['{"a":"x"}', '{"a":"y"}', '/a', 'text_differs'],
  ['{"a":{"b":[1,2,3]}}', '{"a":{"b":[3,2,1]}}', '/a/b', 'list_order'],
  ['{"x":1,"a":{"b":[1,2]}}', '{"x":1,"a":{"b":[2,1]}}', '/a/b', 'list_order'],
  ['{"a":{"b":1,"b":2}}', '{"a":{"b":2}}', '/a', 'duplicate_member_lost'],
  ['{"a":{"b":1,"b":2}}', '{"a":2}', '/a', 'type_differs'],
  ['{"a":{"b":1,"c":2}}', '{"a":{"b":1}}', '/a/c', 'member_absent'],
  ['{"a":{"c":{"b":1,"b":1}}}', '{"a":{"c":{"b":1}}}', '/a/c', 'duplicate_member_lost'],
  ['{"a/b":{"c~":1}}', '{"a/b":{"c~":2}}', '/a~1b/c~0', 'number_differs'],
  ['{"a":[{"b":1},{"b":2}]}', '{"a":[{"b":1},{"b":3}]}', '/a/1/b', 'number_differs'],
  ['{"a":{"b":{"c":1}}}', '{"a":{"b":{}}}', '/a/b/c', 'member_absent'],
]

describe('the cause of a difference between stored rows', () => {
  test.each(CASES)('%s and %s', (left, right, pointer, code) => {
    for (const [a, b] of [
      [node(left), node(right)],
      [node(right), node(left)],
    ] as const) {
      const found = classifyDifferences(a, b, compareJson(a, b).differences)
      expect(found.map((one) => [one.pointer, one.representation])).toStrictEqual([[pointer, code]])
    }
  })

  test('every cause of the table is detectable', () => {
    const detected = new Set(CASES.map(([, , , code]) => code))
    expect(Object.keys(REPRESENTATIONS).filter((code) => !detected.has(code))).toStrictEqual([])
  })

  test('P8 an object of many members on one side takes time in proportion to them', () => {
    const members = Array.from({ length: 20_000 }, (_, at) => `"m${at}":${at}`).join(',')
    const [a, b] = [node(`{"value":{${members}}}`), node('{"value":{}}')]
    const { differences } = compareJson(a, b)
    const before = process.cpuUsage()
    expect(classifyDifferences(a, b, differences)).toHaveLength(20_000)
    // In proportion 0.1 s; in proportion to the square 5 minutes.
    expect(process.cpuUsage(before).user / 1_000_000).toBeLessThan(10)
  })

  test('every cause has a kind, and a description of its own', () => {
    const causes = Object.values(REPRESENTATIONS)
    expect(new Set(causes.map(([kind]) => kind))).toStrictEqual(
      new Set(['absent', 'type', 'precision', 'time', 'encoding', 'order', 'value']),
    )
    expect(new Set(causes.map(([, description]) => description)).size).toBe(causes.length)
    expect(causes.map(([, description]) => description)).not.toContain('')
  })

  test.each(['2', 'null', 'true', '"b"', '[]'])(
    'a difference below a place that one side lacks is reported at its own place: %s',
    (other) => {
      const [a, b] = [node('{"a":{"b":1}}'), node(`{"a":${other}}`)]
      for (const pointer of ['/a/b', '/a/b/c']) {
        const difference = { pointer, left: node('1'), right: undefined }
        expect(classifyDifferences(a, b, [difference])[0]?.pointer).toBe(pointer)
        expect(classifyDifferences(b, a, [difference])[0]?.pointer).toBe(pointer)
      }
    },
  )

  test('a list and a text of as many characters have no elements in common', () => {
    const [a, b] = [node('{"a":["b","b"]}'), node('{"a":"bb"}')]
    const difference = { pointer: '/a/0/c', left: node('1'), right: undefined }
    expect(classifyDifferences(a, b, [difference])[0]?.pointer).toBe('/a/0/c')
    expect(classifyDifferences(b, a, [difference])[0]?.pointer).toBe('/a/0/c')
  })

  test.each(['{}', '{"a":null}', '{"a":true}', '{"a":"bb"}', '{"a":[1,2]}'])(
    'a difference below an object with a repeated member, of which the other side has %s',
    (other) => {
      const [a, b] = [node('{"a":{"b":{"c":1},"b":2}}'), node(other)]
      const at = (pointer: string) => ({ pointer, left: node('1'), right: undefined })
      for (const [left, right] of [
        [a, b],
        [b, a],
      ] as const) {
        const found = classifyDifferences(left, right, [at('/a/b/c')])
        expect(found.map(({ pointer }) => pointer)).toEqual([other === '{}' ? '/a/b/c' : '/a'])
      }
    },
  )
})
