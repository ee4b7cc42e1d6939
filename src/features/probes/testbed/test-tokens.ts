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

/** How a door is made, with a key server on loopback behind it. */
export type OpenTestAuthenticator = Adapters['openTestAuthenticator']

/** Lends a door whose key server serves the public halves of some keys. */
export function withAuthenticator<T>(
  openAuthenticator: OpenTestAuthenticator,
  { keys, settings }: { readonly keys: readonly TestJwk[]; readonly settings: AuthSettings },
  use: (authenticator: TestAuthenticator) => Promise<T>,
): Promise<T> {
  const keyServer = { behaviour: 'up', keys: keys.map(toPublicJwk) } as const
  return withAll([() => openAuthenticator(keyServer, settings)], use)
}

export type TestJwk = Readonly<Record<string, string>>
/** The moment that tokens of the shop are made for. */
export const TEST_NOW: Instant = SCENE_TIME
export const TEST_NOW_SECONDS = instantToMs(TEST_NOW) / 1000

/** Test keys, and what a door is set to that takes their tokens. */
export interface TestKeys {
  readonly settings: AuthSettings
  /** Keys that a key server may serve: RSA, a second RSA, EC and Ed25519. */
  readonly keys: Readonly<Record<'rsa' | 'next' | 'ec' | 'ed' | 'attacker', TestJwk>>
  /** Claims that hold, with some of them changed; undefined takes one away. */
  readonly claims: (change?: object) => object
}

const KIDS = {
  rsa: 'ff-fixture-rsa-1',
  next: 'ff-fixture-rsa-2',
  ec: 'ff-fixture-ec-1',
  ed: 'ff-fixture-ed-1',
  attacker: 'ff-fixture-attacker',
} as const

/** @throws FfError `artefact_invalid` where the contract, the fixtures or their keys are not there */
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

export const publicPem = (jwk: TestJwk): string =>
  createPublicKey({ key: toPublicJwk(jwk), format: 'jwk' })
    .export({ type: 'spki', format: 'pem' })
    .toString()

/** What makes the last segment of a token out of the first two. */
export type SignInput = (input: string) => Buffer
/** Signs as the algorithm says (RFC 7518, 3.1), whatever a header will say. */
export function createSigner(jwk: TestJwk, alg = jwk['alg'] ?? ''): SignInput {
  const key = createPrivateKey({ key: jwk, format: 'jwk' })
  const padding = alg.startsWith('PS')
    ? { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
    : {}
  const hash = alg === 'EdDSA' ? null : `sha${alg.slice(2)}`
  return (input) =>
    signBytes(hash, Buffer.from(input), { key, dsaEncoding: 'ieee-p1363', ...padding })
}
export const signHmac =
  (bits: string, secret: string | Buffer): SignInput =>
  (input) =>
    createHmac(`sha${bits}`, secret).update(input).digest()

const segment = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
/** A compact JWS with these very parts. */
export function formatToken(header: object, claims: object, sign: SignInput): string {
  const input = `${segment(header)}.${segment(claims)}`
  return `${input}.${sign(input).toString('base64url')}`
}
/** As an issuer would write it. */
export const signTestToken = (key: TestJwk, claims: object): string =>
  formatToken({ alg: key['alg'], kid: key['kid'], typ: 'at+jwt' }, claims, createSigner(key))
