import { openAll } from '../../concurrency/open-all.ts'
import type { Measurement } from '../../core/gate/judge-measurement.ts'
import { toPublicJwk } from '../../core/text/jwk.ts'
import type { OpenAuthenticator, TestAuthenticator } from '../../ports/auth.ts'
import { FfError } from '../../errors.ts'
import { defineAuthenticatorProbe, plantAuthenticator } from './framework/authenticator-probe.ts'
import { type SendToken, withEndpoint } from './testbed/served-endpoints.ts'
import {
  signTestToken,
  type TestJwk,
  loadTestKeys,
  withAuthenticator,
  type TestKeys,
} from './testbed/test-tokens.ts'

/** The planted fault: a verifier with a fixed key set, which never fetches. */
const fixedKeys = plantAuthenticator((adapters) => async (keyServer, settings) => {
  const { value, close } = await openAll(async (keep) => {
    const testAuthenticator = await keep(adapters.openTestAuthenticator(keyServer, settings))
    const keys = keyServer.keys as readonly TestJwk[]
    const { verifier, metrics } = await keep(adapters.openAuthenticator({ keys }, settings))
    return { ...testAuthenticator, verifier, metrics }
  })
  return { ...value, close }
})

/** The planted fault: an authenticator that is opened anew whenever time passes. */
const restarting = plantAuthenticator((adapters) => async (keyServer, settings) => {
  const first = await adapters.openTestAuthenticator(keyServer, settings)
  let current: OpenAuthenticator = first
  const closeCurrent = (): Promise<void> =>
    current === first ? Promise.resolve() : current.close()
  return {
    ...first,
    verifier: { ...first.verifier, verify: (token, at) => current.verifier.verify(token, at) },
    metrics: () => current.metrics(),
    advance: async (seconds) => {
      await first.advance(seconds)
      await closeCurrent()
      current = await adapters.openAuthenticator({ url: first.server.url }, settings)
    },
    close: async () => {
      await closeCurrent()
      await first.close()
    },
  }
})

/**
 * A3: seconds until a served endpoint accepts a new key, and whether it refuses a retired one in time, without a
 * restart. Time is virtual; the key server and the sockets are real. The controls have a fixed key set, which is never
 * fetched, and an authenticator that restarts. Inconclusive (`proof_inconclusive`) on a status other than 200 and 401.
 */
export const keyRotation = defineAuthenticatorProbe<
  'new_key_accepted_s' | 'retired_key_refused' | 'restarts' | 'valid_refused'
>({
  version: 2,
  faulty: {
    new_key_accepted_s: fixedKeys,
    retired_key_refused: fixedKeys,
    restarts: restarting,
    valid_refused: fixedKeys,
  },
  measure: async (openAuthenticator, context): Promise<Measurement> => {
    const testKeys = await loadTestKeys(context)
    const { settings, keys } = testKeys
    return withAuthenticator(openAuthenticator, { keys: [keys.rsa], settings }, (authenticator) =>
      withEndpoint(context, authenticator, async (sendToken) => {
        const run = new Rotation({ authenticator, sendToken }, testKeys)
        await run.publishFirst(keys.rsa)
        const accepted = await run.introduce([keys.rsa, keys.next])
        const refused = await run.retire(keys.rsa, keys.next)
        return {
          measured: {
            new_key_accepted_s: accepted,
            retired_key_refused: refused !== null,
            restarts: run.restarts,
            valid_refused: run.refused.length,
          },
          met: {
            key_server: 'one on loopback',
            endpoint: 'POST /v1/flags/evaluate',
            key_server_requests: authenticator.server.requests(),
            tokens: run.tokens,
            retired_after_s: refused ?? 'never',
          },
          sample_size: run.tokens,
          example: run.refused[0] ?? null,
        }
      }),
    )
  },
})

/** Seconds of virtual time between two tokens of a known key. */
const STEP_S = 10

class Rotation {
  tokens = 0
  /** Valid tokens that were refused. */
  readonly refused: string[] = []
  /** How often the authenticator's fetch counter fell, which only a restart of the process causes. */
  restarts = 0
  private fetches = 0
  private second = 0
  private readonly authenticator: TestAuthenticator
  private readonly sendToken: SendToken
  private readonly testKeys: TestKeys

  constructor(
    { authenticator, sendToken }: { authenticator: TestAuthenticator; sendToken: SendToken },
    testKeys: TestKeys,
  ) {
    this.authenticator = authenticator
    this.sendToken = sendToken
    this.testKeys = testKeys
  }

  /** Waits until the first key has been published for longer than the cooldown. */
  async publishFirst(key: TestJwk): Promise<void> {
    await this.expectAccepted(key)
    await this.advance(this.times.cooldown_s + 1)
    await this.expectAccepted(key)
  }

  /** @returns seconds until a token of the new key was accepted; the seconds waited where it never was */
  async introduce([old, fresh]: readonly [TestJwk, TestJwk]): Promise<number> {
    await this.authenticator.server.setBehaviour({
      behaviour: 'up',
      keys: [old, fresh].map(toPublicJwk),
    })
    const began = this.second
    // Twice the limit: a longer wait is a failure anyway.
    while (this.second - began <= 2 * this.times.cooldown_s) {
      if (await this.isAccepted(fresh)) return this.second - began
      await this.expectAccepted(old)
      await this.advance(1)
    }
    return this.second - began
  }

  /** @returns seconds until the retired key was refused; null where it never was */
  async retire(old: TestJwk, fresh: TestJwk): Promise<number | null> {
    await this.advance(this.times.cooldown_s + 1)
    await this.authenticator.server.setBehaviour({ behaviour: 'up', keys: [toPublicJwk(fresh)] })
    const began = this.second
    while (this.second - began <= this.times.cache_max_s) {
      await this.expectAccepted(fresh)
      if (!(await this.isAccepted(old))) return this.second - began
      await this.advance(STEP_S)
    }
    return null
  }

  private get times() {
    return this.testKeys.settings.contract.client
  }

  private async advance(seconds: number): Promise<void> {
    await this.authenticator.advance(seconds)
    this.second += seconds
    this.countRestart()
  }

  private countRestart(): void {
    const fetches = this.authenticator.metrics().keys?.fetches ?? 0
    if (fetches < this.fetches) this.restarts += 1
    this.fetches = fetches
  }

  private async expectAccepted(key: TestJwk): Promise<void> {
    if (!(await this.isAccepted(key))) this.refused.push(`${key['kid']} after ${this.second} s`)
  }

  /** Signs a new token each time, so that the token cache is not hit. */
  private async isAccepted(key: TestJwk): Promise<boolean> {
    this.tokens += 1
    const token = signTestToken(key, this.testKeys.claims({ jti: `rotation-${this.tokens}` }))
    const status = await this.sendToken(token, 'prod')
    this.countRestart()
    if (status === 200 || status === 401) return status === 200
    throw new FfError(
      'proof_inconclusive',
      `POST /v1/flags/evaluate answered with the unexpected status ${status}.`,
      {
        hint: 'Run ff serve, send it a token, and read its log.',
      },
    )
  }
}
