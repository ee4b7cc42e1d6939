import { withAll } from '../../concurrency/open-all.ts'
import { ENVIRONMENTS, isAuthRefusal, makeAuthRefusal } from '../../core/auth/types.ts'
import type { Measurement } from '../../core/gate/judge-measurement.ts'
import { toPublicJwk } from '../../core/text/jwk.ts'
import { createInsecureVerifier } from './faults/insecure-verifier.ts'
import { type ForgedToken, buildForgedTokens } from './testbed/forged-tokens.ts'
import type { TestAuthenticator } from '../../ports/auth.ts'
import { defineAuthenticatorProbe, plantVerifier } from './framework/authenticator-probe.ts'
import { type SendToken, withEndpoint } from './testbed/served-endpoints.ts'
import {
  signTestToken,
  type TestJwk,
  loadTestKeys,
  withAuthenticator,
  TEST_NOW,
} from './testbed/test-tokens.ts'

const UNAUTHORISED = 401
const ACCEPTED = 200

const withoutAllowList = plantVerifier(
  ({ adapters, keyServer }) => createInsecureVerifier(keyServer.keys as TestJwk[], adapters).verify,
)

/**
 * A1: in every environment, forged tokens that the authenticator or a served endpoint answers with another status than
 * 401, good tokens that both accept, and requests to the attacker's key server. A sample is a token, counted once for
 * all environments. The controls are a verifier without an allow-list and one that refuses every token.
 */
export const tokenForgeries = defineAuthenticatorProbe<
  'forged_accepted' | 'attacker_key_requests' | 'valid_accepted'
>({
  version: 2,
  faulty: {
    forged_accepted: withoutAllowList,
    attacker_key_requests: withoutAllowList,
    valid_accepted: plantVerifier(
      () => () => Promise.resolve(makeAuthRefusal('signature_invalid')),
    ),
  },
  measure: async (openAuthenticator, context): Promise<Measurement> => {
    const { settings, keys, claims } = await loadTestKeys(context)
    const good = [keys.rsa, keys.ec, keys.ed]
    const attacker = { behaviour: 'up', keys: [toPublicJwk(keys.attacker)] } as const
    return withAll([() => context.adapters.openKeyServer(attacker)], (theirs) =>
      withAuthenticator(openAuthenticator, { keys: good, settings }, (authenticator) =>
        withEndpoint(context, authenticator, async (sendToken) => {
          const forged = buildForgedTokens({ settings, keys, claims }, theirs.url.href)
          const accepted = (await sendTokens(authenticator, sendToken, forged)).filter(
            ({ authenticator: status, endpoint }) =>
              status !== UNAUTHORISED || endpoint !== UNAUTHORISED,
          )
          const valid = good.map((key) => ({ what: 'valid', token: signTestToken(key, claims()) }))
          const validAccepted = (await sendTokens(authenticator, sendToken, valid)).filter(
            ({ authenticator: status, endpoint }) => status === ACCEPTED && endpoint === ACCEPTED,
          )
          return {
            measured: {
              forged_accepted: accepted.length,
              attacker_key_requests: theirs.requests(),
              valid_accepted: validAccepted.length,
            },
            met: {
              key_server: 'one on loopback, and another one of the attacker',
              key_server_requests: authenticator.server.requests(),
              forged_tokens: forged.length,
              valid_tokens: valid.length,
              environments: ENVIRONMENTS.length,
              ways_in: 'the authenticator, and POST /v1/flags/evaluate',
            },
            sample_size: forged.length + valid.length,
            example: accepted[0]?.what ?? null,
          }
        }),
      ),
    )
  },
})

interface Visit {
  readonly what: string
  /** HTTP status that the authenticator's result stands for, and status of the endpoint. */
  readonly authenticator: number
  readonly endpoint: number
}
/** Sends each token in each environment to the authenticator and to the endpoint. */
async function sendTokens(
  { verifier }: TestAuthenticator,
  sendToken: SendToken,
  tokens: readonly ForgedToken[],
): Promise<readonly Visit[]> {
  const visits: Visit[] = []
  for (const environment of ENVIRONMENTS) {
    for (const { what, token } of tokens) {
      const result = await verifier.verify(token, { now: TEST_NOW, environment })
      visits.push({
        what: `${what}, in ${environment}`,
        authenticator: isAuthRefusal(result) ? result.http : ACCEPTED,
        endpoint: await sendToken(token, environment),
      })
    }
  }
  return visits
}
