import fc from 'fast-check'
import { constants, createPrivateKey, generateKeyPairSync, sign as signBytes } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, Socket } from 'node:net'
import { afterAll, afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { authenticate } from '../../../src/features/evaluation/answer-question.ts'
import { ManualClock } from '../../../src/adapters/auth/clock.ts'
import { createAuthenticator, openJwksClient } from '../../../src/adapters/auth/authenticator.ts'
import { KeySet } from '../../../src/adapters/auth/key-set.ts'
import {
  fixedKeySource,
  type HeldKeySet,
  type KeySource,
  NO_KEYS,
} from '../../../src/adapters/auth/key-source.ts'
import { LoopbackJwks } from '../../../src/adapters/auth/loopback-jwks.ts'
import { settingsFromContract } from '../../../src/core/auth/contract.ts'
import {
  AUTH_REFUSALS,
  type AuthRefusalCode,
  type AuthResult,
  type Environment,
  ENVIRONMENTS,
  isAuthRefusal,
} from '../../../src/core/auth/types.ts'
import type { AuthMode } from '../../../src/core/evaluate/types.ts'
import type { Authenticator } from '../../../src/ports/auth.ts'
import { CONTRACT } from '../../core/auth-contract.ts'
import { NOW } from '../../core/builders.ts'
import {
  anyHeader,
  anyToken,
  AUDIENCE,
  CLAIMS,
  EC,
  ED,
  forgedToken,
  getSigner,
  GOOD_KEYS,
  ISSUER,
  type Jwk,
  publicPart,
  RSA,
  strangeTokens,
} from './hostile-tokens.ts'
import { makeOpinion } from './second-opinion.ts'
import { examples } from '../../support/scale.ts'

// Where the attacker listens ------------------------------------------------------------------------------------

let connections = 0
const trap = createServer((socket) => {
  connections += 1
  socket.destroy()
})
trap.listen(0, '127.0.0.1')
await once(trap, 'listening')
const { port } = trap.address() as AddressInfo
const trapUrl = (): string => `http://127.0.0.1:${port}`
afterAll(() => void trap.close())

// Key sources, in every state -----------------------------------------------------------------------------------

const set = new KeySet(GOOD_KEYS, CONTRACT.keys)
const held: HeldKeySet = { set, generation: 1, stale: false, age_ms: 0 }
const old: HeldKeySet = { ...held, stale: true, age_ms: 1_200_000 }
const always = (
  one: HeldKeySet | null,
  answer: Awaited<ReturnType<KeySource['forKid']>>,
): KeySource => ({
  current: () => one,
  forKid: () => Promise.resolve(answer),
})

const HOLDING = {
  up: fixedKeySource(set),
  'up, the last refresh failed': always(held, { status: 'held', held, refreshed: 'unreachable' }),
  'up, and misconfigured since': always(held, { status: 'held', held, refreshed: 'misconfigured' }),
  stale: always(old, { status: 'held', held: old, refreshed: 'unreachable' }),
}
const OFF = {
  unreachable: always(null, { status: 'unreachable' }),
  misconfigured: always(null, { status: 'misconfigured' }),
  unconfigured: NO_KEYS,
}
const settings = settingsFromContract(CONTRACT, {
  issuer: ISSUER,
  audience: AUDIENCE,
  dev_scopes: ['ff:registry:read'],
})
const openAuthenticators = (
  sources: Readonly<Record<string, KeySource>>,
): ReadonlyMap<string, Authenticator> =>
  new Map(
    Object.entries(sources).map(([name, keys]) => [
      name,
      createAuthenticator(keys, settings, new ManualClock()),
    ]),
  )
const holding = openAuthenticators(HOLDING)
const off = openAuthenticators(OFF)
const up = holding.get('up') as Authenticator
const everyAuthenticator = new Map([...holding, ...off])

// Asking --------------------------------------------------------------------------------------------------------

interface Case {
  readonly state: string
  readonly environment: Environment
  readonly result: AuthResult
}
/** Each request also has dev headers, which must have no effect. */
const dev_headers = { user_id: 'U-admin', tenant_id: null, scopes: ['ff:registry:read'] }
const ask = (
  authenticator: Authenticator,
  token: string,
  environment: Environment,
): Promise<AuthResult> =>
  authenticate(authenticator, { token, dev_headers }, { now: NOW, environment })

async function judge(
  token: string,
  authenticators: ReadonlyMap<string, Authenticator> = everyAuthenticator,
): Promise<readonly Case[]> {
  const cases: Case[] = []
  for (const [state, authenticator] of authenticators) {
    for (const environment of ENVIRONMENTS)
      cases.push({ state, environment, result: await ask(authenticator, token, environment) })
  }
  return cases
}
const getMode = (result: AuthResult): AuthMode | null =>
  isAuthRefusal(result) ? null : result.mode
const UNVERIFIED: readonly (AuthMode | null)[] = ['decode-only', 'dev-headers']

// The tests count the codes, so a run needs all examples.
const RUNS = { ...examples(400), numRuns: 400 }
const tokens = anyToken(trapUrl)
const opinion = makeOpinion(GOOD_KEYS)
/** Each token with its results under every source and environment. */
const forAll = (
  holds: (cases: readonly Case[], token: string) => void | Promise<void>,
): Promise<void> =>
  fc.assert(
    fc.asyncProperty(tokens, async (token) => holds(await judge(token), token)),
    RUNS,
  )

// No test may open a connection other than to the key server; here is none.
const dials = vi.spyOn(Socket.prototype, 'connect')
beforeEach(() => {
  dials.mockClear()
})
afterAll(() => dials.mockRestore())

describe('an arbitrary token', () => {
  afterEach(() => {
    expect(dials).not.toHaveBeenCalled()
    expect(connections).toBe(0)
  })

  test('the examples reach every kind of result', async () => {
    const seen = new Set<string>()
    const sample = fc.sample(tokens, { numRuns: 4000, seed: 20260115 })
    for (const token of sample) {
      const { conditions } = await up.verifier.explain(token, { now: NOW, environment: 'prod' })
      for (const one of conditions) seen.add(one)
    }
    expect([...seen].sort()).toEqual([
      'alg_not_allowed',
      'audience_mismatch',
      'claim_missing',
      'context_invalid',
      'crit_unsupported',
      'issuer_mismatch',
      'key_not_usable',
      'kid_absent',
      'kid_ambiguous',
      'signature_invalid',
      'token_expired',
      'token_malformed',
      'token_not_yet_valid',
      'verified',
    ])
  })

  test('is never accepted unverified outside dev, nor without dev headers allowed', async () => {
    let unverified = 0
    await forAll((cases) => {
      for (const { environment, result } of cases) {
        if (environment !== 'dev+H') expect(UNVERIFIED).not.toContain(getMode(result))
        else if (getMode(result) === 'decode-only') unverified += 1
      }
    })
    expect(unverified).toBeGreaterThan(0)
  })

  test('is verified if and only if the signature of its exact bytes is valid', async () => {
    const told = { verified: 0, refused: 0 }
    await forAll(async (cases, token) => {
      const { signed, condition } = opinion(token)
      for (const { state, result } of cases) {
        if (getMode(result) !== 'verified') continue
        expect(signed).toBe(true)
        expect(holding.has(state)).toBe(true)
      }
      if (condition === null) return
      told[condition === 'verified' ? 'verified' : 'refused'] += 1
      const { conditions, claims } = await up.verifier.explain(token, {
        now: NOW,
        environment: 'prod',
      })
      // Claim faults are reported only for tokens with a valid signature.
      if (condition === 'verified') expect(claims).not.toBeNull()
      else expect(conditions).toEqual([condition])
      // `signature` does not check the form of the claims.
      if (condition !== 'token_malformed')
        expect(await up.verifier.signature(token)).toBe(condition)
    })
    expect(told.verified).toBeGreaterThan(10)
    expect(told.refused).toBeGreaterThan(10)
  })

  test('matches alg and kid exactly', async () => {
    const strange = strangeTokens()
    expect(strange.length).toBeGreaterThan(100)
    for (const token of strange) {
      const { condition } = opinion(token)
      expect(condition).not.toBeNull()
      expect(await up.verifier.signature(token), token.split('.')[0]).toBe(condition)
    }
  })

  test('is never verified where node:crypto alone refuses it', async () => {
    await forAll(async (_cases, token) => {
      const { signed } = opinion(token)
      const condition = await up.verifier.signature(token)
      if (condition.startsWith('verified')) expect(signed).toBe(true)
      if (condition === 'signature_invalid') expect(opinion(token).condition).not.toBe('verified')
    })
  })

  test('has the warning auth_not_verified if and only if it was not verified', async () => {
    await forAll((cases) => {
      for (const { result } of cases) {
        if (isAuthRefusal(result)) continue
        const warned = result.warnings.includes('auth_not_verified')
        expect(warned).toBe(UNVERIFIED.includes(result.mode))
        if (warned) expect(result.scopes).toEqual([])
      }
    })
  })

  test('that is refused never falls back to dev headers or anonymous', async () => {
    await forAll((cases) => {
      for (const { result } of cases)
        expect(['verified', 'decode-only', null]).toContain(getMode(result))
    })
  })

  // Refusals that do not depend on the keys.
  const KEPT: readonly AuthRefusalCode[] = [
    'alg_not_allowed',
    'token_expired',
    'audience_mismatch',
    'issuer_mismatch',
    'token_not_yet_valid',
    'claim_missing',
    'context_invalid',
    'token_malformed',
    'crit_unsupported',
  ]
  test('that is refused for its content stays refused while the key server is down', async () => {
    const seen = new Set<AuthRefusalCode>()
    await forAll(async (_cases, token) => {
      for (const environment of ENVIRONMENTS) {
        const result = await ask(up, token, environment)
        if (!isAuthRefusal(result) || !KEPT.includes(result.refused)) continue
        seen.add(result.refused)
        for (const authenticator of off.values())
          expect(await ask(authenticator, token, environment)).toHaveProperty('refused')
      }
    })
    expect(seen.size).toBeGreaterThan(5)
  })

  test('that is refused with a key set is refused alike after any refresh outcome', async () => {
    const seen = new Set<AuthRefusalCode>()
    await forAll(async (_cases, token) => {
      for (const environment of ENVIRONMENTS) {
        const result = await ask(up, token, environment)
        // Only the outcome for an unknown kid depends on the refresh.
        if (!isAuthRefusal(result) || result.refused === 'kid_not_found') continue
        seen.add(result.refused)
        for (const authenticator of holding.values())
          expect(await ask(authenticator, token, environment)).toEqual(result)
      }
    })
    expect(seen).toContain('signature_invalid')
    expect(seen.size).toBeGreaterThan(7)
  })

  test('with an invalid signature is not verified under any other header', async () => {
    let forged = 0
    await fc.assert(
      fc.asyncProperty(
        forgedToken,
        fc.array(anyHeader(trapUrl), { minLength: 3 }),
        async (token, headers) => {
          if ((await up.verifier.signature(token)) !== 'signature_invalid') return
          forged += 1
          const rest = token.split('.').slice(1)
          for (const header of headers) {
            for (const { result } of await judge([header, ...rest].join('.'))) {
              expect(getMode(result)).not.toBe('verified')
              if (isAuthRefusal(result)) expect(AUTH_REFUSALS[result.refused]).toBe(result.http)
            }
          }
        },
      ),
      examples(150),
    )
    expect(forged).toBeGreaterThan(10)
  })

  test('results in a mode, or in a code and status, and the same a second time', async () => {
    await forAll(async (cases, token) => {
      for (const { result } of cases) {
        if (!isAuthRefusal(result)) continue
        expect(Object.keys(result).sort()).toEqual(['http', 'refused'])
        expect(result.http).toBe(AUTH_REFUSALS[result.refused])
        expect(['token_missing', 'context_mismatch']).not.toContain(result.refused)
      }
      expect(await judge(token)).toEqual(cases)
    })
  })
})

describe('a signature under each allowable algorithm', () => {
  const KEYS: Readonly<Record<string, Jwk>> = {
    ...Object.fromEntries(['RS', 'PS'].map((family) => [family, RSA])),
    ES256: EC,
    ES384: newKey('P-384'),
    ES512: newKey('P-521'),
    EdDSA: ED,
    Ed25519: ED,
  }
  const { allowable } = CONTRACT.algorithms
  const keyFor = (alg: string): Jwk => {
    const { alg: _, ...key } = KEYS[alg] ?? KEYS[alg.slice(0, 2)] ?? {}
    return { ...key, kid: alg }
  }
  const publicKeys = allowable.map((alg) => publicPart(keyFor(alg)))
  const keys = fixedKeySource(new KeySet(publicKeys, CONTRACT.keys))
  const { verifier } = createAuthenticator(keys, { ...settings, algorithms: allowable })
  const b64 = (part: object): string => Buffer.from(JSON.stringify(part)).toString('base64url')
  const getInput = (alg: string, nonce: number): string =>
    `${b64({ alg, kid: alg })}.${b64({ ...CLAIMS, nonce })}`
  const holds = (input: string, signature: Buffer) =>
    verifier.signature(`${input}.${signature.toString('base64url')}`)

  test.each(allowable)('%s: holds, and no other length or form of it does', async (alg) => {
    const input = getInput(alg, 0)
    const signature = getSigner(keyFor(alg), alg).sign(input)
    expect(await holds(input, signature)).toBe('verified')
    const zero = Buffer.of(0)
    const others = [
      Buffer.of(),
      Buffer.alloc(signature.length),
      Buffer.concat([zero, signature]),
      Buffer.concat([signature, zero]),
      Buffer.concat([signature, signature]),
      signature.subarray(1),
      signature.subarray(0, -1),
      ...(alg.startsWith('ES') ? [getDer(signature)] : []),
      ...(alg.startsWith('PS')
        ? [0, 20].map((saltLength) => saltedBy(saltLength, alg, input))
        : []),
    ]
    for (const other of others) expect(await holds(input, other)).toBe('signature_invalid')
  })

  // RFC 8017, 8.1.2 and 8.2.2, step 1: a signature is as long as its modulus. A zero in front says nothing to
  // arithmetic, and without it the token would have a second spelling.
  test.each(allowable.filter((alg) => /^[RP]S/.test(alg)))(
    '%s: does not hold without the zero that it begins with',
    async (alg) => {
      const signer = getSigner(keyFor(alg), alg)
      for (let nonce = 0; ; nonce += 1) {
        const input = getInput(alg, nonce)
        const signature = signer.sign(input)
        if (signature[0] !== 0) continue
        expect(await holds(input, signature)).toBe('verified')
        expect(await holds(input, signature.subarray(1))).toBe('signature_invalid')
        return
      }
    },
  )
})
function newKey(namedCurve: string): Jwk {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve })
  return privateKey.export({ format: 'jwk' }) as Jwk
}
/** With a salt of another length than the hash (RFC 7518, 3.5). */
const saltedBy = (saltLength: number, alg: string, input: string): Buffer =>
  signBytes(`sha${alg.slice(2)}`, Buffer.from(input), {
    key: createPrivateKey({ key: RSA, format: 'jwk' }),
    padding: constants.RSA_PKCS1_PSS_PADDING,
    saltLength,
  })
/** An ECDSA signature as X.509 writes it, which JWS does not (RFC 7518, 3.4). */
function getDer(signature: Buffer): Buffer {
  const half = signature.length / 2
  const [r, s] = [signature.subarray(0, half), signature.subarray(half)].map((part) => {
    const from = part.findIndex((byte) => byte !== 0)
    const sign = (part[from] ?? 0) > 127 ? [0] : []
    const bytes = Buffer.concat([Buffer.of(...sign), part.subarray(from)])
    return Buffer.concat([Buffer.of(2, bytes.length), bytes])
  }) as [Buffer, Buffer]
  const length = r.length + s.length
  const head = length > 127 ? Buffer.of(0x30, 0x81, length) : Buffer.of(0x30, length)
  return Buffer.concat([head, r, s])
}

describe('a token that names a URL of keys', () => {
  test('causes no request but one to the key server', async () => {
    const server = await LoopbackJwks.start({ behaviour: 'up', keys: GOOD_KEYS })
    const keys = openJwksClient(server.url, CONTRACT, new ManualClock())
    const live = new Map([['live', createAuthenticator(keys, settings, new ManualClock())]])
    try {
      const sample = fc.sample(tokens, { numRuns: 500, seed: 1 })
      const texts = sample.map((token) => {
        const head = token.split('.')[0] ?? ''
        return Buffer.from(head, 'base64url').toString('latin1')
      })
      expect(texts.filter((text) => text.includes(trapUrl())).length).toBeGreaterThan(10)
      for (const token of sample) {
        for (const { result } of await judge(token, live)) {
          if (getMode(result) === 'verified') expect(opinion(token).signed).toBe(true)
          expect(UNVERIFIED).not.toContain(getMode(result))
        }
      }
      expect(dials).toHaveBeenCalledTimes(1)
      expect(keys.metrics().fetches).toBe(1)
      expect(connections).toBe(0)
    } finally {
      keys.close()
      await server.close()
    }
    // The attacker's server records every request.
    await once(connect(port, '127.0.0.1'), 'close')
    expect(connections).toBe(1)
  })
})
