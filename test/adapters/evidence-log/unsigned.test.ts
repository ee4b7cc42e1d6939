import { sign } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { EVIDENCE_SHAPES } from '../../../src/artefacts/schemas.ts'
import { parseCanonical } from '../../../src/adapters/evidence-log/canonical-text.ts'
import { readHeadText, writeHeadText } from '../../../src/adapters/evidence-log/evidence-head.ts'
import { LineReader, writeLine } from '../../../src/adapters/evidence-log/evidence-line.ts'
import type { SigningRunner } from '../../../src/adapters/evidence-log/runner-key.ts'
import { computeThumbprint } from '../../../src/adapters/jose/ed25519.ts'
import { chained, NOW, passing, toItem } from '../../core/gate/builders.ts'
import { makePerson } from '../../features/signoff/people.ts'

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

describe('a time that does not exist', () => {
  const { jwk: known, kid, key } = makePerson('ci', 'platform-lead')
  const real: SigningRunner = {
    jwk: known,
    kid,
    sign: (text) => sign(null, Buffer.from(text), key),
  }
  const record = (change: object) => {
    if (entry === undefined) throw new Error('no entry')
    return writeLine({ ...entry.record, ...change }, real).text
  }
  const read = (change: object) => new LineReader(EVIDENCE_SHAPES.isLine).read(record(change))
  const TIMES = ['2026-13-01T00:00:00.000Z', '2026-02-30T00:00:00.000Z', '0000-01-01T00:00:00.000Z']

  test.each(TIMES)('such as %s is refused in a head and in a record', (time) => {
    expect(read({})).toMatchObject({ ok: true })
    for (const name of ['started_at', 'ended_at', 'recorded_at'])
      expect(read({ [name]: time })).toEqual({ ok: false, fault: 'edited' })
    const head = (change: object) =>
      readHeadText(writeHeadText({ ...HEAD, ...change }, real), EVIDENCE_SHAPES.isHead)
    expect(head({})).toMatchObject({ kid })
    expect(head({ time })).toBeNull()
  })
})

test('a text that is nested deeper than the stack is no text of a log', () => {
  const text = `${'['.repeat(200_000)}${']'.repeat(200_000)}`
  expect(parseCanonical(text, always)).toBeNull()
  expect(readHeadText(`${text}\n`, always)).toBeNull()
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
