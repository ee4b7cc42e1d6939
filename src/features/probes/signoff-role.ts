import { createSignoffDependencies } from '../../artefacts/documents.ts'
import type { Measurement } from '../../core/gate/judge-measurement.ts'
import type { SignoffRole } from '../../core/gate/types.ts'
import { judgeSignoff } from '../../core/signoff/judge.ts'
import type { SignoffDependencies } from '../../core/signoff/types.ts'
import { type WithResource, type Probe, defineProbe } from './framework/probe.ts'
import { createSignoffScenario } from './testbed/signoff-cases.ts'

/** The verifier of the gate, with what a change makes of its cryptography. */
const withCrypto =
  (
    change: (tools: SignoffDependencies) => SignoffDependencies,
  ): WithResource<SignoffDependencies> =>
  async (context, use) =>
    use(change(createSignoffDependencies(await context.adapters.signoffCrypto())))

/**
 * J2 and J3: whether a signature of the role is taken, and spoiled ones are not. That people signed is for the
 * gate to see, at each verdict; this is about whether it would see what they did not.
 */
export const signoffRole = (role: SignoffRole): Probe =>
  defineProbe<SignoffDependencies>({
    version: 1,
    site: 'scratch',
    isolation: 'parallel',
    sound: withCrypto((tools) => tools),
    // Every signature holds: the negatives are refused by their bytes alone, and some are not.
    faulty: withCrypto((tools) => ({ ...tools, holds: () => true })),
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
