import { isAuthRefusal } from '../../core/auth/types.ts'
import type { Measurement } from '../../core/gate/judge-measurement.ts'
import { toPublicJwk } from '../../core/text/jwk.ts'
import type { TestAuthenticator } from '../../ports/auth.ts'
import { createInsecureVerifier } from './faults/insecure-verifier.ts'
import { defineAuthenticatorProbe, plantVerifier } from './framework/authenticator-probe.ts'
import { readNumberParam } from './framework/probe.ts'
import {
  TEST_NOW,
  type TestJwk,
  type TestKeys,
  signTestToken,
  loadTestKeys,
  withAuthenticator,
} from './testbed/test-tokens.ts'

/** Unknown kids of a control: the faults show at the first one. */
const SHORT = { unknown_kids: 40 }

/** The planted fault: a new authenticator for each token, so no key set survives the outage. */
const withoutCache = plantVerifier(
  ({ adapters, authenticator: { server }, settings }) =>
    async (token, at) => {
      const authenticator = await adapters.openAuthenticator({ url: server.url }, settings)
      try {
        return await authenticator.verifier.verify(token, at)
      } finally {
        await authenticator.close()
      }
    },
  SHORT,
)

/** The planted fault: a verifier that tries a key of its own where it does not know the kid. */
const ignoringKids = plantVerifier(
  ({ adapters, keyServer }) => createInsecureVerifier(keyServer.keys as TestJwk[], adapters).verify,
  SHORT,
)

/**
 * A4: tokens of a known key that the authenticator refuses while its key server is down for nearly `last_known_good_s`,
 * and the fetches that `unknown_kids` tokens cause in each cooldown after it. Time is virtual. The controls open a new
 * authenticator for each token, and ignore the kid.
 */
export const jwksOutage = defineAuthenticatorProbe<
  'known_kid_refused' | 'fetches_per_cooldown' | 'unknown_kid_accepted'
>({
  version: 1,
  faulty: {
    known_kid_refused: withoutCache,
    fetches_per_cooldown: withoutCache,
    unknown_kid_accepted: ignoringKids,
  },
  measure: async (openAuthenticator, context): Promise<Measurement> => {
    const kids = readNumberParam(context, 'unknown_kids')
    const testKeys = await loadTestKeys(context)
    const { settings, keys } = testKeys
    return withAuthenticator(
      openAuthenticator,
      { keys: [keys.rsa], settings },
      async (authenticator) => {
        const run = new Outage(authenticator, testKeys)
        await run.runOutage()
        await authenticator.server.setBehaviour({ behaviour: 'up', keys: [toPublicJwk(keys.rsa)] })
        await authenticator.advance(settings.contract.client.cooldown_s + 1)
        const fetches = await run.flood(kids)
        return {
          measured: {
            known_kid_refused: run.refused.length,
            fetches_per_cooldown: Math.max(...fetches),
            unknown_kid_accepted: run.accepted,
          },
          met: {
            key_server: 'one on loopback: up, then down, then up again',
            key_server_requests: authenticator.server.requests(),
            outage_s: run.elapsed_s,
            known_kid_tokens: run.known,
            unknown_kids: run.unknown,
            cooldowns: fetches.length,
          },
          sample_size: run.unknown,
          example: run.refused[0] ?? null,
        }
      },
    )
  },
})

const STEP_S = 60
/** Cooldowns over which the unknown kids are spread. */
const COOLDOWNS = 4

class Outage {
  known = 0
  unknown = 0
  accepted = 0
  elapsed_s = 0
  readonly refused: string[] = []
  private readonly authenticator: TestAuthenticator
  private readonly testKeys: TestKeys

  constructor(authenticator: TestAuthenticator, testKeys: TestKeys) {
    this.authenticator = authenticator
    this.testKeys = testKeys
  }

  /** Stops the key server until just before the last good key set expires. */
  async runOutage(): Promise<void> {
    await this.sendKnownKid('before')
    await this.authenticator.server.setBehaviour({ behaviour: 'refused', keys: [] })
    const { last_known_good_s } = this.testKeys.settings.contract.client
    for (; this.elapsed_s + STEP_S < last_known_good_s; this.elapsed_s += STEP_S) {
      await this.authenticator.advance(STEP_S)
      await this.sendKnownKid(`${this.elapsed_s + STEP_S} s into the outage`)
    }
  }

  /** @returns the requests that the key server received in each cooldown */
  async flood(kids: number): Promise<readonly number[]> {
    const fetches: number[] = []
    for (let at = 0; at < COOLDOWNS; at += 1) {
      const before = this.authenticator.server.requests()
      const until = Math.ceil((kids * (at + 1)) / COOLDOWNS)
      while (this.unknown < until) await this.sendUnknownKid()
      await this.sendKnownKid('amid unknown kids')
      fetches.push(this.authenticator.server.requests() - before)
      await this.authenticator.advance(this.testKeys.settings.contract.client.cooldown_s)
    }
    return fetches
  }

  private async sendKnownKid(when: string): Promise<void> {
    this.known += 1
    if (!(await this.isAccepted({}))) this.refused.push(`a known kid, ${when}`)
  }

  private async sendUnknownKid(): Promise<void> {
    this.unknown += 1
    if (await this.isAccepted({ kid: `unknown-${this.unknown}` })) this.accepted += 1
  }

  private async isAccepted(change: object): Promise<boolean> {
    const key = { ...this.testKeys.keys.rsa, ...change }
    const claims = this.testKeys.claims({ jti: `outage-${this.known}-${this.unknown}` })
    const at = { now: TEST_NOW, environment: 'prod' } as const
    return !isAuthRefusal(await this.authenticator.verifier.verify(signTestToken(key, claims), at))
  }
}
