import { isSmallOrderPoint } from '../jose/ed25519.ts'
import { isBase64url } from './token-form.ts'

/** A key as a document holds it (RFC 7517): nothing is said of its members yet. */
export type UntrustedJwk = Readonly<Record<string, unknown>>

/** Why a key verifies nothing (M-16). */
export type KeyFault =
  | 'kty_unknown'
  | 'symmetric'
  | 'private'
  | 'use_not_sig'
  | 'key_ops_without_verify'
  | 'alg_unknown'
  | 'alg_not_of_key'
  | 'curve_unknown'
  | 'malformed'
  | 'rsa_too_short'
  | 'rsa_too_long'
  | 'rsa_exponent'
  | 'roca'
  | 'small_order'

export interface KeyLimits {
  readonly rsa_min_bits: number
  /** Beyond it one signature costs more than a request may. */
  readonly rsa_max_bits: number
}

/** Which key each algorithm wants (RFC 7518, 3.1; RFC 8037, 3.1). */
const KEY_OF = {
  RS256: 'RSA',
  RS384: 'RSA',
  RS512: 'RSA',
  PS256: 'RSA',
  PS384: 'RSA',
  PS512: 'RSA',
  ES256: 'P-256',
  ES384: 'P-384',
  ES512: 'P-521',
  EdDSA: 'Ed25519',
} as const satisfies Readonly<Record<string, string>>
/** Bytes of a coordinate (RFC 7518, 6.2.1.2; RFC 8037, 2), by type and curve. */
const COORDINATES: Readonly<Record<string, readonly [names: readonly string[], bytes: number]>> = {
  'EC P-256': [['x', 'y'], 32],
  'EC P-384': [['x', 'y'], 48],
  'EC P-521': [['x', 'y'], 66],
  'OKP Ed25519': [['x'], 32],
}

const isKnown = (alg: unknown): alg is keyof typeof KEY_OF =>
  typeof alg === 'string' && Object.hasOwn(KEY_OF, alg)
/** What the key is, in the words of `KEY_OF`. */
const getKeyFamily = ({ kty, crv }: UntrustedJwk): unknown => (kty === 'RSA' ? kty : crv)

/** Whether a token of this algorithm may be held to this key, which has no fault. */
export const isKeyUsableFor = (jwk: UntrustedJwk, alg: string): boolean =>
  isKnown(alg) &&
  KEY_OF[alg] === getKeyFamily(jwk) &&
  (jwk['alg'] === undefined || jwk['alg'] === alg)

/** The first thing that keeps a key from verifying whatever token; null where nothing does. */
export const findKeyFault = (jwk: UntrustedJwk, limits: KeyLimits): KeyFault | null =>
  RULES.find(([, breaks]) => breaks(jwk))?.[0] ??
  (jwk['kty'] === 'RSA' ? findRsaFault(jwk, limits) : findPointFault(jwk))

const PRIVATE = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']
const RULES: readonly (readonly [KeyFault, (jwk: UntrustedJwk) => boolean])[] = [
  ['symmetric', ({ kty }) => kty === 'oct'],
  ['kty_unknown', ({ kty }) => kty !== 'RSA' && kty !== 'EC' && kty !== 'OKP'],
  ['private', (jwk) => PRIVATE.some((name) => jwk[name] !== undefined)],
  ['use_not_sig', ({ use }) => use !== undefined && use !== 'sig'],
  [
    'key_ops_without_verify',
    ({ key_ops }) =>
      key_ops !== undefined && !(Array.isArray(key_ops) && key_ops.includes('verify')),
  ],
  ['alg_unknown', ({ alg }) => alg !== undefined && !isKnown(alg)],
  ['alg_not_of_key', (jwk) => isKnown(jwk['alg']) && !isKeyUsableFor(jwk, jwk['alg'])],
]

/** How many bits a modulus has, zeros before it not counted; null where it is none. */
export function countModulusBits(n: unknown): number | null {
  const bytes = toBytes(n)
  const first = bytes?.findIndex((byte) => byte !== 0) ?? -1
  if (bytes === null || first === -1) return bytes === null ? null : 0
  return (bytes.length - first) * 8 - (Math.clz32(bytes[first] as number) - 24)
}

function findRsaFault(
  { n, e }: UntrustedJwk,
  { rsa_min_bits, rsa_max_bits }: KeyLimits,
): KeyFault | null {
  const [modulus, exponent, bits] = [toBytes(n), toBytes(e), countModulusBits(n)]
  if (modulus === null || exponent === null || bits === null) return 'malformed'
  // Before any arithmetic: a number of a megabyte is never made. Zeros before it count as well.
  if (modulus.length * 8 > rsa_max_bits + 8 || bits > rsa_max_bits) return 'rsa_too_long'
  if (bits < rsa_min_bits) return 'rsa_too_short'
  const value = BigInt(`0x${modulus.toString('hex')}`)
  if (!isExponentValid(exponent)) return 'rsa_exponent'
  if (isRoca(value)) return 'roca'
  return value % 2n === 0n ? 'malformed' : null
}

/** Odd, at least 3, and within four bytes: an exponent of 1 makes each message its own signature. */
function isExponentValid(bytes: Buffer): boolean {
  if (bytes.length > 4) return false
  const value = bytes.readUIntBE(0, bytes.length)
  return value >= 3 && value % 2 === 1
}

function findPointFault(jwk: UntrustedJwk): KeyFault | null {
  const { kty, crv } = jwk
  const found = typeof crv === 'string' ? COORDINATES[`${String(kty)} ${crv}`] : undefined
  if (found === undefined) return 'curve_unknown'
  const [names, bytes] = found
  const points = names.map((name) => toBytes(jwk[name]))
  if (!points.every((one) => one?.length === bytes)) return 'malformed'
  return kty === 'OKP' && isSmallOrderPoint(points[0] as Buffer) ? 'small_order' : null
}

function toBytes(member: unknown): Buffer | null {
  if (typeof member !== 'string' || member === '' || !isBase64url(member)) return null
  return Buffer.from(member, 'base64url')
}

/**
 * Moduli made by the broken generator of CVE-2017-15361 ("ROCA", Nemec et al., ACM CCS 2017, section 3):
 * each of its primes is a power of 65537 modulo a product of small primes, and so is their product.
 */
const PRIMES = [
  3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101,
  103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
] as const

/** For each prime, what a power of 65537 can be modulo it. A sound modulus passes all by a chance of 2^-27. */
const POWERS = PRIMES.map((prime) => {
  const powers = new Set<number>()
  for (let power = 1; !powers.has(power); power = (power * 65_537) % prime) powers.add(power)
  return [BigInt(prime), powers] as const
})

export const isRoca = (modulus: bigint): boolean =>
  POWERS.every(([prime, powers]) => powers.has(Number(modulus % prime)))
