import { isAuthRefusal } from '../../core/auth/types.ts'
import type { Measurement } from '../../core/gate/judge-measurement.ts'
import { toPublicJwk } from '../../core/text/jwk.ts'
import type { TestAuthenticator, TokenVerifier } from '../../ports/auth.ts'
import { defineAuthenticatorProbe } from './framework/authenticator-probe.ts'
import { readNumberParam } from './framework/probe.ts'
import {
  TEST_NOW,
  type TestKeys,
  signTestToken,
  loadTestKeys,
  withAuthenticator,
} from './testbed/test-tokens.ts'

/** A4: the key server is away for nearly as long as the last good set may serve; then kids that nobody knows arrive. */
export const jwksOutage = defineAuthenticatorProbe({
  version: 1,
  faulty: (adapters) => async (stage, settings) => {
    const staged = await adapters.openStagedDoor(stage, settings)
    const verify: TokenVerifier['verify'] = async (token, at) => {
      const door = await adapters.openDoorOn({ url: staged.server.url }, settings)
      try {
        return await door.verifier.verify(token, at)
      } finally {
        await door.close()
      }
    }
    return { ...staged, verifier: { ...staged.verifier, verify } }
  },
  measure: async (openDoor, world): Promise<Measurement> => {
    const kids = readNumberParam(world, 'unknown_kids')
    const shop = await loadTestKeys(world)
    const { settings, keys } = shop
    return withAuthenticator(openDoor, { keys: [keys.rsa], settings }, async (door) => {
      const run = new Outage(door, shop)
      await run.outage()
      await door.server.become({ behaviour: 'up', keys: [toPublicJwk(keys.rsa)] })
      await door.pass(settings.contract.client.cooldown_s + 1)
      const fetches = await run.flood(kids)
      return {
        measured: {
          known_kid_refused: run.refused.length,
          fetches_per_cooldown: Math.max(...fetches),
          unknown_kid_accepted: run.accepted,
        },
        met: {
          key_server: 'one on loopback, up, gone for a while, and up again',
          key_server_requests: door.server.requests(),
          outage_s: run.away,
          known_kid_tokens: run.known,
          unknown_kids: run.unknown,
          cooldowns: fetches.length,
        },
        sample_size: run.unknown,
        example: run.refused[0] ?? null,
      }
    })
  },
})

const STEP_S = 60
/** Over how many cooldowns the unknown kids are spread. */
const COOLDOWNS = 4

class Outage {
  known = 0
  unknown = 0
  accepted = 0
  away = 0
  readonly refused: string[] = []
  private readonly door: TestAuthenticator
  private readonly shop: TestKeys

  constructor(door: TestAuthenticator, shop: TestKeys) {
    this.door = door
    this.shop = shop
  }

  /** From a good set to just before it runs out. */
  async outage(): Promise<void> {
    await this.knownKid('before')
    await this.door.server.become({ behaviour: 'refused', keys: [] })
    const { last_known_good_s } = this.shop.settings.contract.client
    for (; this.away + STEP_S < last_known_good_s; this.away += STEP_S) {
      await this.door.pass(STEP_S)
      await this.knownKid(`${this.away + STEP_S} s into the outage`)
    }
  }

  /** @returns how many requests the key server met in each cooldown */
  async flood(kids: number): Promise<readonly number[]> {
    const fetches: number[] = []
    for (let at = 0; at < COOLDOWNS; at += 1) {
      const before = this.door.server.requests()
      const until = Math.ceil((kids * (at + 1)) / COOLDOWNS)
      while (this.unknown < until) await this.unknownKid()
      await this.knownKid('amid unknown kids')
      fetches.push(this.door.server.requests() - before)
      await this.door.pass(this.shop.settings.contract.client.cooldown_s)
    }
    return fetches
  }

  private async knownKid(when: string): Promise<void> {
    this.known += 1
    if (!(await this.isLetIn({}))) this.refused.push(`a known kid, ${when}`)
  }

  private async unknownKid(): Promise<void> {
    this.unknown += 1
    if (await this.isLetIn({ kid: `unknown-${this.unknown}` })) this.accepted += 1
  }

  private async isLetIn(change: object): Promise<boolean> {
    const key = { ...this.shop.keys.rsa, ...change }
    const claims = this.shop.claims({ jti: `outage-${this.known}-${this.unknown}` })
    const at = { now: TEST_NOW, environment: 'prod' } as const
    return !isAuthRefusal(await this.door.verifier.verify(signTestToken(key, claims), at))
  }
}
