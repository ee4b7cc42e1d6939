import {
  constants,
  createHmac,
  createPublicKey,
  type KeyObject,
  verify as verifyBytes,
} from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { createAuthenticator } from '../../../src/adapters/auth/authenticator.ts'
import { KeySet } from '../../../src/adapters/auth/key-set.ts'
import { fixedKeySource } from '../../../src/adapters/auth/key-source.ts'
import { settingsFromContract } from '../../../src/core/auth/contract.ts'
import type { Condition, ModeOutcome } from '../../../src/core/auth/modes.ts'
import { makeAuthRefusal as refusal } from '../../../src/core/auth/types.ts'
import { CONTRACT } from '../../core/auth-contract.ts'
import { type Jwk, PUBLISHED_VECTORS, type PublishedVector } from './rfc-vectors.ts'

const verified = PUBLISHED_VECTORS.filter(({ verdict }) => verdict === 'verified')
const refused = PUBLISHED_VECTORS.filter(({ verdict }) => verdict === 'refused')
const named = (vectors: readonly PublishedVector[]) =>
  vectors.map((vector) => [vector.id, vector] as const)

// The verifier --------------------------------------------------------------------------------------------------

function getAuthenticator({ jwks, algs }: PublishedVector) {
  const settings = settingsFromContract(CONTRACT, {
    issuer: 'joe',
    audience: 'any',
    dev_scopes: [],
  })
  const keys = fixedKeySource(new KeySet(jwks.keys, CONTRACT.keys))
  return createAuthenticator(keys, { ...settings, algorithms: algs })
}
async function toAnswer(
  vector: PublishedVector,
): Promise<{ readonly condition: Condition; readonly outcome: ModeOutcome }> {
  const { verifier, rules } = getAuthenticator(vector)
  const condition = await verifier.signature(vector.token)
  return { condition, outcome: rules.modes(condition, 'prod') }
}

// The second opinion --------------------------------------------------------------------------------------------

interface Signature {
  readonly alg: string
  readonly kid: string | undefined
  readonly input: string
  readonly bytes: Buffer
}
interface JsonSignature {
  readonly protected?: string
  readonly header?: Jwk
  readonly signature: string
}
interface JsonToken extends Partial<JsonSignature> {
  readonly payload?: string
  readonly signatures?: readonly JsonSignature[]
}

/** Every signature of a vector, in whichever serialisation (RFC 7515, section 7). */
function getSignatures({ token, detached = '' }: PublishedVector): readonly Signature[] {
  if (!token.startsWith('{')) {
    const [head = '', payload = '', signature = ''] = token.split('.')
    return [signed({ protected: head, signature }, payload === '' ? detached : payload)]
  }
  const { payload = detached, signatures, ...flattened } = JSON.parse(token) as JsonToken
  return (signatures ?? [flattened as JsonSignature]).map((one) => signed(one, payload))
}
function signed({ protected: head = '', header, signature }: JsonSignature, payload: string) {
  const decoded = head === '' ? '{}' : Buffer.from(head, 'base64url').toString()
  const { alg = '', kid } = { ...(JSON.parse(decoded) as Partial<Jwk>), ...header }
  return { alg, kid, input: `${head}.${payload}`, bytes: Buffer.from(signature, 'base64url') }
}

const KTY: Readonly<Record<string, string>> = { R: 'RSA', P: 'RSA', E: 'EC', H: 'oct' }
const getKty = (alg: string): string | undefined => (alg === 'EdDSA' ? 'OKP' : KTY[alg.slice(0, 1)])

/** With node:crypto alone. */
function holds({ alg, kid, input, bytes }: Signature, keys: readonly Jwk[]): boolean {
  const jwk = keys.find(
    (one) => one['kty'] === getKty(alg) && (kid === undefined || one['kid'] === kid),
  )
  if (jwk === undefined) return false
  if (alg.startsWith('HS'))
    return createHmac(`sha${alg.slice(2)}`, Buffer.from(jwk['k'] ?? '', 'base64url'))
      .update(input)
      .digest()
      .equals(bytes)
  const key = createPublicKey({ key: jwk, format: 'jwk' })
  return verifyBytes(
    alg === 'EdDSA' ? null : `sha${alg.slice(2)}`,
    Buffer.from(input),
    keyFor(alg, key),
    bytes,
  )
}
const keyFor = (alg: string, key: KeyObject) =>
  alg.startsWith('PS')
    ? {
        key,
        padding: constants.RSA_PKCS1_PSS_PADDING,
        saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
      }
    : { key, dsaEncoding: 'ieee-p1363' as const }

// Changes -------------------------------------------------------------------------------------------------------

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
const next = (reply: string): string =>
  reply === '.' ? 'A' : LETTERS.charAt((LETTERS.indexOf(reply) + 1) % LETTERS.length)

/** Both ends of each segment, and every eleventh place between. */
function places(token: string): readonly number[] {
  const dots = [token.indexOf('.'), token.lastIndexOf('.')]
  const ends = dots.flatMap((at) => [at - 1, at, at + 1])
  const between = Array.from({ length: Math.ceil(token.length / 11) }, (_, index) => index * 11)
  return [...new Set([...ends, ...between, token.length - 1])]
}
const changed = (token: string, at: number, by: string): string =>
  token.slice(0, at) + by + token.slice(at + 1)

describe('a published signature', () => {
  test('there are some of each kind', () => {
    expect(verified).toHaveLength(10)
    expect(refused).toHaveLength(15)
    expect(new Set(PUBLISHED_VECTORS.map(({ id }) => id)).size).toBe(25)
    expect(verified.flatMap((one) => getSignatures(one).map(({ alg }) => alg)).sort()).toEqual(
      'ES256 ES512 ES512 ES512 EdDSA EdDSA PS384 RS256 RS256 RS256'.split(' '),
    )
  })

  test.each(named(PUBLISHED_VECTORS))('%s is written down as published', (id, vector) => {
    const signatures = getSignatures(vector)
    expect(signatures.length).toBeGreaterThan(0)
    for (const one of signatures) {
      if (id === 'RFC 7515 A.5') expect(one).toMatchObject({ alg: 'none', bytes: Buffer.of() })
      else expect(holds(one, vector.jwks.keys)).toBe(true)
    }
  })

  test.each(named(verified))('%s is accepted', async (_id, vector) => {
    const { condition, outcome } = await toAnswer(vector)
    const [{ kid } = { kid: undefined }] = getSignatures(vector)
    expect(condition).toBe(kid === undefined ? 'verified_without_kid' : 'verified')
    expect(outcome).toMatchObject({ mode: 'verified', source: 'jwt' })
  })

  test.each(named(refused))('%s is refused', async (_id, vector) => {
    const { outcome } = await toAnswer(vector)
    expect(vector.code).not.toBeNull()
    expect(outcome).toEqual(refusal(vector.code ?? 'token_missing'))
  })

  test.each(named(verified))('%s is refused with any byte changed', async (_id, vector) => {
    const { verifier, rules } = getAuthenticator(vector)
    const sample = places(vector.token)
    expect(sample.length).toBeGreaterThan(10)
    for (const at of sample) {
      for (const by of [next(vector.token.charAt(at)), '=', ' ', '.', 'é']) {
        const token = changed(vector.token, at, by)
        if (token === vector.token) continue
        const condition = await verifier.signature(token)
        expect(rules.modes(condition, 'prod'), `${at} ${by}`).toHaveProperty('refused')
      }
    }
  })

  test.each(named(verified))(
    '%s is refused where its algorithm is not on the list',
    async (_id, vector) => {
      const [{ alg } = { alg: '' }] = getSignatures(vector)
      const algs = vector.algs.filter((one) => one !== alg)
      expect(algs).toHaveLength(vector.algs.length - 1)
      const { condition } = await toAnswer({ ...vector, algs })
      expect(condition).toBe('alg_not_allowed')
    },
  )

  test.each(named(verified))('%s is refused under the keys of the others', async (_id, vector) => {
    const mine = new Set(vector.jwks.keys.map(({ n, x }) => n ?? x))
    const keys = PUBLISHED_VECTORS.flatMap((one) => one.jwks.keys).filter(
      ({ n, x, kty }) => kty !== 'oct' && !mine.has(n ?? x),
    )
    expect(keys.length).toBeGreaterThan(3)
    for (const key of keys) {
      const { outcome } = await toAnswer({ ...vector, jwks: { keys: [key] } })
      expect(outcome).toHaveProperty('refused')
    }
  })
})
