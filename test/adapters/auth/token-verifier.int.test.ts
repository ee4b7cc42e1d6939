import { afterEach, describe, expect, test } from 'vitest'
import type { KeySource } from '../../../src/adapters/auth/key-source.ts'
import { fixedKeySource, NO_KEYS } from '../../../src/adapters/auth/key-source.ts'
import { KeySet } from '../../../src/adapters/auth/key-set.ts'
import { TokenCache } from '../../../src/adapters/auth/token-cache.ts'
import { JwksVerifier } from '../../../src/adapters/auth/token-verifier.ts'
import { buildModeMatrix } from '../../../src/core/auth/modes.ts'
import { ENVIRONMENTS, type Environment } from '../../../src/core/auth/types.ts'
import type { Instant } from '../../../src/core/rows/instant.ts'
import { CONTRACT } from '../../core/auth-contract.ts'
import { fromNow, NOW } from '../../core/builders.ts'
import { Servers } from './answering.ts'
import { KeyEndpoint, pass } from './key-endpoint.ts'
import {
  ATTACKER,
  AUDIENCE,
  CLAIMS,
  EC,
  ED,
  encoded,
  ISSUER,
  numbered,
  published,
  RSA_1,
  RSA_2,
  SECONDS,
  signed,
} from './signed.ts'

const [R1, R2, EC1, ED1] = [RSA_1, RSA_2, EC, ED].map(published) as [object, object, object, object]
const jwks = (...keys: readonly object[]) => ({ keys: keys as never[] })
const TOKEN = signed()
const ME = { user_id: 'U1001', tenant_id: 'T-pty-pilot-01' }
const VERIFIED = { mode: 'verified', source: 'jwt', ...ME, warnings: [], key_set_stale: false }
const refusal = (code: string, http = 401) => ({ refused: code, http })
const UNREACHABLE = refusal('jwks_unreachable', 503)

function verifying(keys: KeySource, endpoint: KeyEndpoint) {
  const rules = {
    modes: buildModeMatrix(CONTRACT.modes),
    algorithms: new Set(CONTRACT.algorithms.default),
    claims: { required: CONTRACT.claims.required, issuer: ISSUER, audience: AUDIENCE, leeway_s: 0 },
    scope_claim: 'scope' as const,
    max_bytes: CONTRACT.token.max_bytes,
    sensitive_max_age_s: CONTRACT.client.sensitive_max_age_s,
  }
  const cache = new TokenCache(CONTRACT.token_cache, endpoint.clock)
  const verifier = new JwksVerifier(keys, rules, cache)
  const verify = (token: string, environment: Environment = 'prod', now: Instant = NOW) =>
    verifier.verify(token, { now, environment })
  return { verifier, cache, verify }
}
/** A verifier, and the endpoint of its keys. */
function opened(outcome: KeyEndpoint['outcome'] = jwks(R1)) {
  const endpoint = new KeyEndpoint(outcome)
  const client = endpoint.client()
  return { endpoint, client, ...verifying(client, endpoint) }
}

describe('the order of checks', () => {
  const DEFECTS: readonly (readonly [string, object])[] = [
    ['token_malformed', { payload: '{"sub":"a","sub":"b"}' }],
    ['crit_unsupported', { header: { crit: ['x'] } }],
    ['alg_not_allowed', { header: { alg: 'RS512' } }],
    ['kid_not_found', { header: { kid: 'unknown' } }],
    ['signature_invalid', { key: { ...ATTACKER, kid: RSA_1.kid } }],
    ['claim_missing', { claims: { aud: undefined } }],
    ['issuer_mismatch', { claims: { iss: 'x' } }],
    ['audience_mismatch', { claims: { aud: 'x' } }],
    ['token_not_yet_valid', { claims: { nbf: SECONDS + 1 } }],
    ['token_expired', { claims: { exp: SECONDS } }],
    ['context_invalid', { claims: { sub: 'U 1' } }],
  ]
  /** A token with this defect and all later ones. */
  function defective(first: number): string {
    const given = DEFECTS.slice(first)
      .toReversed()
      .map(([, one]) => one as Record<string, object>)
    const merged = (name: string): object =>
      Object.assign({}, ...given.map((one) => one[name] ?? {})) as object
    const rest = Object.assign({}, ...given) as object
    return signed({ ...rest, header: merged('header'), claims: merged('claims') })
  }

  test.each(DEFECTS.map(([code], at) => [code, at] as const))(
    '%s is checked before all later defects',
    async (code, at) => {
      const token = defective(at)
      for (const environment of ENVIRONMENTS)
        expect(await opened().verify(token, environment)).toMatchObject({ refused: code })
    },
  )

  test.each(DEFECTS.map(([code], at) => [code, at] as const))(
    '%s without a key set: form first, then the key set, then the rest',
    async (code, at) => {
      const token = defective(at)
      const expected = at < 3 ? refusal(code) : UNREACHABLE
      for (const environment of ['prod', 'dev-H'] as const)
        expect(await opened('unreachable').verify(token, environment)).toEqual(expected)
      const inDev = await opened('unreachable').verify(token, 'dev+H')
      // Without a key set only key and signature cannot be checked.
      const skipped = at === 3 || at === 4
      expect(inDev).toMatchObject({ refused: skipped ? 'claim_missing' : code })
    },
  )

  test('fetches no keys before form, crit and alg are valid', async () => {
    const { endpoint, verify } = opened()
    for (const at of [0, 1, 2]) await verify(defective(at))
    await verify('')
    await verify('x'.repeat(CONTRACT.token.max_bytes + 1))
    expect(endpoint.asked).toEqual([])
  })
})

describe('a valid token', () => {
  test.each([
    ['RS256', RSA_1],
    ['ES256', EC],
    ['EdDSA', ED],
    ['Ed25519', { ...ED, alg: 'Ed25519' }],
  ])('%s', async (_alg, key) => {
    const { verify } = opened(jwks(R1, EC1, ED1))
    for (const environment of ENVIRONMENTS)
      expect(await verify(signed({ key }), environment)).toEqual({ ...VERIFIED, scopes: [] })
  })

  test('has the scopes of its claims', async () => {
    const token = signed({ claims: { scope: 'ff:operator ff:evaluate:any' } })
    expect(await opened().verify(token)).toMatchObject({
      scopes: ['ff:operator', 'ff:evaluate:any'],
    })
  })

  test('without a kid is verified by the only key', async () => {
    const { verify } = opened()
    const token = signed({ header: { kid: undefined } })
    for (const _ of [1, 2])
      expect(await verify(token)).toMatchObject({ ...VERIFIED, warnings: ['kid_missing'] })
  })

  test('explains its conditions and claims', async () => {
    const { verifier } = opened()
    const at = { now: NOW, environment: 'prod' } as const
    expect(await verifier.explain(TOKEN, at)).toMatchObject({
      conditions: ['verified'],
      claims: CLAIMS,
    })
    const late = { ...at, now: fromNow(3_600_000) }
    expect(await verifier.explain(TOKEN, late)).toMatchObject({
      authentication: refusal('token_expired'),
      conditions: ['token_expired'],
      claims: CLAIMS,
    })
    expect(await verifier.explain('x', at)).toEqual({
      authentication: refusal('token_malformed'),
      conditions: ['token_malformed'],
      claims: null,
    })
  })
})

describe('a forged token', () => {
  const servers = new Servers()
  afterEach(() => servers.close())

  test('that names a key of the attacker is refused without a request', async () => {
    const trap = await servers.http((_, response) => void response.end('{}'))
    const { endpoint, verify } = opened()
    await verify(TOKEN)
    const place = trap.url.href
    const key = { ...ATTACKER, kid: RSA_1.kid }
    const jwk = published(key)
    for (const header of [
      { jku: place },
      { x5u: place },
      { jwk },
      { x5c: ['AAAA'] },
      { jku: place, jwk },
    ])
      for (const environment of ENVIRONMENTS)
        expect(await verify(signed({ key, header }), environment)).toEqual(
          refusal('signature_invalid'),
        )
    expect(trap.asked).toEqual([])
    expect(endpoint.asked).toEqual([0])
  })

  test.each([
    ['no signature', ''],
    ['a signature of zeros', encoded(Buffer.alloc(256))],
    ['a signature that is too short', encoded(Buffer.alloc(255, 1))],
    ['a signature that is too long', encoded(Buffer.alloc(257, 1))],
    ['a signature of one', encoded(Buffer.concat([Buffer.alloc(255), Buffer.from([1])]))],
  ])('with %s', async (_situation, signature) => {
    const [head, body] = TOKEN.split('.')
    expect(await opened().verify(`${head}.${body}.${signature}`)).toEqual(
      refusal('signature_invalid'),
    )
  })

  test.each([
    ['zeros', encoded(Buffer.alloc(64))],
    ['a DER form', encoded(Buffer.from('3006020101020101', 'hex'))],
    ['nothing', ''],
  ])('of ES256 with %s', async (_situation, signature) => {
    const [head, body] = signed({ key: EC }).split('.')
    const token = `${head}.${body}.${signature}`
    expect(await opened(jwks(EC1)).verify(token)).toEqual(refusal('signature_invalid'))
  })

  test.each([
    ['empty crit', { crit: [] }],
    ['crit of null', { crit: null }],
    ['crit that is a text', { crit: 'exp' }],
    ['crit of a standard member', { crit: ['alg'] }],
    ['b64 false and critical', { crit: ['b64'], b64: false }],
    ['b64 true and critical', { crit: ['b64'], b64: true }],
    ['b64 false', { b64: false }],
  ])('with %s', async (_situation, header) => {
    for (const outcome of [jwks(R1), 'unreachable'] as const)
      for (const environment of ENVIRONMENTS)
        expect(await opened(outcome).verify(signed({ header }), environment)).toEqual(
          refusal('crit_unsupported'),
        )
  })

  test.each([
    'none',
    'None',
    'NONE',
    'nOnE',
    'none ',
    '',
    'HS256',
    'rs256',
    'RS256 ',
    'RS384',
    'toString',
    'PS256',
    null,
    ['RS256'],
    1,
    undefined,
  ])('of alg %j', async (alg) => {
    for (const outcome of [jwks(R1), 'unreachable', 'misconfigured'] as const)
      for (const environment of ENVIRONMENTS)
        expect(await opened(outcome).verify(signed({ header: { alg } }), environment)).toEqual(
          refusal('alg_not_allowed'),
        )
  })
})

describe('without a set', () => {
  const token = signed({ claims: { scope: 'ff:operator' } })

  test('dev accepts it unverified, and without scopes', async () => {
    const { verify, cache } = opened('unreachable')
    expect(await verify(token, 'dev+H')).toEqual({
      mode: 'decode-only',
      source: 'jwt-unverified',
      ...ME,
      scopes: [],
      warnings: ['auth_not_verified', 'jwks_unreachable'],
      key_set_stale: false,
    })
    expect(cache.metrics().entries).toBe(0)
  })

  test('a token accepted unverified is verified as soon as keys are available', async () => {
    const { endpoint, client, verify } = opened('unreachable')
    const forged = signed({ key: { ...ATTACKER, kid: RSA_1.kid } })
    expect(await verify(forged, 'dev+H')).toMatchObject({ mode: 'decode-only' })
    endpoint.outcome = jwks(R1)
    await pass(endpoint, client, 30)
    expect(await verify(forged, 'dev+H')).toEqual(refusal('signature_invalid'))
    expect(await verify(token, 'dev+H')).toMatchObject({ mode: 'verified' })
  })

  test.each([
    ['misconfigured', ENVIRONMENTS],
    ['unreachable', ['prod', 'dev-H']],
  ] as const)('is refused: %s', async (outcome, environments) => {
    for (const environment of environments)
      expect(await opened(outcome).verify(token, environment)).toEqual(UNREACHABLE)
  })

  test('without a configured endpoint no token is accepted', async () => {
    const { verifier, verify } = verifying(NO_KEYS, new KeyEndpoint('unreachable'))
    for (const environment of ENVIRONMENTS) {
      expect(await verify(token, environment)).toEqual(UNREACHABLE)
      expect(await verify('x', environment)).toEqual(refusal('token_malformed'))
      const unsigned = signed({ header: { alg: 'none' } })
      expect(await verify(unsigned, environment)).toEqual(refusal('alg_not_allowed'))
    }
    expect(await verifier.signature(token)).toBe('keys_unconfigured')
  })
})

describe('an unknown kid', () => {
  const later = signed({ key: RSA_2 })

  test('is found by one refresh', async () => {
    const { endpoint, client, verify } = opened()
    await verify(TOKEN)
    await pass(endpoint, client, 30)
    endpoint.outcome = jwks(R1, R2)
    expect(await verify(later)).toMatchObject(VERIFIED)
    expect(endpoint.asked).toEqual([0, 30_000])
  })

  test.each<[KeyEndpoint['outcome'], object, object]>([
    [jwks(R1), refusal('kid_not_found'), refusal('kid_not_found')],
    ['misconfigured', refusal('kid_not_found'), refusal('kid_not_found')],
    [
      'unreachable',
      { mode: 'decode-only', scopes: [], warnings: ['auth_not_verified', 'kid_not_found'] },
      refusal('kid_not_found'),
    ],
  ])('after a refresh: %s', async (outcome, inDev, elsewhere) => {
    const { endpoint, client, verify } = opened()
    await verify(TOKEN)
    await pass(endpoint, client, 30)
    endpoint.outcome = outcome
    expect(await verify(later, 'dev+H')).toMatchObject(inDev)
    expect(await verify(later, 'dev-H')).toMatchObject(elsewhere)
    expect(await verify(later, 'prod')).toMatchObject(elsewhere)
    expect(endpoint.asked).toEqual([0, 30_000])
  })

  test('a thousand of them cost one fetch, and a good token is verified throughout', async () => {
    const { endpoint, client, verify } = opened()
    await verify(TOKEN)
    await pass(endpoint, client, 30)
    endpoint.hold()
    const random = Array.from({ length: 1_000 }, (_, at) =>
      verify(`${encoded(`{"alg":"RS256","kid":"${at}"}`)}.${encoded('{}')}.AAAA`),
    )
    for (const at of [1, 2, 3]) expect(await verify(numbered(at))).toMatchObject(VERIFIED)
    endpoint.release()
    for (const answer of await Promise.all(random)) expect(answer).toEqual(refusal('kid_not_found'))
    expect(endpoint.asked).toEqual([0, 30_000])
  })
})

describe('a cached token', () => {
  test('is not verified again', async () => {
    const { verify, cache } = opened()
    for (const _ of [1, 2, 3]) expect(await verify(TOKEN)).toMatchObject(VERIFIED)
    expect(cache.metrics()).toEqual({ hits: 2, misses: 0, entries: 1 })
  })

  test('has its claims checked each time', async () => {
    const { verify, cache } = opened()
    await verify(TOKEN)
    expect(await verify(TOKEN, 'prod', fromNow(3_599_999))).toMatchObject(VERIFIED)
    expect(await verify(TOKEN, 'prod', fromNow(3_600_000))).toEqual(refusal('token_expired'))
    expect(await verify(TOKEN, 'prod', fromNow(-60_001))).toEqual(refusal('token_not_yet_valid'))
    expect(cache.metrics().hits).toBe(3)
  })

  test('that was expired at first stays refused', async () => {
    const { verify } = opened()
    const token = signed({ claims: { exp: SECONDS } })
    for (const _ of [1, 2]) expect(await verify(token)).toEqual(refusal('token_expired'))
  })

  test('is refused as soon as its key is removed', async () => {
    const { endpoint, client, verify, cache } = opened()
    await verify(TOKEN)
    endpoint.clock.step(470_000)
    await verify(TOKEN)
    endpoint.outcome = jwks(R2)
    await pass(endpoint, client, 10)
    expect(await verify(TOKEN)).toEqual(refusal('kid_not_found'))
    expect(cache.metrics().entries).toBe(0)
  })

  test('is refused as soon as its key may no longer verify', async () => {
    const { endpoint, client, verify } = opened()
    await verify(TOKEN)
    await pass(endpoint, client, 475)
    await verify(TOKEN)
    endpoint.outcome = jwks({ ...R1, use: 'enc' })
    await pass(endpoint, client, 5)
    expect(await verify(TOKEN)).toEqual(refusal('key_not_usable'))
  })

  test('is refused where another key has taken the kid', async () => {
    const { endpoint, client, verify } = opened()
    await verify(TOKEN)
    await pass(endpoint, client, 475)
    await verify(TOKEN)
    endpoint.outcome = jwks({ ...R2, kid: RSA_1.kid })
    await pass(endpoint, client, 5)
    expect(await verify(TOKEN)).toEqual(refusal('signature_invalid'))
  })

  test('is verified anew after a suspension past the expiry of its key set', async () => {
    const { endpoint, client, verify } = opened()
    endpoint.outcome = { ...jwks(R1), headers: { 'cache-control': 'no-store' } }
    endpoint.clock.step(0)
    await verify(TOKEN)
    client.close()
    endpoint.clock.step(59_999)
    expect(await verify(TOKEN)).toMatchObject(VERIFIED)
    endpoint.outcome = jwks(R2)
    endpoint.clock.step(1)
    expect(await verify(TOKEN)).toEqual(refusal('kid_not_found'))
  })

  test('that is too long is not looked up', async () => {
    const { verify, cache } = opened()
    await verify(TOKEN)
    expect(await verify(TOKEN + 'A'.repeat(8_192))).toEqual(refusal('token_malformed'))
    expect(cache.metrics()).toEqual({ hits: 0, misses: 0, entries: 1 })
  })

  test.each([
    ['forged', signed({ key: { ...ATTACKER, kid: RSA_1.kid } })],
    ['of an unknown kid', signed({ key: RSA_2 })],
    ['malformed', 'x'],
    ['of another alg', signed({ header: { alg: 'none' } })],
  ])('was never one that is %s', async (_situation, token) => {
    const { verify, cache } = opened()
    for (const _ of [1, 2]) expect(await verify(token)).toHaveProperty('refused')
    expect(cache.metrics()).toMatchObject({ hits: 0, entries: 0 })
  })
})

describe('an endpoint that stays unreachable', () => {
  /** The result for a token this many seconds after the set was loaded. */
  async function after(seconds: number, token = TOKEN) {
    const authenticator = opened()
    await authenticator.verify(TOKEN)
    authenticator.endpoint.outcome = 'unreachable'
    await pass(authenticator.endpoint, authenticator.client, seconds)
    return { ...authenticator, answer: await authenticator.verify(token) }
  }

  test.each([
    [599.999, [], false],
    [600, ['jwks_stale'], false],
    [600.001, ['jwks_stale'], true],
    [3_600, ['jwks_stale'], true],
  ])(
    '%d s after the set came: %j, too old for sensitive flags: %s',
    async (seconds, warnings, key_set_stale) => {
      const { answer } = await after(seconds)
      expect(answer).toEqual({ ...VERIFIED, scopes: [], warnings, key_set_stale })
    },
  )

  test('after more than an hour nothing is verified', async () => {
    const { answer, verify } = await after(3_600.001)
    expect(answer).toEqual(UNREACHABLE)
    expect(await verify(TOKEN, 'dev+H')).toMatchObject({ mode: 'decode-only' })
  })

  test('a cached token gets the warning of a stale set', async () => {
    const { endpoint, client, verify, cache } = await after(590)
    await pass(endpoint, client, 20)
    expect(await verify(TOKEN)).toMatchObject({ warnings: ['jwks_stale'], key_set_stale: true })
    expect(cache.metrics().hits).toBe(1)
  })

  test('a token gets all warnings', async () => {
    const { answer } = await after(700, signed({ header: { kid: undefined } }))
    expect(answer).toMatchObject({ mode: 'verified', warnings: ['jwks_stale', 'kid_missing'] })
  })

  test('scopes are kept as long as the set', async () => {
    const { answer } = await after(1_200, signed({ claims: { scope: 'ff:operator' } }))
    expect(answer).toMatchObject({ mode: 'verified', scopes: ['ff:operator'] })
  })
})

describe('signature', () => {
  test.each([
    ['claims that hold', TOKEN, 'verified'],
    ['an expired token', signed({ claims: { exp: 1 } }), 'verified'],
    ['a payload that is no JSON', signed({ payload: 'hello' }), 'verified'],
    ['an empty payload', signed({ payload: '' }), 'verified'],
    ['a payload that is not UTF-8', signed({ payload: Buffer.from([0xff]) }), 'verified'],
    ['no kid', signed({ header: { kid: undefined } }), 'verified_without_kid'],
    ['no token', '', 'token_malformed'],
    ['padding', `${TOKEN}=`, 'token_malformed'],
    ['crit', signed({ header: { crit: ['exp'] } }), 'crit_unsupported'],
    ['alg none', signed({ header: { alg: 'none' } }), 'alg_not_allowed'],
    ['another kid', signed({ key: RSA_2 }), 'kid_absent'],
    ['a forgery', signed({ key: { ...ATTACKER, kid: RSA_1.kid } }), 'signature_invalid'],
  ])('of %s', async (_situation, token, condition) => {
    const set = new KeySet([R1 as never], CONTRACT.keys)
    const { verifier, cache } = verifying(fixedKeySource(set), new KeyEndpoint('unreachable'))
    expect(await verifier.signature(token)).toBe(condition)
    expect(cache.metrics().entries).toBe(0)
  })

  test('does not use the cache', async () => {
    const { verifier, verify } = opened()
    const token = signed({ payload: 'hello' })
    expect(await verifier.signature(token)).toBe('verified')
    expect(await verify(token)).toEqual(refusal('token_malformed'))
  })

  test('with an unreachable endpoint', async () => {
    expect(await opened('unreachable').verifier.signature(TOKEN)).toBe('keys_unreachable')
    expect(await opened('misconfigured').verifier.signature(TOKEN)).toBe('keys_misconfigured')
  })
})
