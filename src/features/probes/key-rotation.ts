import { openAll } from '../../concurrency/open-all.ts'
import type { Measurement } from '../../core/gate/judge-measurement.ts'
import { toPublicJwk } from '../../core/text/jwk.ts'
import type { TestAuthenticator } from '../../ports/auth.ts'
import { FfError } from '../../errors.ts'
import { defineAuthenticatorProbe } from './framework/authenticator-probe.ts'
import { type SendToken, withEndpoint } from './testbed/served-endpoints.ts'
import {
  signTestToken,
  type TestJwk,
  loadTestKeys,
  withAuthenticator,
  type TestKeys,
} from './testbed/test-tokens.ts'

/**
 * A3: a key comes, and the one before it goes, while tokens of both arrive at a served endpoint; time is played, the key
 * server and the sockets are real.
 */
export const keyRotation = defineAuthenticatorProbe({
  version: 2,
  faulty: (adapters) => async (keyServer, settings) => {
    const { value, close } = await openAll(async (keep) => {
      const testAuthenticator = await keep(adapters.openTestAuthenticator(keyServer, settings))
      const keys = keyServer.keys as readonly TestJwk[]
      const { verifier, metrics } = await keep(adapters.openAuthenticator({ keys }, settings))
      return { ...testAuthenticator, verifier, metrics }
    })
    return { ...value, close }
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

/** How often tokens of a key that is known arrive between two steps. */
const STEP_S = 10

class Rotation {
  tokens = 0
  /** Tokens that had to be let in, and were not. */
  readonly refused: string[] = []
  /** How often the door's own count of fetches began anew, which it does with the process alone. */
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

  /** Until the key has been published for longer than the cooldown. */
  async publishFirst(key: TestJwk): Promise<void> {
    await this.expectAccepted(key)
    await this.advance(this.times.cooldown_s + 1)
    await this.expectAccepted(key)
  }

  /** @returns after how many seconds a token of the new key was let in; where it never was, how long that was */
  async introduce([old, fresh]: readonly [TestJwk, TestJwk]): Promise<number> {
    await this.authenticator.server.setBehaviour({
      behaviour: 'up',
      keys: [old, fresh].map(toPublicJwk),
    })
    const began = this.second
    // Twice as long as it may take: longer ago than that it is a failure anyway.
    while (this.second - began <= 2 * this.times.cooldown_s) {
      if (await this.isAccepted(fresh)) return this.second - began
      await this.expectAccepted(old)
      await this.advance(1)
    }
    return this.second - began
  }

  /** @returns after how many seconds the key that was taken back was refused; null where it never was */
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
    const fetches = this.authenticator.metrics().keys?.fetches ?? 0
    if (fetches < this.fetches) this.restarts += 1
    this.fetches = fetches
  }

  private async expectAccepted(key: TestJwk): Promise<void> {
    if (!(await this.isAccepted(key))) this.refused.push(`${key['kid']} after ${this.second} s`)
  }

  /** Each token is a new one, so that no cache of tokens answers for the keys. */
  private async isAccepted(key: TestJwk): Promise<boolean> {
    this.tokens += 1
    const token = signTestToken(key, this.testKeys.claims({ jti: `rotation-${this.tokens}` }))
    const status = await this.sendToken(token, 'prod')
    if (status === 200 || status === 401) return status === 200
    throw new FfError('proof_inconclusive', `The endpoint answered with ${status}.`, {
      hint: 'Run ff serve, and see what its log says.',
    })
  }
}
