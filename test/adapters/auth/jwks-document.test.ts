import { describe, expect, test } from 'vitest'
import { readJwks } from '../../../src/adapters/auth/jwks-fetch.ts'
import { published, RSA_1 } from './signed.ts'

const read = (text: string) => readJwks(Buffer.from(text))

describe('readJwks', () => {
  test('the keys as they stand', () => {
    const keys = [published(RSA_1), { kty: 'oct' }, {}]
    expect(read(JSON.stringify({ keys }))).toEqual(keys)
  })

  test.each([
    ['no key', '{"keys":[]}', []],
    ['other members', '{"issuer":"x","keys":[],"next":null}', []],
    ['white space', '\n{ "keys" : [ { } ] }\n', [{}]],
  ])('%s', (_situation, text, keys) => {
    expect(read(text)).toEqual(keys)
  })

  test.each([
    ['nothing', ''],
    ['a page', '<!doctype html>'],
    ['a list of keys', '[{"kty":"RSA"}]'],
    ['one key alone', '{"kty":"RSA","n":"AA","e":"AQAB"}'],
    ['keys that are an object', '{"keys":{"0":{}}}'],
    ['keys of null', '{"keys":null}'],
    ['a key of null', '{"keys":[{},null]}'],
    ['a key that is a text', '{"keys":["RSA"]}'],
    ['a key that is a list', '{"keys":[[]]}'],
    ['keys twice', '{"keys":[],"keys":[]}'],
    ['keys twice, once in disguise', '{"keys":[],"\\u006beys":[]}'],
    ['a member of a key twice', '{"keys":[{"kid":"a","kid":"b"}]}'],
    ['a byte order mark', '\u{feff}{"keys":[]}'],
    ['something behind', '{"keys":[]}x'],
    ['half a document', '{"keys":[{"kty":"RSA"'],
    ['keys in a prototype', '{"__proto__":{"keys":[]}}'],
    ['too many levels', `{"keys":[{"x":${'['.repeat(70)}${']'.repeat(70)}}]}`],
  ])('null: %s', (_situation, text) => {
    expect(read(text)).toBeNull()
  })

  test('null: bytes that are not UTF-8', () => {
    expect(readJwks(Buffer.from('{"keys":[],"é":1}', 'latin1'))).toBeNull()
    expect(readJwks(Buffer.from('{"keys":[]}', 'utf16le'))).toBeNull()
  })
})
