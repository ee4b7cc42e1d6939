import {
  constants,
  createHmac,
  createPrivateKey,
  createPublicKey,
  sign as signBytes,
} from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { withAll } from '../../../concurrency/open-all.ts'
import { type AuthSettings, settingsFromContract } from '../../../core/auth/contract.ts'
import { SCENE_TIME, TEST_TENANT, TEST_USER } from '../../../core/parity/scene.ts'
import { type Instant, instantToMs } from '../../../core/rows/instant.ts'
import { toPublicJwk } from '../../../core/text/jwk.ts'
import { FfError } from '../../../errors.ts'
import { loadAuth } from '../../tokens/jwks-check.ts'
import type { Adapters } from '../../../ports/adapters.ts'
import type { TestAuthenticator } from '../../../ports/auth.ts'
import type { ProbeContext } from '../framework/probe.ts'

/** Opens an authenticator with a key server on loopback. */
export type OpenTestAuthenticator = Adapters['openTestAuthenticator']

/**
 * Opens an authenticator whose key server on loopback serves the public parts of `keys`, lends it to `use`, and
 * closes it afterwards, also after an error. Returns the result of `use`.
 *
 * @throws the errors of opening the authenticator and of `use`
 */
export function withAuthenticator<T>(
  openAuthenticator: OpenTestAuthenticator,
  { keys, settings }: { readonly keys: readonly TestJwk[]; readonly settings: AuthSettings },
  use: (authenticator: TestAuthenticator) => Promise<T>,
): Promise<T> {
  const keyServer = { behaviour: 'up', keys: keys.map(toPublicJwk) } as const
  return withAll([() => openAuthenticator(keyServer, settings)], use)
}

/** A JWK with its private members. */
export type TestJwk = Readonly<Record<string, string>>
/** The time at which the test tokens are valid. */
export const TEST_NOW: Instant = SCENE_TIME
/** TEST_NOW in seconds since 1970, as a NumericDate (RFC 7519, 2). */
export const TEST_NOW_SECONDS = instantToMs(TEST_NOW) / 1000

/** Test keys, and the settings of an authenticator that accepts their tokens. */
export interface TestKeys {
  readonly settings: AuthSettings
  /** RSA, a second RSA, EC, Ed25519, and an attacker's RSA key, which the key set of the authenticator never holds. */
  readonly keys: Readonly<Record<'rsa' | 'next' | 'ec' | 'ed' | 'attacker', TestJwk>>
  /** Valid claims, with some of them changed; undefined removes one. */
  readonly claims: (change?: object) => object
}

const KIDS = {
  rsa: 'ff-fixture-rsa-1',
  next: 'ff-fixture-rsa-2',
  ec: 'ff-fixture-ec-1',
  ed: 'ff-fixture-ed-1',
  attacker: 'ff-fixture-attacker',
} as const

/**
 * Loads the auth contract, the token fixtures and the private test keys of `vectors/jwt/keys.json`. Returns the keys by
 * role, the settings of an authenticator that accepts their tokens, and `claims`, which builds claims that are valid at
 * `TEST_NOW` and for an hour.
 *
 * @throws FfError `artefact_invalid` where the contract or the fixtures are invalid or a key is absent; the system's
 *   error where the key file cannot be read, SyntaxError where it is not JSON
 */
export async function loadTestKeys({ root }: ProbeContext): Promise<TestKeys> {
  const { notes, fixtures } = await loadAuth(root)
  const settings = settingsFromContract(notes, fixtures)
  const { keys } = JSON.parse(await readFile(join(root, 'vectors/jwt/keys.json'), 'utf8')) as {
    readonly keys: readonly TestJwk[]
  }
  const named = Object.entries(KIDS).map(([name, kid]) => {
    const found = keys.find((one) => one['kid'] === kid)
    if (found !== undefined) return [name, found] as const
    throw new FfError('artefact_invalid', `vectors/jwt/keys.json has no key ${kid}.`, {
      hint: 'Run npm run vectors:jwt.',
    })
  })
  const { issuer, audience } = settings
  return {
    settings,
    keys: Object.fromEntries(named) as TestKeys['keys'],
    claims: (change = {}) => ({
      iss: issuer,
      aud: audience,
      sub: TEST_USER,
      tid: TEST_TENANT,
      exp: TEST_NOW_SECONDS + 3_600,
      ...change,
    }),
  }
}

/** The public key of a JWK, private or public, as SPKI PEM text. */
export const toPublicPem = (jwk: TestJwk): string =>
  createPublicKey({ key: toPublicJwk(jwk), format: 'jwk' })
    .export({ type: 'spki', format: 'pem' })
    .toString()

/** Computes the signature bytes over the first two segments of a token. */
export type SignInput = (input: string) => Buffer
/**
 * A function that signs with the private key by `alg` (RFC 7518, 3.1), whatever the header of the token names: RS, PS
 * and ES of any SHA-2 size, EdDSA or Ed25519; signatures of ES are in the raw form of JWS.
 *
 * @param alg by default that of the key
 * @throws the error of node:crypto where the JWK is not a private key; signing throws where `alg` is none of these
 */
export function createSigner(jwk: TestJwk, alg = jwk['alg'] ?? ''): SignInput {
  const key = createPrivateKey({ key: jwk, format: 'jwk' })
  const padding = alg.startsWith('PS')
    ? { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
    : {}
  const hash = alg.startsWith('Ed') ? null : `sha${alg.slice(2)}`
  return (input) =>
    signBytes(hash, Buffer.from(input), { key, dsaEncoding: 'ieee-p1363', ...padding })
}
/**
 * A function that computes an HMAC with SHA-2 over the input, as `HS256` and the like do.
 *
 * @param bits `256`, `384` or `512`
 */
export const signHmac =
  (bits: string, secret: string | Buffer): SignInput =>
  (input) =>
    createHmac(`sha${bits}`, secret).update(input).digest()

const encodeSegment = (value: object): string =>
  Buffer.from(JSON.stringify(value)).toString('base64url')
/**
 * A compact JWS (RFC 7515, 3.1) with exactly this header and these claims, valid or not; `sign` gets the first two
 * segments with their dot.
 */
export function formatToken(header: object, claims: object, sign: SignInput): string {
  const input = `${encodeSegment(header)}.${encodeSegment(claims)}`
  return `${input}.${sign(input).toString('base64url')}`
}
/**
 * Signs claims as an issuer does: `alg` and `kid` of the key in the header, and `typ` `at+jwt` (RFC 9068). Checks no
 * claim. Returns the compact token.
 */
export const signTestToken = (key: TestJwk, claims: object): string =>
  formatToken({ alg: key['alg'], kid: key['kid'], typ: 'at+jwt' }, claims, createSigner(key))
