import { ENVIRONMENTS, isRefused } from '../../core/auth/types.ts'
import type { Measurement } from '../../core/gate/judge-measurement.ts'
import { believing } from './faults/believing-verifier.ts'
import { type Forged, forgeries } from './forged-tokens.ts'
import type { StagedDoor } from '../../ports.ts'
import { probe } from './probe.ts'
import {
  honestToken,
  type Jwk,
  type OpenDoor,
  openTokenShop,
  publicPart,
  realDoor,
  withDoor,
  TOKEN_TIME,
} from './token-shop.ts'

const UNAUTHORISED = 401

/** A1: forged tokens at a door, in every environment, beside good ones. */
export const tokenForgeries = probe<OpenDoor>({
  version: 1,
  site: 'scratch',
  company: 'together',
  honest: realDoor,
  faulty: ({ adapters }, use) =>
    use(async (stage, settings) => {
      const door = await adapters.openStagedDoor(stage, settings)
      return { ...door, verifier: { ...door.verifier, ...believing(stage.keys as Jwk[]) } }
    }),
  measure: async (openDoor, world): Promise<Measurement> => {
    const { settings, keys, claims } = await openTokenShop(world)
    const good = [keys.rsa, keys.ec, keys.ed]
    const theirs = await world.adapters.openKeyServer({
      behaviour: 'up',
      keys: [publicPart(keys.attacker)],
    })
    try {
      return await withDoor(openDoor, { keys: good, settings }, async (door) => {
        const forged = forgeries({ settings, keys, claims }, theirs.url.href)
        const accepted = await letIn(door, forged)
        const valid = good.map((key) => ({ what: 'valid', token: honestToken(key, claims()) }))
        const known = await letIn(door, valid)
        return {
          measured: {
            forged_accepted: accepted.length,
            attacker_key_requests: theirs.requests(),
            valid_accepted: known.length,
          },
          met: {
            key_server: "one on loopback, and the attacker's beside it",
            key_server_requests: door.server.requests(),
            forged_tokens: forged.length,
            valid_tokens: valid.length,
            environments: ENVIRONMENTS.length,
          },
          sample_size: forged.length + valid.length,
          example: accepted[0] ?? null,
        }
      })
    } finally {
      await theirs.close()
    }
  },
})

/** Those that were not refused with 401, in each environment. */
async function letIn(door: StagedDoor, tokens: readonly Forged[]): Promise<readonly string[]> {
  const found: string[] = []
  for (const environment of ENVIRONMENTS) {
    for (const { what, token } of tokens) {
      const came = await door.verifier.verify(token, { now: TOKEN_TIME, environment })
      if (!isRefused(came) || came.http !== UNAUTHORISED) found.push(`${what}, in ${environment}`)
    }
  }
  return found
}
