import { generateKeyPairSync, sign } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import {
  buildSigningInput,
  formatDetachedJws,
  verifyDetachedJws,
} from '../../../src/adapters/evidence-log/detached.ts'

const { publicKey, privateKey } = generateKeyPairSync('ed25519')
const SIGNED = { typ: 'ff-evidence+jws', kid: 'k'.repeat(43), content: '{"a":"\u00e9"}' } as const
const BYTES = sign(null, Buffer.from(buildSigningInput(SIGNED)), privateKey)
const JWS = formatDetachedJws(SIGNED, BYTES)
const [HEADER = '', , SIGNATURE = ''] = JWS.split('.')
/** The same bytes in another spelling: the last of 86 characters has four unused bits. */
const RESPELLED = `${JWS.slice(0, -1)}${String.fromCharCode(JWS.charCodeAt(JWS.length - 1) + 1)}`

describe('a detached signature', () => {
  test('is header, nothing and signature, and verifies', () => {
    expect(JWS).toMatch(/^[\w-]+\.\.[\w-]{86}$/)
    expect(JSON.parse(Buffer.from(HEADER, 'base64url').toString())).toEqual({
      alg: 'Ed25519',
      kid: SIGNED.kid,
      typ: SIGNED.typ,
    })
    expect(verifyDetachedJws(JWS, SIGNED, publicKey)).toBe(true)
  })

  test('is over header and content in base64url, joined by a dot', () => {
    const content = Buffer.from(SIGNED.content).toString('base64url')
    expect(buildSigningInput(SIGNED)).toBe(`${HEADER}.${content}`)
  })

  test.each([
    ['of another content', JWS, { ...SIGNED, content: '{"a":"e"}' }],
    ['of another key', JWS, { ...SIGNED, kid: 'j'.repeat(43) }],
    ['of another type', JWS, { ...SIGNED, typ: 'ff-evidence-head+jws' as const }],
    ['with another spelling of its header', `=${JWS}`, SIGNED],
    ['with another spelling of its bytes', RESPELLED, SIGNED],
    ['without its bytes', `${HEADER}..`, SIGNED],
    ['of one part', SIGNATURE, SIGNED],
    ['that is empty', '', SIGNED],
  ])('%s is refused', (_what, jws, signed) => {
    expect(verifyDetachedJws(jws, signed, publicKey)).toBe(false)
  })

  test('of the same bytes by another key is refused', () => {
    const other = generateKeyPairSync('ed25519').publicKey
    expect(verifyDetachedJws(JWS, SIGNED, other)).toBe(false)
  })
})
