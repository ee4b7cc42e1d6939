import { ENVIRONMENTS, isRefused } from '../../core/auth/types.ts'
import type { Measurement } from '../../core/gate/judge-measurement.ts'
import type { Adapters } from '../adapters.ts'
import { believing } from './faults/believing-verifier.ts'
import { forgeries } from './forged-tokens.ts'
import { probe } from './probe.ts'
import { honestToken, type Jwk, openTokenShop, publicPart, TOKEN_TIME } from './token-shop.ts'

type OpenDoor = Adapters['openStagedDoor']
const UNAUTHORISED = 401

/** A1: forged tokens at a door, in every environment, beside good ones. */
export const tokenForgeries = probe<OpenDoor>({
  version: 1,
  site: 'scratch',
  company: 'together',
  honest: ({ adapters }, use) => use(adapters.openStagedDoor),
  faulty: ({ adapters }, use) =>
    use(async (stage, settings) => {
      const door = await adapters.openStagedDoor(stage, settings)
      return { ...door, verifier: { ...door.verifier, ...believing(stage.keys as Jwk[]) } }
    }),
  measure: async (openDoor, world): Promise<Measurement> => {
    const shop = await openTokenShop(world)
    const { rsa, ec, ed, attacker } = shop.keys
    const theirs = await world.adapters.openKeyServer({
      behaviour: 'up',
      keys: [publicPart(attacker)],
    })
    const keys = [rsa, ec, ed].map(publicPart)
    const door = await openDoor({ behaviour: 'up', keys }, shop.settings)
    try {
      const forged = forgeries(shop, theirs.url.href)
      const good = [rsa, ec, ed].map((key) => honestToken(key, shop.claims()))
      const accepted: string[] = []
      let valid = 0
      for (const environment of ENVIRONMENTS) {
        const at = { now: TOKEN_TIME, environment }
        for (const { what, token } of forged) {
          const came = await door.verifier.verify(token, at)
          if (!isRefused(came) || came.http !== UNAUTHORISED)
            accepted.push(`${what}, in ${environment}`)
        }
        for (const token of good) valid += isRefused(await door.verifier.verify(token, at)) ? 0 : 1
      }
      return {
        measured: {
          forged_accepted: accepted.length,
          attacker_key_requests: theirs.requests(),
          valid_accepted: valid,
        },
        met: {
          key_server: 'one on loopback, and the attacker’s beside it',
          key_server_requests: door.server.requests(),
          forged_tokens: forged.length,
          valid_tokens: good.length,
          environments: ENVIRONMENTS.length,
        },
        sample_size: forged.length + good.length,
        example: accepted[0] ?? null,
      }
    } finally {
      await door.close()
      await theirs.close()
    }
  },
})
