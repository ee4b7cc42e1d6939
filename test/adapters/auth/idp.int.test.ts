import { createPrivateKey, type JsonWebKey, randomBytes, sign as signBytes } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ManualClock } from '../../../src/adapters/auth/clock.ts'
import { openJwksClient, createAuthenticator } from '../../../src/adapters/auth/authenticator.ts'
import type { JwksClient } from '../../../src/adapters/auth/jwks-client.ts'
import { settingsFromContract } from '../../../src/core/auth/contract.ts'
import {
  type AuthResult,
  type Environment,
  ENVIRONMENTS,
  makeAuthRefusal,
} from '../../../src/core/auth/types.ts'
import type { Warning } from '../../../src/core/evaluate/types.ts'
import { instantFromMs } from '../../../src/core/rows/instant.ts'
import type { Authenticator } from '../../../src/ports/auth.ts'
import { CONTRACT } from '../../core/auth-contract.ts'
import { CLIENTS, fixtureKey, Idp, OTHERS, TENANT } from './idp.ts'

const K1 = fixtureKey('ff-fixture-rsa-1')
const K2 = fixtureKey('ff-fixture-rsa-2')
const ATTACKER = fixtureKey('ff-fixture-attacker')
const { cooldown_s, cache_default_s, last_known_good_s } = CONTRACT.client
const REFRESH_S = cache_default_s * 0.8

let idp: Idp
let clock: ManualClock
let keys: JwksClient
let authenticator: Authenticator
/** Seconds since the authenticator was opened. */
let passed = 0

beforeEach(async () => {
  idp = await Idp.start(K1)
  openAuthenticator()
})
afterEach(async () => {
  keys.close()
  await idp.goAway()
})

function openAuthenticator(): void {
  const audience = CONTRACT.claims.audience
  const settings = settingsFromContract(CONTRACT, { issuer: idp.issuer, audience, dev_scopes: [] })
  clock = new ManualClock()
  passed = 0
  keys = openJwksClient(idp.jwks, CONTRACT, clock)
  authenticator = createAuthenticator(keys, settings, clock)
}
/** Moves the clock to this many seconds after the authenticator was opened, and runs the timers that fall due. */
async function until(seconds: number): Promise<void> {
  let left: number | null = (seconds - passed) * 1000
  passed = seconds
  while (left !== null) {
    left = clock.step(left)
    await keys.idle()
  }
}
/** The time of the claim checks: the real date, plus this many seconds. */
const ask = (token: string, environment: Environment = 'prod', after = 0): Promise<AuthResult> =>
  authenticator.verifier.verify(token, {
    now: instantFromMs(Date.now() + after * 1000),
    environment,
  })
const everywhere = (token: string): Promise<readonly AuthResult[]> =>
  Promise.all(ENVIRONMENTS.map((environment) => ask(token, environment)))

const ME = { user_id: CLIENTS[0], tenant_id: TENANT, scopes: [] as readonly string[] }
const verified = (...warnings: readonly Warning[]): AuthResult => ({
  mode: 'verified',
  source: 'jwt',
  ...ME,
  warnings,
  key_set_stale: false,
})
const unverified = (warning: Warning): AuthResult => ({
  ...verified('auth_not_verified', warning),
  mode: 'decode-only',
  source: 'jwt-unverified',
})
const NOT_FOUND = makeAuthRefusal('kid_not_found')
const UNREACHABLE = makeAuthRefusal('jwks_unreachable')
const all = (one: AuthResult): readonly AuthResult[] => ENVIRONMENTS.map(() => one)
/** As `ENVIRONMENTS` are in order: dev with the headers, and the two others. */
const dev = (one: AuthResult, elsewhere: AuthResult): readonly AuthResult[] => [
  one,
  elsewhere,
  elsewhere,
]

/** A token that the provider did not issue, with any kid. */
function forged(kid: string): string {
  const seconds = Math.floor(Date.now() / 1000)
  const claims = { iss: idp.issuer, aud: 'pty-feature-flags', sub: 'U-admin', exp: seconds + 300 }
  const input = [{ alg: 'RS256', kid, jku: idp.jwks.href }, claims]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.')
  const key = createPrivateKey({ key: { ...ATTACKER } as JsonWebKey, format: 'jwk' })
  return `${input}.${signBytes('sha256', Buffer.from(input), key).toString('base64url')}`
}
const strangers = (count: number): readonly string[] =>
  Array.from({ length: count }, () => forged(randomBytes(12).toString('hex')))

describe('a token of a real provider', () => {
  test('has subject, tenant and scopes', async () => {
    const token = await idp.issue(K1, { scope: 'ff:registry:read ff:evaluate:any' })
    const scopes = ['ff:registry:read', 'ff:evaluate:any']
    expect(await everywhere(token)).toEqual(all({ ...verified(), scopes }))
    expect(idp.requests).toBe(1)
  })

  test.each([
    ['RS256', 'ff-fixture-rsa-1'],
    ['ES256', 'ff-fixture-ec-1'],
    ['EdDSA', 'ff-fixture-ed-1'],
  ])('verifies with %s', async (alg, kid) => {
    const key = fixtureKey(kid)
    await idp.rotate(key)
    const token = await idp.issue(key)
    const [head = ''] = token.split('.')
    expect(JSON.parse(Buffer.from(head, 'base64url').toString())).toMatchObject({ alg, kid })
    expect(await ask(token)).toEqual(verified())
  })

  test('is refused for another audience', async () => {
    const token = await idp.issue(K1, { resource: OTHERS })
    expect(await everywhere(token)).toEqual(all(makeAuthRefusal('audience_mismatch')))
  })

  test('is refused from another issuer with the same key', async () => {
    const token = await idp.issue(K1, { issuerPath: 'other' })
    expect(await everywhere(token)).toEqual(all(makeAuthRefusal('issuer_mismatch')))
  })

  test('is refused for a client id that is no valid id', async () => {
    const token = await idp.issue(K1, { client: 'svc checkout' })
    expect(await everywhere(token)).toEqual(all(makeAuthRefusal('context_invalid')))
  })

  test('is refused after its expiry', async () => {
    const token = await idp.issue(K1)
    expect(await ask(token, 'prod', 290)).toEqual(verified())
    expect(await ask(token, 'prod', 300)).toEqual(makeAuthRefusal('token_expired'))
  })

  test('is refused if another key signed it under the same kid', async () => {
    expect(await everywhere(forged(K1.kid))).toEqual(all(makeAuthRefusal('signature_invalid')))
  })
})

describe('a rotation of keys', () => {
  let first = ''
  let second = ''
  const both = async () => [await everywhere(first), await everywhere(second)]
  beforeEach(async () => {
    first = await idp.issue(K1)
    second = await idp.issue(K2)
  })

  test('k1, k1 and k2, k2 and k1, k2: each token at each stage', async () => {
    expect(await both()).toEqual([all(verified()), all(NOT_FOUND)])

    await idp.rotate(K1, K2)
    await until(cooldown_s - 1)
    expect(await both()).toEqual([all(verified()), all(NOT_FOUND)])
    expect(idp.requests).toBe(1)
    await until(cooldown_s)
    expect(await both()).toEqual([all(verified()), all(verified())])
    expect(idp.requests).toBe(2)

    await idp.rotate(K2, K1)
    await until(200)
    expect(await both()).toEqual([all(verified()), all(verified())])
    expect(idp.requests).toBe(2)

    await until(cooldown_s + REFRESH_S)
    expect(idp.requests).toBe(3)
    await idp.rotate(K2)
    const gone = cooldown_s + 2 * REFRESH_S
    await until(gone - 1)
    expect(await both()).toEqual([all(verified()), all(verified())])
    await until(gone)
    expect(idp.requests).toBe(4)
    expect(await both()).toEqual([all(NOT_FOUND), all(verified())])
    await until(gone + cooldown_s)
    expect(await both()).toEqual([all(NOT_FOUND), all(verified())])
    expect(idp.requests).toBe(5)
  })

  test('a removed key stops verifying sooner if an unknown kid causes a fetch', async () => {
    await idp.rotate(K1, K2)
    expect(await both()).toEqual([all(verified()), all(verified())])
    await idp.rotate(K2)
    await until(cooldown_s - 1)
    expect(await ask(forged('a stranger'))).toEqual(NOT_FOUND)
    expect(await both()).toEqual([all(verified()), all(verified())])
    await until(cooldown_s)
    expect(await ask(forged('a stranger'))).toEqual(NOT_FOUND)
    expect(await both()).toEqual([all(NOT_FOUND), all(verified())])
    expect(idp.requests).toBe(2)
  })

  test('keys in another order change no result', async () => {
    await idp.rotate(K1, K2)
    await both()
    await idp.rotate(K2, K1)
    await until(REFRESH_S)
    expect(idp.requests).toBe(2)
    expect(await both()).toEqual([all(verified()), all(verified())])
  })
})

describe('an outage in the middle', () => {
  let known = ''
  let later = ''
  beforeEach(async () => {
    known = await idp.issue(K1)
    later = await idp.issue(K2)
    expect(await ask(known)).toEqual(verified())
    await idp.goAway()
  })
  afterEach(async () => {
    // The end of the test closes the provider, so it must be open.
    await idp.comeBack().catch(() => undefined)
  })

  test('has no effect within the cache time, except for newer keys', async () => {
    await until(cooldown_s)
    expect(await everywhere(known)).toEqual(all(verified()))
    expect(await everywhere(later)).toEqual(dev(unverified('kid_not_found'), NOT_FOUND))
    await until(cache_default_s - 1)
    expect(await everywhere(known)).toEqual(all(verified()))
  })

  test('serves the last good set for an hour, with a warning', async () => {
    await until(cache_default_s)
    expect(await everywhere(known)).toEqual(all(verified('jwks_stale')))
    await until(cache_default_s + 1)
    const old = { ...verified('jwks_stale'), key_set_stale: true }
    expect(await everywhere(known)).toEqual(all(old))
    await until(last_known_good_s)
    expect(await everywhere(known)).toEqual(all(old))
    await until(last_known_good_s + 1)
    expect(await everywhere(known)).toEqual(dev(unverified('jwks_unreachable'), UNREACHABLE))
    expect(await everywhere(later)).toEqual(dev(unverified('jwks_unreachable'), UNREACHABLE))
  })

  // No set verified the token, so the age of a set does not matter.
  test('adds no stale warning to an unverified token', async () => {
    await until(cache_default_s + 1)
    expect(await everywhere(later)).toEqual(dev(unverified('kid_not_found'), NOT_FOUND))
  })

  test('accepts no token with invalid form or claims', async () => {
    await idp.comeBack()
    const other = await idp.issue(K1, { resource: OTHERS })
    const strange = await idp.issue(K2, { client: 'svc checkout' })
    await idp.goAway()
    await until(last_known_good_s + 1)
    expect(await everywhere(other)).toEqual(dev(makeAuthRefusal('audience_mismatch'), UNREACHABLE))
    expect(await everywhere(strange)).toEqual(dev(makeAuthRefusal('context_invalid'), UNREACHABLE))
    expect(await ask(known, 'dev+H', 300)).toEqual(makeAuthRefusal('token_expired'))
    expect(await ask(known, 'prod', 300)).toEqual(UNREACHABLE)
    expect(await everywhere(`${known}=`)).toEqual(all(makeAuthRefusal('token_malformed')))
  })

  test.each([
    ['within the cache time', REFRESH_S + 10],
    ['past the cache time', 1200],
    ['past the last good set', last_known_good_s + 10],
  ])('is over within a cooldown of its end: %s', async (_situation, end) => {
    await until(end)
    await idp.comeBack()
    await idp.rotate(K2, K1)
    await until(end + cooldown_s)
    expect(await everywhere(known)).toEqual(all(verified()))
    expect(await everywhere(later)).toEqual(all(verified()))
    expect(idp.requests).toBe(2)
  })

  test('fetches at most once per cooldown', async () => {
    const before = keys.metrics()
    for (let second = 1; second <= cache_default_s; second += 7) {
      await until(second)
      await Promise.all([ask(known), ask(later), ask(forged(`stranger-${second}`))])
    }
    const { fetches, failures } = keys.metrics()
    expect(before).toMatchObject({ fetches: 1, failures: 0 })
    expect(fetches - 1).toBe(failures)
    expect(failures).toBeGreaterThan(10)
    expect(failures).toBeLessThanOrEqual(cache_default_s / cooldown_s)
  })
})

describe('the endpoint', () => {
  test('gets one request for a thousand unknown kids, and a good token is verified throughout', async () => {
    const token = await idp.issue(K1)
    const tokens = strangers(1000)
    const outcomes = await Promise.all(tokens.map((one) => ask(one)))
    expect(outcomes).toHaveLength(1000)
    expect(outcomes).toEqual(tokens.map(() => NOT_FOUND))
    expect(await ask(token)).toEqual(verified())
    expect(idp.requests).toBe(1)
    await until(cooldown_s)
    const again = await Promise.all([...tokens, token].map((one) => ask(one)))
    expect(again).toEqual([...tokens.map(() => NOT_FOUND), verified()])
    expect(idp.requests).toBe(2)
  })

  test('gets one request per cooldown for an unknown kid each second', async () => {
    const token = await idp.issue(K1)
    for (let second = 0; second <= 300; second += 1) {
      await until(second)
      expect(await ask(forged(`stranger-${second}`))).toEqual(NOT_FOUND)
      expect(await ask(token)).toEqual(verified())
    }
    expect(idp.requests).toBe(1 + 300 / cooldown_s)
  })

  test('gets four requests in half an hour while all kids are known', async () => {
    const token = await idp.issue(K1)
    for (let second = 0; second <= 1800; second += 60) {
      await until(second)
      expect(await ask(token)).toEqual(verified())
    }
    expect(idp.requests).toBe(1 + Math.floor(1800 / REFRESH_S))
  })

  test('gets no request for a token that could never be verified', async () => {
    const token = await idp.issue(K1)
    const [head = '', body = '', signature = ''] = token.split('.')
    const none = Buffer.from('{"alg":"none"}').toString('base64url')
    for (const hostile of [
      '',
      'x',
      `${head}.${body}`,
      `${none}.${body}.`,
      `${head}.e30=.${signature}`,
    ])
      expect(await ask(hostile)).toHaveProperty('refused')
    expect(idp.requests).toBe(0)
  })
})
