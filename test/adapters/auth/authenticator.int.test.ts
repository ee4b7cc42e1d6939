import { afterEach, describe, expect, test } from 'vitest'
import { openAuthenticator } from '../../../src/adapters/auth/authenticator.ts'
import { settingsFromContract } from '../../../src/core/auth/contract.ts'
import { ENVIRONMENTS } from '../../../src/core/auth/types.ts'
import type { KeySourceSpec, OpenAuthenticator } from '../../../src/ports/auth.ts'
import { CONTRACT } from '../../core/auth-contract.ts'
import { NOW } from '../../core/builders.ts'
import { Servers } from './answering.ts'
import { AUDIENCE, EC, ISSUER, published, RSA_1, signed } from './signed.ts'

const SETTINGS = settingsFromContract(CONTRACT, {
  issuer: ISSUER,
  audience: AUDIENCE,
  dev_scopes: ['a'],
})
const KEYS = [published(RSA_1)]
const AT = { now: NOW, environment: 'prod' } as const

const servers = new Servers()
const open: OpenAuthenticator[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((authenticator) => authenticator.close()))
  await servers.close()
})
async function opened(from: KeySourceSpec, settings = SETTINGS): Promise<OpenAuthenticator> {
  const authenticator = await openAuthenticator(from, settings)
  open.push(authenticator)
  return authenticator
}

describe('an authenticator', () => {
  test('over an endpoint', async () => {
    const { url, asked } = await servers.http(
      (_, response) => void response.end(JSON.stringify({ keys: KEYS })),
    )
    const { verifier } = await opened({ url })
    expect(asked).toEqual([])
    for (const _ of [1, 2, 3])
      expect(await verifier.verify(signed(), AT)).toMatchObject({ mode: 'verified' })
    expect(asked).toHaveLength(1)
  })

  test('counts fetches, cache hits and unverified requests', async () => {
    const { url } = await servers.http(
      (_, response) => void response.end(JSON.stringify({ keys: KEYS })),
    )
    const { verifier, metrics } = await opened({ url })
    expect(metrics()).toMatchObject({ keys: { fetches: 0, age_ms: null }, decode_only: 0 })
    for (const _ of [1, 2, 3]) await verifier.verify(signed(), AT)
    expect(metrics()).toMatchObject({
      keys: { fetches: 1, failures: 0, age_ms: expect.any(Number) as number, usable: 1 },
      tokens: { hits: 2, entries: 1 },
      decode_only: 0,
    })
    await servers.close()
    const away = await opened({ url })
    await away.verifier.verify(signed(), { now: NOW, environment: 'dev+H' })
    await away.verifier.verify(signed(), AT)
    expect(away.metrics()).toMatchObject({ keys: { failures: 1 }, decode_only: 1 })
    expect((await opened(null)).metrics().keys).toBeNull()
  })

  test('over given keys', async () => {
    const { verifier } = await opened({ keys: KEYS })
    expect(await verifier.verify(signed(), AT)).toMatchObject({
      mode: 'verified',
      warnings: [],
      key_set_stale: false,
    })
    const foreign = signed({ key: EC })
    for (const environment of ENVIRONMENTS)
      expect(await verifier.verify(foreign, { now: NOW, environment })).toMatchObject({
        refused: 'kid_not_found',
      })
  })

  test('without keys accepts no token', async () => {
    const { verifier } = await opened(null)
    for (const environment of ENVIRONMENTS)
      expect(await verifier.verify(signed(), { now: NOW, environment })).toEqual({
        refused: 'jwks_unreachable',
        http: 503,
      })
  })

  test('applies the configured allow-list', async () => {
    const { verifier } = await opened({ keys: KEYS }, { ...SETTINGS, algorithms: ['ES256'] })
    expect(await verifier.verify(signed(), AT)).toMatchObject({ refused: 'alg_not_allowed' })
  })

  test('applies issuer, audience and leeway', async () => {
    const verify = async (settings: object, claims: object = {}) => {
      const { verifier } = await opened({ keys: KEYS }, { ...SETTINGS, ...settings })
      return verifier.verify(signed({ claims }), AT)
    }
    const exp = Date.parse(NOW) / 1_000 - 59
    expect(await verify({ issuer: 'x' })).toMatchObject({ refused: 'issuer_mismatch' })
    expect(await verify({ audience: 'x' })).toMatchObject({ refused: 'audience_mismatch' })
    expect(await verify({}, { exp })).toMatchObject({ refused: 'token_expired' })
    expect(await verify({ leeway_s: 60 }, { exp })).toMatchObject({ mode: 'verified' })
  })

  test('says when it begins to refuse a token: at its exp and the leeway', async () => {
    const { verifier } = await opened({ keys: KEYS }, { ...SETTINGS, leeway_s: 60 })
    const exp = Date.parse(NOW) / 1_000 + 5
    expect(await verifier.expiry(signed({ claims: { exp } }))).toBe((exp + 60) * 1_000)
    expect(await verifier.expiry('x')).toBeNull()
  })
})
