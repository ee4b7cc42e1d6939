import { judgeItems } from '../../core/gate/judge-items.ts'
import { countStates, getSignedHead, listSignedItems } from '../../core/gate/judge-gate.ts'
import type { SignoffOutcome } from '../../core/gate/types.ts'
import { type GateState, toGateState } from '../../core/signoff/gate-state.ts'
import { FfError } from '../../errors.ts'
import { type GateInputs, type GateRequest, readGateInputs } from '../item-states/gate-inputs.ts'
import { type ItemFacts, loadItemFacts, refuseWaivers } from '../item-states/item-facts.ts'
import type { Adapters } from '../../ports/adapters.ts'
import { judgeSignoffNow } from './context.ts'

/** The sign-off in the texts of a folder or of decision.json, as the gate counts it. */
export function verifySignoffForGate(
  { texts, identity }: Pick<GateInputs, 'texts' | 'identity'>,
  { judged, trust, forged, tools }: ItemFacts,
): SignoffOutcome {
  const { checklist, now } = judged
  const state = { identity, items: checklist.items }
  const outcome = judgeSignoffNow({ texts, tools, trust, now }, state)
  // An approval that does not hold is a signature that does not hold: somebody is not to be trusted.
  return forged === null || outcome.status === 'refused'
    ? outcome
    : { status: 'refused', code: forged.code, detail: `${forged.id}: ${forged.detail}` }
}

/**
 * What there is to sign now.
 *
 * @throws FfError `artefact_invalid`, `waiver_invalid`, `evidence_locked`, and `evidence_untrusted` where the log
 *   is not whole: such a log is not signed for
 */
export async function readGateState(
  request: GateRequest,
  deps: Pick<Adapters, 'readEvidence' | 'judgeEvidence' | 'signoffCrypto'>,
): Promise<GateState> {
  const inputs = await readGateInputs(request, deps)
  const facts = await loadItemFacts(inputs, deps)
  const { checklist, evidence, now } = facts.judged
  const signoff = verifySignoffForGate(inputs, facts)
  const states = judgeItems({ ...facts.judged, signed_head: getSignedHead(signoff) })
  refuseWaivers([...(signoff.status === 'refused' ? [signoff] : []), ...states.waiver_faults])
  if (evidence.status !== 'whole')
    throw new FfError('evidence_untrusted', `The evidence cannot be trusted: ${evidence.detail}.`, {
      hint: 'Restore the evidence folder as it was written, or begin a new one and measure again.',
    })
  return toGateState(states.items, {
    checklist,
    identity: inputs.identity,
    counts: countStates(listSignedItems(states.items, { checklist, signoff, now })),
    head: evidence.head,
  })
}
