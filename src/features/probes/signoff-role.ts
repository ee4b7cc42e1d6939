import { createSignoffDependencies } from '../../artefacts/documents.ts'
import type { Measurement } from '../../core/gate/judge-measurement.ts'
import type { SignoffRole } from '../../core/gate/types.ts'
import { judgeSignoff } from '../../core/signoff/judge.ts'
import type { SignoffDependencies } from '../../core/signoff/types.ts'
import { type WithResource, type Probe, defineProbe } from './framework/probe.ts'
import { createSignoffScenario } from './testbed/signoff-cases.ts'

/** Lends the cryptography of the gate's verifier, changed by `change`. */
const withCrypto =
  (
    change: (tools: SignoffDependencies) => SignoffDependencies,
  ): WithResource<SignoffDependencies> =>
  async (context, use) =>
    use(change(createSignoffDependencies(await context.adapters.signoffCrypto())))

/**
 * J2 and J3, by role: whether the gate's verifier accepts a generated valid sign-off of the role, and how many spoiled
 * ones it accepts. The real signatures are verified by the gate at each verdict, not here. The controls take no signature
 * for valid, and every one.
 */
export const defineSignoffProbe = (role: SignoffRole): Probe =>
  defineProbe<SignoffDependencies, 'signature_verifies' | 'negatives_accepted'>({
    version: 1,
    site: 'scratch',
    isolation: 'parallel',
    sound: withCrypto((tools) => tools),
    faulty: {
      signature_verifies: withCrypto((tools) => ({ ...tools, holds: () => false })),
      negatives_accepted: withCrypto((tools) => ({ ...tools, holds: () => true })),
    },
    measure: async (tools, context): Promise<Measurement> => {
      const { trust, present, now, good, negatives } = createSignoffScenario(
        role,
        context.now().getTime(),
        tools,
      )
      const toOutcome = (envelope: string) => judgeSignoff({ trust, envelope, present, now }, tools)
      const goodOutcome = toOutcome(good)
      const accepted = negatives.filter(({ envelope }) => toOutcome(envelope).status === 'verified')
      return Promise.resolve({
        measured: {
          signature_verifies:
            goodOutcome.status === 'verified' &&
            goodOutcome.signatures.some((one) => one.role === role),
          negatives_accepted: accepted.length,
        },
        met: { role, envelopes: negatives.length + 1, good: goodOutcome.status },
        sample_size: negatives.length,
        example: accepted[0] === undefined ? null : `accepted: ${accepted[0].what}`,
      })
    },
  })
