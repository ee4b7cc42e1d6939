import { afterEach, describe, expect, test } from 'vitest'
import {
  openScriptedAuthenticator,
  openFixtureAuthenticator,
} from '../../../src/adapters/auth/test-authenticator.ts'
import {
  settingsFromContract,
  type KeyServerBehaviour,
  type KeyServerScript,
} from '../../../src/core/auth/contract.ts'
import type { OpenAuthenticator } from '../../../src/ports/auth.ts'
import { CONTRACT } from '../../core/auth-contract.ts'
import { NOW } from '../../core/builders.ts'
import { AUDIENCE, ISSUER, published, RSA_1, RSA_2, signed } from './signed.ts'

const SETTINGS = settingsFromContract(CONTRACT, {
  issuer: ISSUER,
  audience: AUDIENCE,
  dev_scopes: [],
})
const [R1, R2] = [published(RSA_1), published(RSA_2)]
const up = (...keys: readonly object[]) => ({ behaviour: 'up' as const, keys })
const is = (behaviour: KeyServerBehaviour) => ({ behaviour, keys: [] })
const before = (elapsed_s: number) => ({ before: { ...up(R1), elapsed_s } })

const open: OpenAuthenticator[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((authenticator) => authenticator.close()))
})
async function opened(script: KeyServerScript): Promise<OpenAuthenticator> {
  const authenticator = await openScriptedAuthenticator(script, SETTINGS)
  open.push(authenticator)
  return authenticator
}
const AT = { now: NOW, environment: 'prod' } as const
const asked = async (script: KeyServerScript, token = signed()) =>
  (await opened(script)).verifier.verify(token, AT)

const FRESH = { mode: 'verified', warnings: [], key_set_stale: false }
const STALE = { mode: 'verified', warnings: ['jwks_stale'], key_set_stale: true }
const GONE = { refused: 'jwks_unreachable', http: 503 }
const MISSING = { refused: 'kid_not_found', http: 401 }

describe('an authenticator with a script', () => {
  test.each<[string, KeyServerScript, object]>([
    ['a server that is up', up(R1), FRESH],
    ['a server that is up without the key', up(R2), MISSING],
    ['a server that refuses', is('refused'), GONE],
    ['a server that hangs', is('hanging'), GONE],
    ['a server that begins an answer', is('slow'), GONE],
    ['a server with a page', is('not_json'), GONE],
    ['gone after a minute', { ...is('refused'), ...before(60) }, FRESH],
    ['gone just before the end', { ...is('refused'), ...before(599) }, FRESH],
    ['gone after the end', { ...is('refused'), ...before(601) }, STALE],
    ['gone for just under an hour', { ...is('refused'), ...before(3_599) }, STALE],
    ['gone for an hour', { ...is('refused'), ...before(3_600) }, STALE],
    ['gone for more', { ...is('refused'), ...before(3_601) }, GONE],
    ['hanging for just under an hour', { ...is('hanging'), ...before(3_599) }, STALE],
    ['hanging for more', { ...is('hanging'), ...before(3_601) }, GONE],
    ['hanging until just before the end', { ...is('hanging'), ...before(599) }, FRESH],
    ['there for two hours', { ...up(R1), ...before(7_200) }, FRESH],
    ['back with the key gone', { ...up(R2), ...before(481) }, MISSING],
    ['back with the key gone, before the refresh', { ...up(R2), ...before(479) }, FRESH],
  ])('%s', async (_situation, script, expected) => {
    const started = performance.now()
    expect(await asked(script)).toMatchObject(expected)
    expect(performance.now() - started).toBeLessThan(2_000)
  })

  test.each([
    ['within the cooldown', 29, MISSING],
    ['after it', 30, FRESH],
  ])('a key that came later, %s', async (_situation, elapsed_s, expected) => {
    const script = { ...up(R1, R2), ...before(elapsed_s) }
    expect(await asked(script, signed({ key: RSA_2 }))).toMatchObject(expected)
  })

  test('explains, and checks signatures alone', async () => {
    const { verifier } = await opened(is('hanging'))
    expect(await verifier.signature(signed())).toBe('keys_unreachable')
    expect(await verifier.explain(signed(), AT)).toMatchObject({
      conditions: ['keys_unreachable'],
    })
  })

  test('several can be open at once', async () => {
    const scripts = Array.from({ length: 20 }, (_, at) => (at % 2 === 0 ? up(R1) : is('hanging')))
    const answers = await Promise.all(scripts.map((script) => asked(script)))
    for (const [at, answer] of answers.entries())
      expect(answer).toMatchObject(at % 2 === 0 ? FRESH : GONE)
  })

  test('parallel requests to a hanging server share its timeout', async () => {
    const { verifier } = await opened({ ...is('hanging'), ...before(31) })
    const later = Array.from({ length: 3 }, () => verifier.verify(signed({ key: RSA_2 }), AT))
    for (const answer of await Promise.all(later)) expect(answer).toEqual(MISSING)
    expect(await verifier.verify(signed(), AT)).toMatchObject(FRESH)
  })
})

describe('an authenticator over a server of fixed behaviour', () => {
  test.each<[KeyServerScript, object]>([
    [up(R1), FRESH],
    [is('refused'), GONE],
    [is('error_500'), GONE],
  ])('%j', async (stage, expected) => {
    const authenticator = await openFixtureAuthenticator(stage, SETTINGS)
    open.push(authenticator)
    expect(await authenticator.verifier.verify(signed(), AT)).toMatchObject(expected)
  })

  test('verifies cached tokens after it was closed', async () => {
    const authenticator = await openFixtureAuthenticator(up(R1), SETTINGS)
    await authenticator.verifier.verify(signed(), AT)
    await authenticator.close()
    await authenticator.close()
    expect(await authenticator.verifier.verify(signed(), AT)).toMatchObject(FRESH)
  })
})
