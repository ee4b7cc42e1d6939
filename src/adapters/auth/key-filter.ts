import { isSmallOrderPoint } from '../jose/ed25519.ts'
import { isBase64url } from './token-form.ts'

/** A JWK (RFC 7517) as received; its members are not checked. */
export type UntrustedJwk = Readonly<Record<string, unknown>>

/** Why a key is unusable for every algorithm. */
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

/** Limits on the modulus of an RSA key. */
export interface KeyLimits {
  readonly rsa_min_bits: number
  /** Above it, one verification costs more time than a request may take. */
  readonly rsa_max_bits: number
}

/** The key type or curve of each algorithm (RFC 7518, 3.1; RFC 8037, 3.1; RFC 9864, 2.2). */
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
  Ed25519: 'Ed25519',
} as const satisfies Readonly<Record<string, string>>
/** Names and byte length of the coordinates (RFC 7518, 6.2.1.2; RFC 8037, 2), by type and curve. */
const COORDINATES: Readonly<Record<string, readonly [names: readonly string[], bytes: number]>> = {
  'EC P-256': [['x', 'y'], 32],
  'EC P-384': [['x', 'y'], 48],
  'EC P-521': [['x', 'y'], 66],
  'OKP Ed25519': [['x'], 32],
}

const isKnown = (alg: unknown): alg is keyof typeof KEY_OF =>
  typeof alg === 'string' && Object.hasOwn(KEY_OF, alg)
/** The key's type or curve, as `KEY_OF` names it. */
const getKeyFamily = ({ kty, crv }: UntrustedJwk): unknown => (kty === 'RSA' ? kty : crv)

/** EdDSA with a key of Ed25519 is the algorithm that RFC 9864, 2.2 names Ed25519: one algorithm with two names. */
const toFullName = (alg: unknown): unknown => (alg === 'EdDSA' ? 'Ed25519' : alg)

/**
 * Whether a JWS algorithm is known, the type or curve of the key fits it, and the key's `alg`, if present, names it.
 * Checks nothing else: `findKeyFault` judges the key.
 */
export const isKeyUsableFor = (jwk: UntrustedJwk, alg: string): boolean =>
  isKnown(alg) &&
  KEY_OF[alg] === getKeyFamily(jwk) &&
  (jwk['alg'] === undefined || toFullName(jwk['alg']) === toFullName(alg))

/**
 * The first fault that makes a key unusable for every algorithm: its type (`oct` is symmetric), private members,
 * `use`, `key_ops`, `alg`, then the form of its numbers: size of an RSA modulus against `limits`, its exponent and the
 * ROCA fingerprint, or curve, length and small order of a point. Null for a sound key. Does not check that an EC point
 * is on its curve.
 */
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

/**
 * Bit length of a base64url modulus, without leading zeros. 0 for a modulus of zeros; null for a value that is no text
 * or not canonical base64url, and for an empty text.
 */
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
  // Before any arithmetic, so that no huge number is built. Leading zeros count as well.
  if (modulus.length * 8 > rsa_max_bits + 8 || bits > rsa_max_bits) return 'rsa_too_long'
  if (bits < rsa_min_bits) return 'rsa_too_short'
  const value = BigInt(`0x${modulus.toString('hex')}`)
  if (!isExponentValid(exponent)) return 'rsa_exponent'
  if (isRoca(value)) return 'roca'
  return value % 2n === 0n ? 'malformed' : null
}

/** Odd, at least 3, at most four bytes. With an exponent of 1 each message is its own signature. */
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
 * Small primes that expose moduli of the broken generator of CVE-2017-15361 ("ROCA", Nemec et al., ACM CCS 2017,
 * section 3): each of its primes is a power of 65537 modulo a product of small primes, and so is their product.
 */
const PRIMES = [
  3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101,
  103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
] as const

/** For each prime, the powers of 65537 modulo it. A sound modulus matches all with a probability of 2^-27. */
const POWERS = PRIMES.map((prime) => {
  const powers = new Set<number>()
  for (let power = 1; !powers.has(power); power = (power * 65_537) % prime) powers.add(power)
  return [BigInt(prime), powers] as const
})

/**
 * Whether a modulus has the fingerprint of CVE-2017-15361 ("ROCA"): modulo each of 38 small primes it is a power of
 * 65537. A sound modulus has it with a probability of 2^-27.
 */
export const isRoca = (modulus: bigint): boolean =>
  POWERS.every(([prime, powers]) => powers.has(Number(modulus % prime)))
