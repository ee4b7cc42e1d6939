import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  parseClaims,
  parseCompactJws,
  isBase64url,
  parseJsonObject,
} from '../../../src/adapters/auth/token-form.ts'
import { CONTRACT } from '../../core/auth-contract.ts'
import { CLAIMS, encoded, RSA_1, signed } from './signed.ts'
import { examples } from '../../support/scale.ts'

const MAX = CONTRACT.token.max_bytes
const TOKEN = signed()
const [HEAD, BODY, SIGNATURE] = TOKEN.split('.') as [string, string, string]
const withHeader = (text: string | Uint8Array): string => `${encoded(text)}.${BODY}.${SIGNATURE}`
const nested = (levels: number): string => `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`
const bytes = (text: string): Buffer => Buffer.from(text)

describe('parseCompactJws', () => {
  test('splits a token into header and payload', () => {
    const form = parseCompactJws(TOKEN, MAX)
    expect(form?.header).toEqual({ alg: 'RS256', kid: RSA_1.kid })
    expect(JSON.parse(Buffer.from(form?.payload ?? []).toString())).toEqual(CLAIMS)
  })

  test('a token may be as long as the limit, and no character longer', () => {
    expect(parseCompactJws(TOKEN, TOKEN.length)).not.toBeNull()
    expect(parseCompactJws(TOKEN, TOKEN.length - 1)).toBeNull()
    const filled = `${HEAD}.${BODY}.`
    const room = MAX - filled.length
    expect(room % 4).not.toBe(1)
    expect(parseCompactJws(filled + 'A'.repeat(room), MAX)).not.toBeNull()
    expect(parseCompactJws(filled + 'A'.repeat(room + 4), MAX)).toBeNull()
  })

  test.each([
    ['no kid', '{"alg":"RS256"}'],
    ['an empty kid', '{"kid":""}'],
    ['a kid with a zero character', '{"kid":"\\u0000"}'],
    ['half a surrogate pair in the kid', '{"kid":"\\ud800"}'],
    ['a number that no double holds', '{"x":9007199254740993}'],
    ['white space around it', ' { "alg" : "RS256" } '],
    ['an empty object', '{}'],
    ['members of the same name at different places', '{"a":{"b":1},"b":1}'],
    ['64 levels', `{"x":${nested(63)}}`],
  ])('a header with %s', (_situation, header) => {
    expect(parseCompactJws(withHeader(header), MAX)?.header).toEqual(JSON.parse(header))
  })

  test.each(['JWT', 'jwt', 'at+jwt', 'AT+JWT', 'application/at+jwt'])(
    'S12: a header of the type %s',
    (typ) => {
      expect(parseCompactJws(withHeader(JSON.stringify({ typ })), MAX)?.header).toEqual({ typ })
    },
  )
  test.each<unknown>(['logout+jwt', 'secevent+jwt', 'JOSE', '', 'xjwt', 'jwt ', 1, null, ['JWT']])(
    'S12: a header of the type %j is refused',
    (typ) => {
      expect(parseCompactJws(withHeader(JSON.stringify({ typ })), MAX)).toBeNull()
    },
  )

  test.each([
    ['nothing', ''],
    ['two dots alone', '..'],
    ['one segment', HEAD],
    ['two segments', `${HEAD}.${BODY}`],
    ['four segments', `${TOKEN}.`],
    ['five segments', `${TOKEN}.${HEAD}.${BODY}`],
    ['an empty header', `.${BODY}.${SIGNATURE}`],
    ['a leading dot', `.${TOKEN}`],
    ['padding', `${TOKEN}==`],
    ['padding of the header', `${HEAD}=.${BODY}.${SIGNATURE}`],
    ['a space before', ` ${TOKEN}`],
    ['a line break behind', `${TOKEN}\n`],
    ['a carriage return behind', `${TOKEN}\r`],
    ['a line break in the middle', `${HEAD}\n.${BODY}.${SIGNATURE}`],
    ['a zero character behind', `${TOKEN}\u0000`],
    ['base64 with a plus', `${HEAD}.${BODY}.+${SIGNATURE.slice(1)}`],
    ['base64 with a slash', `${HEAD}.${BODY}./${SIGNATURE.slice(1)}`],
    ['a letter that is not ASCII', `${HEAD}.${BODY}.é${SIGNATURE.slice(1)}`],
    ['digits of another script', `${HEAD}.${BODY}.٣${SIGNATURE.slice(1)}`],
    ['a full stop of another script', `${HEAD}。${BODY}.${SIGNATURE}`],
    ['a single character left over', `${HEAD}.${BODY}.A`],
    ['a byte order mark', `\u{feff}${TOKEN}`],
    ['a scheme before it', `Bearer ${TOKEN}`],
    ['another spelling of the signature', `${HEAD}.${BODY}.${'A'.repeat(85)}B`],
  ])('null: %s', (_situation, token) => {
    expect(parseCompactJws(token, MAX)).toBeNull()
  })

  test.each<[string, string | Uint8Array]>([
    ['no JSON', 'alg'],
    ['JSON with a comma too many', '{"alg":"RS256",}'],
    ['something behind', '{}{}'],
    ['a comment', '{}/**/'],
    ['a list', '[]'],
    ['null', 'null'],
    ['a text', '"alg"'],
    ['a number', '1'],
    ['alg twice', '{"alg":"none","alg":"RS256"}'],
    ['alg twice, once in disguise', '{"alg":"RS256","\\u0061lg":"none"}'],
    ['a member twice further down', '{"x":[{"a":1,"a":1}]}'],
    ['__proto__ twice', '{"__proto__":1,"__proto__":2}'],
    ['a kid of null', '{"kid":null}'],
    ['a kid that is a number', '{"kid":1}'],
    ['a kid that is a list', '{"kid":["ff-fixture-rsa-1"]}'],
    ['a kid that is an object', '{"kid":{}}'],
    ['65 levels', `{"x":${nested(64)}}`],
    ['a byte order mark', '\u{feff}{}'],
    ['a control character in a text', '{"x":"\n"}'],
    ['a byte that is not UTF-8', Buffer.from([0x7b, 0xff, 0x7d])],
    ['UTF-16', Buffer.from('{}', 'utf16le')],
  ])('null: a header with %s', (_situation, header) => {
    expect(parseCompactJws(withHeader(header), MAX)).toBeNull()
  })

  test('a prototype supplies no kid', () => {
    const form = parseCompactJws(withHeader('{"__proto__":{"kid":"x","alg":"none"}}'), MAX)
    expect(form?.header.kid).toBeUndefined()
    expect(form?.header['alg']).toBeUndefined()
  })

  test('a long token of dots is refused without splitting it', () => {
    expect(parseCompactJws('.'.repeat(MAX), MAX)).toBeNull()
    expect(parseCompactJws('.'.repeat(5_000_000), MAX)).toBeNull()
  })
})

describe('isBase64url', () => {
  const alphabet = fc.constantFrom(...'ABIQZagwz0489-_+/= .\n\r\u2028é'.split(''))
  test('exactly the texts that survive decoding and encoding', () => {
    const texts = fc.string({ unit: alphabet, maxLength: 12 })
    fc.assert(
      fc.property(texts, (text) => {
        const again = Buffer.from(text, 'base64url').toString('base64url')
        expect(isBase64url(text)).toBe(again === text)
      }),
      examples(2_000),
    )
  })

  test.each([
    [1, 4],
    [2, 16],
  ])('of the last characters behind %i, %i leave no bit over', (before, count) => {
    const replies = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    const ends = replies.split('').filter((last) => isBase64url(`${'A'.repeat(before)}${last}`))
    expect(ends).toHaveLength(count)
    for (const last of ends) {
      const text = `${'A'.repeat(before)}${last}`
      expect(Buffer.from(text, 'base64url').toString('base64url')).toBe(text)
    }
  })
})

describe('parseJsonObject', () => {
  test.each<[string, readonly number[]]>([
    ['an overlong slash', [0xc0, 0xaf]],
    ['half a surrogate pair', [0xed, 0xa0, 0x80]],
    ['a character that is cut off', [0xe2, 0x82]],
    ['a byte that stands alone', [0x80]],
    ['a character beyond all', [0xf5, 0x80, 0x80, 0x80]],
  ])('null: %s; valid UTF-8 is still parsed', (_situation, bad) => {
    const open = [...bytes('{"a":"')]
    expect(parseJsonObject(Buffer.from([...open, ...bad, ...bytes('"}')]))).toBeNull()
    expect(parseJsonObject(Buffer.from([...open, ...bad]))).toBeNull()
    expect(parseJsonObject(bytes('{"a":"é€😀"}'))).toEqual({ a: 'é€😀' })
  })
})

describe('parseClaims', () => {
  test.each([
    ['no times', '{"sub":"U1"}'],
    ['times', '{"exp":1,"nbf":-0.5}'],
    ['a claim of null', '{"sub":null}'],
    ['a text with a zero character', '{"sub":"a\\u0000"}'],
    ['an empty object', '{}'],
  ])('%s', (_situation, text) => {
    expect(parseClaims(bytes(text))).toEqual(JSON.parse(text))
  })

  test.each([
    ['an expiry without end', '{"exp":1e400}'],
    ['a start before all time', '{"nbf":-1e400}'],
    ['an expiry that is a text', '{"exp":"1"}'],
    ['an expiry of null', '{"exp":null}'],
    ['an expiry that is a list', '{"exp":[1]}'],
    ['exp twice', '{"exp":1,"exp":9999999999}'],
    ['exp twice, once in disguise', '{"exp":1,"e\\u0078p":9999999999}'],
    ['a list', '[{"sub":"U1"}]'],
    ['nothing', ''],
    ['another token', TOKEN],
  ])('null: %s', (_situation, text) => {
    expect(parseClaims(bytes(text))).toBeNull()
  })

  test('a prototype supplies no claims', () => {
    const claims = parseClaims(bytes('{"__proto__":{"sub":"U-admin","exp":9999999999}}'))
    expect(claims?.['sub']).toBeUndefined()
    expect(claims?.['exp']).toBeUndefined()
    expect(({} as Record<string, unknown>)['sub']).toBeUndefined()
  })
})
