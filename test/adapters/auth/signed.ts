import { sign } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { UntrustedJwk } from '../../../src/adapters/auth/key-filter.ts'
import { instantToMs } from '../../../src/core/rows/instant.ts'
import { NOW } from '../../core/builders.ts'

/** A key pair of the fixtures (`vectors/jwt/keys.json`). */
export interface Pair {
  readonly kid: string
  readonly alg: string
  readonly [member: string]: string
}
const file = new URL('../../../vectors/jwt/keys.json', import.meta.url)
const { keys } = JSON.parse(readFileSync(file, 'utf8')) as { keys: readonly Pair[] }
export const [RSA_1, RSA_2, EC, ED, ATTACKER, WEAK, ROCA] = keys as readonly [
  Pair,
  Pair,
  Pair,
  Pair,
  Pair,
  Pair,
  Pair,
]

/** The public members of a pair. */
export function published(pair: Pair): UntrustedJwk {
  const { d: _d, p: _p, q: _q, dp: _dp, dq: _dq, qi: _qi, ...open } = pair
  return open
}

export const ISSUER = 'https://idp.pty.example'
export const AUDIENCE = 'pty-feature-flags'
export const SECONDS = instantToMs(NOW) / 1000
export const CLAIMS = {
  iss: ISSUER,
  aud: AUDIENCE,
  sub: 'U1001',
  tid: 'T-pty-pilot-01',
  nbf: SECONDS - 60,
  exp: SECONDS + 3600,
}

const HASH: Readonly<Record<string, string | null>> = {
  RS256: 'sha256',
  RS384: 'sha384',
  ES256: 'sha256',
  EdDSA: null,
  Ed25519: null,
}
export const encoded = (data: string | Uint8Array): string =>
  Buffer.from(data as Uint8Array).toString('base64url')

/** Signs a token; an undefined member of header or claims is left out. */
export function signed(
  given: {
    readonly key?: Pair
    readonly header?: object
    readonly claims?: object
    readonly payload?: string | Uint8Array
  } = {},
): string {
  const { key = RSA_1, header = {}, claims = {} } = given
  const head = JSON.stringify({ alg: key.alg, kid: key.kid, ...header })
  const payload = given.payload ?? JSON.stringify({ ...CLAIMS, ...claims })
  const input = `${encoded(head)}.${encoded(payload)}`
  const signer = { key: { ...key }, format: 'jwk' as const, dsaEncoding: 'ieee-p1363' as const }
  const signature = sign(HASH[key.alg] ?? null, Buffer.from(input), signer)
  return `${input}.${encoded(signature)}`
}

/** A valid token, different for each number. */
export const numbered = (at: number): string => signed({ claims: { jti: `${at}` } })
