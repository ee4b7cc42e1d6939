import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  canonicalize,
  canonicalizeNumber,
  findJsonProblems,
} from '../../../src/core/json/canonical.ts'
import { json, node } from '../builders.ts'
import { codePoint } from '../../support/code-point.ts'
import { examples } from '../../support/scale.ts'

describe('canonicalizeNumber', () => {
  test.each([
    ['1', '1'],
    ['1.0', '1'],
    ['1.50', '1.5'],
    ['-1.5', '-1.5'],
    ['-0', '0'],
    ['-0.0', '0'],
    ['0.000', '0'],
    ['0e9', '0'],
    ['-0E-9', '0'],
    ['1e2', '100'],
    ['1E+2', '100'],
    ['12.5e-1', '1.25'],
    ['100e-2', '1'],
    ['0.1', '0.1'],
    ['0.30000000000000004', '0.30000000000000004'],
    ['9007199254740992', '9007199254740992'],
    ['0.000001', '0.000001'],
    ['1e-6', '0.000001'],
    ['100000000000000000000', '100000000000000000000'],
    ['1e20', '100000000000000000000'],
    ['-1e20', '-100000000000000000000'],
  ])('%s becomes %s', (lexeme, form) => {
    expect(canonicalizeNumber(lexeme)).toBe(form)
  })

  test.each([
    ['the odd integer past 2^53', '9007199254740993'],
    ['more than a double holds', '1e400'],
    ['the same with a minus', '-1e400'],
    ['less than a double holds', '1e-400'],
    ['a small number whose form has an exponent', '1e-7'],
    ['the same without its exponent', '0.0000001'],
    ['a large number whose form has an exponent', '1e21'],
    ['the same without its exponent', '1000000000000000000000'],
    ['the shortest form itself, with its exponent', '1e+21'],
    ['a digit that no double has', '0.10000000000000000001'],
    ['the whole expansion of the double nearest to 0.1', (0.1).toFixed(55)],
    ['an integer of more digits than a double has', '12345678901234567890123'],
    ['more digits than a double has, with the exponent 0', '123456789012345678901e0'],
  ])('%s is refused', (_situation, lexeme) => {
    expect(canonicalizeNumber(lexeme)).toBeUndefined()
  })

  test('ten thousands of digits are refused quickly', () => {
    // As many as the largest value can hold.
    const lexeme = `1.${'0'.repeat(60_000)}1`
    const started = performance.now()
    expect(canonicalizeNumber(lexeme)).toBeUndefined()
    expect(performance.now() - started).toBeLessThan(1000)
  })

  test('a double without an exponent in its form becomes that form', () => {
    const double = fc.oneof(
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.double({ min: -1e6, max: 1e6, noNaN: true }),
      fc.maxSafeInteger(),
    )
    fc.assert(
      fc.property(double, (value) => {
        const form = String(value)
        expect(canonicalizeNumber(form)).toBe(form.includes('e') ? undefined : form)
      }),
    )
  })

  test('a number is accepted exactly where its double denotes the same decimal without an exponent', () => {
    fc.assert(
      fc.property(lexemes, (lexeme) => {
        const form = String(Number(lexeme))
        const plain = /^-?[0-9]+(\.[0-9]+)?$/.test(form)
        const isAccepted = plain && sameDecimal(lexeme, form)
        expect(canonicalizeNumber(lexeme)).toBe(isAccepted ? form : undefined)
      }),
      examples(5000),
    )
  })

  test('a canonical number stays unchanged', () => {
    fc.assert(
      fc.property(lexemes, (lexeme) => {
        const form = canonicalizeNumber(lexeme)
        fc.pre(form !== undefined)
        expect(canonicalizeNumber(form)).toBe(form)
      }),
    )
  })
})

/** Number lexemes near every edge: many digits, many zeros, exponents both ways. */
const digits = fc.stringMatching(/^(0{0,4}[0-9]{1,18}0{0,6})$/)
const lexemes = fc
  .record({
    sign: fc.constantFrom('', '-'),
    whole: fc.oneof(fc.constant('0'), fc.stringMatching(/^[1-9][0-9]{0,20}$/)),
    fraction: fc.option(digits, { nil: null }),
    exponent: fc.option(fc.integer({ min: -340, max: 340 }), { nil: null, freq: 2 }),
    e: fc.constantFrom('e', 'E', 'e+', 'e00'),
  })
  .map(({ sign, whole, fraction, exponent, e }) => {
    const power = exponent === null ? '' : exponent < 0 ? `e${exponent}` : `${e}${exponent}`
    return `${sign}${whole}${fraction === null ? '' : `.${fraction}`}${power}`
  })

/** Compares two decimals with integers only, scaled to one power of ten. */
function sameDecimal(left: string, right: string): boolean {
  const [a, b] = [scaled(left), scaled(right)]
  const power = Math.min(a.power, b.power)
  const whole = ({ units, power: own }: typeof a): bigint => units * 10n ** BigInt(own - power)
  return whole(a) === whole(b)
}
function scaled(lexeme: string): { units: bigint; power: number } {
  const parts = /^(-?)([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?$/.exec(lexeme)
  if (parts === null) throw new Error(`no number: ${lexeme}`)
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = parts
  const units = BigInt(whole + fraction)
  return { units: sign === '-' ? -units : units, power: Number(exponent) - fraction.length }
}

describe('canonicalize', () => {
  test.each([
    ['null', 'null', 'null'],
    ['a boolean', ' true ', 'true'],
    ['a number in its shortest form', '[1.0,-0,1e2]', '[1,0,100]'],
    [
      'a text with only the escapes of the standard',
      '"\\u0061\\/\\u000a\\u001f"',
      '"a/\\n\\u001f"',
    ],
    ['a text beyond ASCII, unescaped', '"\\u00e9\\ud83d\\ude00\u2028"', '"é😀\u2028"'],
    ['composed and decomposed letters, unchanged', '["\u00e9","e\u0301"]', '["\u00e9","e\u0301"]'],
    ['members by UTF-16 units, not by code points', '{"\uff61":1,"😀":2}', '{"😀":2,"\uff61":1}'],
    ['members by units, not by number', '{"10":1,"9":2,"":3}', '{"":3,"10":1,"9":2}'],
    ['objects in lists in objects', '{"b":[{"d":1,"c":2}],"a":{}}', '{"a":{},"b":[{"c":2,"d":1}]}'],
    ['a member called __proto__', '{"__proto__":1}', '{"__proto__":1}'],
    [
      // RFC 8785, section 3.2.3
      'the names of the standard',
      '{"\\u20ac":"Euro Sign","\\r":"Carriage Return","\\ufb33":"Hebrew Letter Dalet With Dagesh","1":"One","\\ud83d\\ude00":"Emoji: Grinning Face","\\u0080":"Control","\\u00f6":"Latin Small Letter O With Diaeresis"}',
      '{"\\r":"Carriage Return","1":"One","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis","\u20ac":"Euro Sign","\ud83d\ude00":"Emoji: Grinning Face","\ufb33":"Hebrew Letter Dalet With Dagesh"}',
    ],
  ])('writes %s', (_situation, text, canonical) => {
    expect(canonicalize(node(text))).toEqual({ ok: true, text: canonical })
  })

  test.each([
    ['a repeated member', '{"a":1,"a":1}', [['duplicate_member', '/a']]],
    ['a member repeated in escaped form', '{"a":1,"\\u0061":2}', [['duplicate_member', '/a']]],
    [
      'a member three times over',
      '{"a":1,"a":1,"a":1}',
      [
        ['duplicate_member', '/a'],
        ['duplicate_member', '/a'],
      ],
    ],
    ['a number that a double changes', '9007199254740993', [['number_not_canonical', '']]],
    ['a number deep inside', '{"a":[0,{"b":1e400}]}', [['number_not_canonical', '/a/1/b']]],
    ['a NUL', '["\\u0000"]', [['nul_character', '/0']]],
    ['a lone surrogate', '"a\\ud83d"', [['lone_surrogate', '']]],
    ['a reversed surrogate pair', '"\\ude00\\ud83d"', [['lone_surrogate', '']]],
    ['a NUL in a name', '{"\\u0000":1}', [['nul_character', '/\u0000']]],
    ['a lone surrogate in a name', '{"\\udc00":1}', [['lone_surrogate', '/\udc00']]],
    ['a name that a pointer must escape', '{"a/b~":1e21}', [['number_not_canonical', '/a~1b~0']]],
    [
      'several faults at once',
      '{"n":1e21,"s":"\\u0000","n":1}',
      [
        ['number_not_canonical', '/n'],
        ['nul_character', '/s'],
        ['duplicate_member', '/n'],
      ],
    ],
  ])('refuses %s', (_situation, text, problems) => {
    const expected = problems.map(([code, pointer]) => ({ code, pointer }))
    expect(canonicalize(node(text))).toEqual({ ok: false, problems: expected })
    expect(findJsonProblems(node(text))).toEqual(expected)
  })

  test('the same name in two objects is not a repeated member', () => {
    expect(findJsonProblems(node('[{"a":{"a":1}},{"a":2}]'))).toEqual([])
  })

  test('pointers start at the place of the value', () => {
    const place = { at: '/default_value', origin: 'submitted' } as const
    expect(canonicalize(node('[1e21]'), place)).toEqual({
      ok: false,
      problems: [{ code: 'number_not_canonical', pointer: '/default_value/0' }],
    })
  })

  test.each([
    ['1.0', '1'],
    ['-0', '0'],
    ['1e2', '100'],
    ['0.50', '0.5'],
  ])('%s is accepted as submitted, and a fault as stored', (lexeme, form) => {
    const value = node(`{"a":[${lexeme}]}`)
    expect(canonicalize(value, { at: '', origin: 'submitted' })).toEqual({
      ok: true,
      text: `{"a":[${form}]}`,
    })
    expect(findJsonProblems(value, { at: '/value', origin: 'stored' })).toEqual([
      { code: 'number_not_canonical', pointer: '/value/a/0' },
    ])
  })

  test.each(['1', '-1.5', '0', '0.000001', '100000000000000000000'])(
    '%s is valid as stored',
    (lexeme) => {
      expect(findJsonProblems(node(lexeme), { at: '', origin: 'stored' })).toEqual([])
    },
  )

  test.each(['1e400', '1e21', '9007199254740993'])('%s is a fault as stored too', (lexeme) => {
    expect(findJsonProblems(node(lexeme), { at: '', origin: 'stored' })).toHaveLength(1)
  })
})

/** I-JSON values whose numbers are doubles that are written without an exponent. */
const values = (keys: fc.Arbitrary<string>, leaves: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> =>
  fc.letrec<{ tree: unknown }>((tie) => ({
    tree: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      leaves,
      fc.array(tie('tree'), { maxLength: 4 }),
      fc.dictionary(keys, tie('tree'), { maxKeys: 4 }),
    ),
  })).tree
const unicode = fc
  .string({ unit: codePoint, maxLength: 6 })
  .filter((text) => !/[\u0000\ud800-\udfff]/u.test(text))
const numbers = fc
  .oneof(
    fc.maxSafeInteger(),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.constant(1e20),
  )
  .map((value) => (Object.is(value, -0) ? 0 : value))
  .filter((value) => !String(value).includes('e'))
const anyValue = values(unicode, fc.oneof(unicode, numbers, fc.boolean(), fc.constant(null)))
const fewValues = values(
  fc.constantFrom('a', 'b'),
  fc.constantFrom<unknown>(null, true, false, 0, 1, '', '1', 'a'),
)

/** Writes a value in one of its many spellings, chosen by `dice`. */
function spell(value: unknown, dice: () => number): string {
  const space = (): string => [' ', '', '\n', '\t'][dice() % 4] ?? ''
  const around = (text: string): string => space() + text + space()
  if (typeof value === 'number') return around(spellNumber(value, dice))
  if (typeof value === 'string') return around(spellText(value, dice))
  if (Array.isArray(value))
    return around(`[${value.map((item) => spell(item, dice)).join(',') || space()}]`)
  if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value).map(
      ([name, held]) => `${around(spellText(name, dice))}:${spell(held, dice)}`,
    )
    const turn = members.length === 0 ? 0 : dice() % members.length
    return around(`{${[...members.slice(turn), ...members.slice(0, turn)].join(',') || space()}}`)
  }
  return around(String(value))
}
function spellNumber(value: number, dice: () => number): string {
  const form = String(value)
  const { units, power } = scaled(form)
  const zeros = dice() % 4
  const minus = value === 0 && dice() % 2 === 1 ? '-' : ''
  const longer = form.includes('.') ? form + '0'.repeat(zeros) : `${form}.0${'0'.repeat(zeros)}`
  const shifted = `${units}${units === 0n ? '' : '0'.repeat(zeros)}${dice() % 2 ? 'e' : 'E'}${power - zeros}`
  return minus + ([form, longer, shifted][dice() % 3] ?? form)
}
function spellText(text: string, dice: () => number): string {
  const written = [
    ...JSON.stringify(text)
      .slice(1, -1)
      .matchAll(/\\u[0-9a-f]{4}|\\.|[^\\]/gsu),
  ].map(([unit]) => {
    if (unit.startsWith('\\') || dice() % 3 > 0) return unit
    return Array.from(
      { length: unit.length },
      (_, at) => `\\u${unit.charCodeAt(at).toString(16).padStart(4, '0')}`,
    ).join('')
  })
  return `"${written.join('')}"`
}
const dice = fc.array(fc.nat({ max: 255 }), { minLength: 1, maxLength: 50 }).map((rolls) => {
  let next = 0
  return (): number => rolls[next++ % rolls.length] ?? 0
})

describe('canonical texts as values', () => {
  test('one value has one canonical text, in whatever spelling it was written', () => {
    fc.assert(
      fc.property(anyValue, dice, dice, (value, one, other) => {
        const [a, b] = [spell(value, one), spell(value, other)]
        expect(json(a)).toBe(json(b))
        expect(isDeepStrictEqual(JSON.parse(json(a)), JSON.parse(JSON.stringify(value)))).toBe(true)
      }),
      examples(500),
    )
  })

  test('two values have the same canonical text exactly when they are the same value', () => {
    const pair = fc.oneof(
      fc.tuple(fewValues, fewValues),
      fc.tuple(anyValue, anyValue),
      anyValue.map((value) => [value, structuredClone(value)] as const),
    )
    fc.assert(
      fc.property(pair, dice, dice, ([a, b], one, other) => {
        const same = json(spell(a, one)) === json(spell(b, other))
        expect(same).toBe(isDeepStrictEqual(plain(a), plain(b)))
      }),
      examples(2000),
    )
  })

  test('a canonical text is its own canonical text', () => {
    fc.assert(
      fc.property(anyValue, dice, (value, roll) => {
        const text = json(spell(value, roll))
        expect(json(text)).toBe(text)
      }),
    )
  })
})

/** Removes the null prototype that some generated objects have. */
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value)) as unknown
