import type { ProblemCode } from '../../../src/core/problem.ts'
import { MAX_VALUE_DEPTH } from '../../../src/core/rows/grammar.ts'
import { overrideText } from './requests.ts'

export const FLAG_BY_KIND = {
  boolean: 'ff.kind.boolean',
  string: 'ff.kind.string',
  number: 'ff.kind.number',
  object: 'ff.kind.object',
} as const
export type Kind = keyof typeof FLAG_BY_KIND
/** The value as stored and read back, or every problem with its pointer. */
export type Verdict =
  | { readonly stored: string }
  | { readonly refused: readonly (readonly [code: ProblemCode, pointer: string])[] }
export interface HostileBody {
  readonly situation: string
  readonly kind: Kind
  readonly text: string
  readonly verdict: Verdict
}

const stored = (text: string): Verdict => ({ stored: text })
const no = (code: ProblemCode, pointer = '/value'): Verdict => ({ refused: [[code, pointer]] })

type Row = readonly [situation: string, value: string, verdict: Verdict]
const values = (kind: Kind, rows: readonly Row[]): readonly HostileBody[] =>
  rows.map(([situation, value, verdict]) => ({
    situation,
    kind,
    text: overrideText(value),
    verdict,
  }))
const bodies = (rows: readonly Row[]): readonly HostileBody[] =>
  rows.map(([situation, text, verdict]) => ({ situation, kind: 'boolean', text, verdict }))

const asIs = (situation: string, text: string): Row => [situation, text, stored(text)]
const quoted = (text: string): string => JSON.stringify(text)

const STRINGS = values('string', [
  ['U+0000 in a string', '"a\\u0000b"', no('nul_character')],
  ['a high surrogate alone', '"\\ud800"', no('lone_surrogate')],
  ['a low surrogate alone', '"x\\udc00y"', no('lone_surrogate')],
  ['two surrogates in the wrong order', '"\\udc00\\ud800"', no('lone_surrogate')],
  ['an emoji written as two escapes', '"\\ud83d\\ude00"', stored('"😀"')],
  asIs('an emoji of several code points', '"👩🏽‍🚀"'),
  asIs('e with acute as one character', quoted('\u00e9')),
  asIs('e with acute as two characters', quoted('e\u0301')),
  asIs('trailing blanks', '"on  "'),
  asIs('leading blanks and a tab', '"  \\ton"'),
  asIs('the empty string', '""'),
  asIs('a string of one blank', '" "'),
  asIs('control characters', '"\\u0001\\u001f\\u007f"'.replace('\\u007f', '\u007f')),
  asIs('a line separator', quoted('a\u2028b')),
  asIs('a byte order mark as text', quoted('\ufeffa')),
  asIs('the replacement character', quoted('\ufffd')),
  asIs('noncharacters', quoted('\ufffe\uffff')),
  asIs('the last code point', quoted('\u{10ffff}')),
  asIs('quotes and backslashes', quoted('"\\\' \\x41 \\\\')),
  asIs('letters that change length when lowered', quoted('İßΑΣ')),
  asIs('the word null', '"null"'),
  asIs('a number as text', '"1.0"'),
  asIs('SQL in a string', quoted("'; DROP TABLE audit; --$1 %s {0}")),
  ['an escaped slash', '"\\/"', stored('"/"')],
  ['an escaped letter', '"\\u0061"', stored('"a"')],
  asIs('as long as a value may be', quoted('x'.repeat(65_534))),
  ['one byte longer than a value may be', quoted('x'.repeat(65_535)), no('value_too_large')],
  asIs('as long as may be in two-byte letters', quoted('é'.repeat(32_767))),
  ['one byte longer in two-byte letters', quoted(`${'é'.repeat(32_767)}x`), no('value_too_large')],
  asIs('as long as may be in emoji', quoted(`${'😀'.repeat(16_383)}xx`)),
  ['one byte longer in emoji', quoted(`${'😀'.repeat(16_383)}xxx`), no('value_too_large')],
  ['a boolean where a string belongs', 'true', no('value_type_mismatch')],
  ['a number where a string belongs', '1', no('value_type_mismatch')],
])

const NUMBERS = values('number', [
  ['2^53 + 1', '9007199254740993', no('number_not_canonical')],
  ['-(2^53 + 1)', '-9007199254740993', no('number_not_canonical')],
  asIs('2^53', '9007199254740992'),
  asIs('2^53 - 1', '9007199254740991'),
  ['twenty digits that no double has', '12345678901234567890', no('number_not_canonical')],
  asIs('twenty-one digits that a double has', '100000000000000000000'),
  ['1e400', '1e400', no('number_not_canonical')],
  ['-1e400', '-1e400', no('number_not_canonical')],
  ['1e-400', '1e-400', no('number_not_canonical')],
  ['1e-7', '1e-7', no('number_not_canonical')],
  ['0.0000001', '0.0000001', no('number_not_canonical')],
  asIs('0.000001', '0.000001'),
  ['1e21', '1e21', no('number_not_canonical')],
  ['1e21 written out', '1000000000000000000000', no('number_not_canonical')],
  ['the largest double', '1.7976931348623157e308', no('number_not_canonical')],
  ['the smallest double', '5e-324', no('number_not_canonical')],
  ['1.0', '1.0', stored('1')],
  ['1.10', '1.10', stored('1.1')],
  ['-0', '-0', stored('0')],
  ['-0.0', '-0.0', stored('0')],
  ['zero with an enormous exponent', '0e99999', stored('0')],
  ['1e2', '1e2', stored('100')],
  ['1E+2', '1E+2', stored('100')],
  ['a fraction with an exponent', '12.5e1', stored('125')],
  asIs('0.1', '0.1'),
  asIs('0.30000000000000004', '0.30000000000000004'),
  ['one digit more than a double has', '0.300000000000000041', no('number_not_canonical')],
  asIs('-2.5', '-2.5'),
  ['a number as text', '"1"', no('value_type_mismatch')],
  ['true where a number belongs', 'true', no('value_type_mismatch')],
])

const nested = (open: string, close: string, levels: number): string =>
  `${open.repeat(levels)}1${close.repeat(levels)}`

const OBJECTS = values('object', [
  asIs('an empty object', '{}'),
  asIs('an empty array and an empty object inside', '{"a":[],"b":{},"c":[[]],"d":[{}]}'),
  asIs('null inside', '{"a":null,"b":[null]}'),
  ['a repeated member', '{"a":1,"a":2}', no('duplicate_member', '/value/a')],
  ['a repeated member with one value', '{"a":1,"a":1}', no('duplicate_member', '/value/a')],
  [
    'a member repeated through an escape',
    '{"a":1,"\\u0061":2}',
    no('duplicate_member', '/value/a'),
  ],
  ['a repeated member far inside', '{"a":[{"b":1,"b":2}]}', no('duplicate_member', '/value/a/0/b')],
  [
    'a repeated __proto__',
    '{"__proto__":1,"__proto__":2}',
    no('duplicate_member', '/value/__proto__'),
  ],
  asIs('__proto__ as a member', '{"__proto__":{"a":1},"a":2}'),
  asIs(
    'names that every object inherits',
    '{"constructor":1,"hasOwnProperty":2,"toString":3,"valueOf":4}',
  ),
  [
    'members in another order, names like integers among them',
    '{"b":1,"10":2,"9":3,"a":4,"":5,"-1":6}',
    stored('{"":5,"-1":6,"10":2,"9":3,"a":4,"b":1}'),
  ],
  ['names that sort otherwise by code point', '{"｡":1,"😀":2}', stored('{"😀":2,"｡":1}')],
  ['names that sort otherwise by length', '{"b":1,"aa":2}', stored('{"aa":2,"b":1}')],
  asIs(
    'names that differ by case, blank and form',
    quotedNames(['A', 'a', 'a ', 'e\u0301', '\u00e9']),
  ),
  ['U+0000 in a name', '{"a\\u0000":1}', no('nul_character', '/value/a\u0000')],
  ['a lone surrogate in a name', '{"\\ud800":1}', no('lone_surrogate', '/value/\ud800')],
  [
    'slash and tilde in the way',
    '{"a/b":{"m~n":1e400}}',
    no('number_not_canonical', '/value/a~1b/m~0n'),
  ],
  [
    'a bad number in an array',
    '{"a":[1,[2,9007199254740993]]}',
    no('number_not_canonical', '/value/a/1/1'),
  ],
  ['numbers inside that can be written shorter', '{"a":[1.0,-0,1e2]}', stored('{"a":[1,0,100]}')],
  [
    'several things wrong at once',
    '{"a":1e400,"b":"\\u0000","b":1}',
    {
      refused: [
        ['number_not_canonical', '/value/a'],
        ['nul_character', '/value/b'],
        ['duplicate_member', '/value/b'],
      ],
    },
  ],
  ['an array', '[1,2]', no('value_type_unsupported')],
  ['an empty array', '[]', no('value_type_unsupported')],
  ['null', 'null', no('value_type_unsupported')],
  asIs('a name of 60,000 letters', `{"${'n'.repeat(60_000)}":1}`),
  asIs('as large as a value may be', `{"a":"${'x'.repeat(65_528)}"}`),
  ['one byte larger', `{"a":"${'x'.repeat(65_529)}"}`, no('value_too_large')],
  [
    'larger only as it was written',
    `{"a":"${'\\u0061'.repeat(11_000)}"}`,
    stored(`{"a":"${'a'.repeat(11_000)}"}`),
  ],
  asIs('objects in one another, fifty deep', nested('{"a":', '}', 50)),
  [
    'objects in one another, a level too deep',
    nested('{"a":', '}', MAX_VALUE_DEPTH + 1),
    no('json_too_deep'),
  ],
  ['a string where an object belongs', '"{}"', no('value_type_mismatch')],
])

function quotedNames(names: readonly string[]): string {
  const sorted = [...names].sort((a, b) => (a < b ? -1 : 1))
  return `{${sorted.map((name, at) => `${JSON.stringify(name)}:${at}`).join(',')}}`
}

const BOOLEANS = values('boolean', [
  asIs('true', 'true'),
  asIs('false', 'false'),
  ['the word true', '"true"', no('value_type_mismatch')],
  ['the word yes', '"yes"', no('value_type_mismatch')],
  ['1 for true', '1', no('value_type_mismatch')],
  ['0 for false', '0', no('value_type_mismatch')],
])

const member = (name: string, text: string): string => overrideText('true', { [name]: text })
const TRUE = stored('true')

const SHAPES = bodies([
  ['a body that is an array', '[]', no('type_wrong', '')],
  ['a body that is a string', '"true"', no('type_wrong', '')],
  ['a body that is null', 'null', no('type_wrong', '')],
  ['a body that is a number', '1', no('type_wrong', '')],
  ['a body without a value', '{}', no('member_missing')],
  ['a body with two values', '{"value":true,"value":false}', no('duplicate_member')],
  ['a body with one value twice', '{"value":true,"value":true}', no('duplicate_member')],
  ['an unknown member', member('colour', '1'), no('member_unknown', '/colour')],
  ['an unknown member with a slash in its name', member('a/b', '1'), no('member_unknown', '/a~1b')],
  ['an unknown member with a tilde in its name', member('m~n', '1'), no('member_unknown', '/m~0n')],
  [
    '__proto__ beside the value',
    '{"value":true,"__proto__":1}',
    no('member_unknown', '/__proto__'),
  ],
  ['toString beside the value', member('toString', '1'), no('member_unknown', '/toString')],
  ['a revision of the caller', member('revision', '9'), no('member_unknown', '/revision')],
  [
    'a deletion of the caller',
    member('deleted_at', quoted('2026-01-01T00:00:00.000Z')),
    no('member_unknown', '/deleted_at'),
  ],
  ['a tenant of the caller', member('tenant_id', '"T-other"'), no('member_unknown', '/tenant_id')],
  [
    'two unknown members',
    '{"value":true,"a":1,"b":2}',
    {
      refused: [
        ['member_unknown', '/a'],
        ['member_unknown', '/b'],
      ],
    },
  ],
])

const PROSE = bodies([
  ['a note that is null', member('note', 'null'), no('type_wrong', '/note')],
  ['a note that is a number', member('note', '1'), no('type_wrong', '/note')],
  ['a note with U+0000', member('note', '"\\u0000"'), no('nul_character', '/note')],
  ['a note with a lone surrogate', member('note', '"\\udfff"'), no('lone_surrogate', '/note')],
  ['a note given twice', '{"value":true,"note":"a","note":"b"}', no('duplicate_member', '/note')],
  ['an empty note', member('note', '""'), TRUE],
  ['a note of blanks', member('note', '"  "'), TRUE],
  ['a note in two forms of one letter', member('note', quoted('\u00e9e\u0301')), TRUE],
  ['a note with an emoji and control characters', member('note', quoted('😀\u0001\n')), TRUE],
  ['a note as long as may be', member('note', quoted('n'.repeat(2_048))), TRUE],
  [
    'a note one byte longer',
    member('note', quoted('n'.repeat(2_049))),
    no('text_too_long', '/note'),
  ],
  ['a note as long as may be in two-byte letters', member('note', quoted('é'.repeat(1_024))), TRUE],
  [
    'a note one byte longer in two-byte letters',
    member('note', quoted(`${'é'.repeat(1_024)}n`)),
    no('text_too_long', '/note'),
  ],
  [
    'a note of control characters as long as may be',
    member('note', quoted('\u0001'.repeat(2_048))),
    TRUE,
  ],
])

const expiry = (
  situation: string,
  time: string,
  verdict = no('time_not_canonical', '/expires_at'),
): Row => [situation, member('expires_at', quoted(time)), verdict]
const TIMES = bodies([
  expiry('a time in milliseconds', '2026-01-15T09:00:00.120Z', TRUE),
  expiry('the first time there is', '0001-01-01T00:00:00.000Z', TRUE),
  expiry('the last time there is', '9999-12-31T23:59:59.999Z', TRUE),
  expiry('a leap day', '2024-02-29T00:00:00.000Z', TRUE),
  expiry('a time that is not there in some zones', '2026-03-29T01:30:00.000Z', TRUE),
  expiry('microseconds', '2026-01-15T09:00:00.000001Z'),
  expiry('microseconds that are all zero', '2026-01-15T09:00:00.000000Z'),
  expiry('nine tenths of a microsecond before a year', '2026-12-31T23:59:59.9999999Z'),
  expiry('seconds only', '2026-01-15T09:00:00Z'),
  expiry('two digits of milliseconds', '2026-01-15T09:00:00.12Z'),
  expiry('an offset', '2026-01-15T09:00:00.000+05:30'),
  expiry('an offset of zero', '2026-01-15T09:00:00.000+00:00'),
  expiry('no zone', '2026-01-15T09:00:00.000'),
  expiry('a small z', '2026-01-15T09:00:00.000z'),
  expiry('a blank for the T', '2026-01-15 09:00:00.000Z'),
  expiry('a leap second', '2016-12-31T23:59:60.000Z'),
  expiry('hour 24', '2026-01-15T24:00:00.000Z'),
  expiry('30 February', '2026-02-30T00:00:00.000Z'),
  expiry('29 February of no leap year', '2025-02-29T00:00:00.000Z'),
  expiry('month 13', '2026-13-01T00:00:00.000Z'),
  expiry('the year 0', '0000-01-01T00:00:00.000Z'),
  expiry('the year 10000', '10000-01-01T00:00:00.000Z'),
  expiry('the year 10000 with a sign', '+010000-01-01T00:00:00.000Z'),
  expiry('a year before our era', '-000001-01-01T00:00:00.000Z'),
  expiry('infinity', 'infinity'),
  expiry('minus infinity', '-infinity'),
  expiry('the word now', 'now'),
  expiry('an empty time', ''),
  expiry('a line end after the time', '2026-01-15T09:00:00.000Z\n'),
  ['a time that is null', member('expires_at', 'null'), no('type_wrong', '/expires_at')],
  ['a time as a number', member('expires_at', '1768467600000'), no('type_wrong', '/expires_at')],
])

const ref = (situation: string, text: string, verdict = no('form_wrong', '/approval_ref')): Row => [
  situation,
  member('approval_ref', quoted(text)),
  verdict,
]
const REFS = bodies([
  ref('an approval', 'APP-100001-abcd', TRUE),
  ref('an approval of 128 characters', `APP-1-${'a'.repeat(122)}`, TRUE),
  ref('an approval of 129 characters', `APP-1-${'a'.repeat(123)}`),
  ref('an empty approval', ''),
  ref('an approval in small letters', 'app-1-a'),
  ref('an approval without its end', 'APP-1-'),
  ref('an approval with a blank after it', 'APP-1-a '),
  ref('an approval with a line end after it', 'APP-1-a\n'),
  ref('an approval with digits of another script', 'APP-١-a'),
  ref('an approval with U+0000', 'APP-1-a\u0000'),
  ['an approval that is null', member('approval_ref', 'null'), no('type_wrong', '/approval_ref')],
  ['an approval that is a number', member('approval_ref', '1'), no('type_wrong', '/approval_ref')],
])

/** Values of the greatest depth that the parser of request bodies accepts in an override. */
export const DEEPEST = [
  ['objects in one another', nested('{"a":', '}', MAX_VALUE_DEPTH)],
  ['arrays in one another', `{"a":${nested('[', ']', MAX_VALUE_DEPTH - 1)}}`],
] as const

/** Every hostile body of an override, on the flag of its kind. */
export const HOSTILE_BODIES: readonly HostileBody[] = [
  ...STRINGS,
  ...NUMBERS,
  ...OBJECTS,
  ...BOOLEANS,
  ...SHAPES,
  ...PROSE,
  ...TIMES,
  ...REFS,
]
