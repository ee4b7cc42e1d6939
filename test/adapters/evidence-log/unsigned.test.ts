import { describe, expect, test } from 'vitest'
import { parseCanonical } from '../../../src/adapters/evidence-log/canonical-text.ts'
import { readHeadText, writeHeadText } from '../../../src/adapters/evidence-log/evidence-head.ts'
import { LineReader, writeLine } from '../../../src/adapters/evidence-log/evidence-line.ts'
import type { SigningRunner } from '../../../src/adapters/evidence-log/runner-key.ts'
import { computeThumbprint } from '../../../src/adapters/jose/ed25519.ts'
import { chained, NOW, passing, toItem } from '../../core/gate/builders.ts'

/** A runner whose public key is none. */
const jwk = { kty: 'OKP', crv: 'Ed25519', x: 'AA' } as const
const runner: SigningRunner = {
  jwk,
  kid: computeThumbprint(jwk),
  sign: () => new Uint8Array(64),
}
const HEAD = { seq: 0, hash: '0'.repeat(64), time: NOW, trust: null, withdrawn: [] }
const always = () => true
const [entry] = chained([passing(toItem('A1'))])

describe('a key that is none', () => {
  test('signs no head', () => {
    expect(readHeadText(writeHeadText(HEAD, runner), always)).toBeNull()
  })

  test('signs no record', () => {
    if (entry === undefined) throw new Error('no entry')
    const { text } = writeLine(entry.record, runner)
    expect(new LineReader(always).read(text)).toEqual({ ok: false, fault: 'recomputed' })
  })
})

test('a head and a line state in the header of their signature what they are', () => {
  if (entry === undefined) throw new Error('no entry')
  const toHeader = (text: string): unknown => {
    const { signature } = JSON.parse(text) as { readonly signature: string }
    return JSON.parse(Buffer.from(signature.split('.')[0] ?? '', 'base64url').toString())
  }
  const common = { alg: 'Ed25519', kid: runner.kid }
  expect(toHeader(writeHeadText(HEAD, runner))).toEqual({ ...common, typ: 'ff-evidence-head+jws' })
  expect(toHeader(writeLine(entry.record, runner).text)).toEqual({
    ...common,
    typ: 'ff-evidence+jws',
  })
})

test('an error of the schema is not taken for a text that is malformed', () => {
  const broken = () => {
    throw new TypeError('no schema')
  }
  expect(() => parseCanonical('{}', broken)).toThrow(TypeError)
  expect(parseCanonical('{', broken)).toBeNull()
})
