import { getLastRecord } from '../../core/gate/chain.ts'
import { takeCounted } from '../../core/gate/ended-logs.ts'
import { judgeItems } from '../../core/gate/judge-items.ts'
import { countStates, getSignedHeads, listSignedItems } from '../../core/gate/judge-gate.ts'
import type { SignoffOutcome } from '../../core/gate/types.ts'
import { judgeAsSigned } from '../../core/signoff/as-signed.ts'
import {
  type GateState,
  listRequiredAttestations,
  toGateState,
} from '../../core/signoff/gate-state.ts'
import { FfError } from '../../errors.ts'
import { buildAlteredError } from '../team-folder/altered-waiver.ts'
import { type GateInputs, type GateRequest, readGateInputs } from '../item-states/gate-inputs.ts'
import { type ItemFacts, loadItemFacts, refuseWaivers } from '../item-states/item-facts.ts'
import type { Adapters } from '../../ports/adapters.ts'
import { judgeSignoffNow } from './context.ts'

/**
 * The outcome of the sign-off in a folder or in decision.json, as the gate counts it: a forged approval of a waiver
 * refuses the whole sign-off. Reads no file.
 *
 * @throws FfError `artefact_invalid` for an invalid waivers file, `waiver_altered` where one was altered after its
 *   approval
 */
export function verifySignoffForGate(
  { texts, identity }: Pick<GateInputs, 'texts' | 'identity'>,
  { judged, trust, forged, tools }: ItemFacts,
): SignoffOutcome {
  const { checklist, now } = judged
  const state = { identity, items: checklist.items }
  const outcome = judgeSignoffNow({ texts, tools, trust, now }, state)
  // A forged approval of a waiver is a forged signature, so it refuses the whole sign-off.
  return forged === null || outcome.status === 'refused'
    ? outcome
    : { status: 'refused', code: forged.code, detail: `${forged.id}: ${forged.detail}` }
}

/**
 * Reads and judges the team folder and the evidence logs; returns the current state of the gate, which a statement
 * is made from. Measures nothing.
 *
 * @throws FfError `artefact_invalid`, `checklist_loosened`, `setting_invalid`, `waiver_invalid`, `waiver_altered`,
 *   also for a forged approval, `evidence_unreadable`, `evidence_old_form`, and `evidence_untrusted` where a log is
 *   damaged or older than a head: a statement never covers such logs
 */
export async function readGateState(
  request: GateRequest,
  deps: Pick<Adapters, 'readEvidence' | 'judgeEvidence' | 'signoffCrypto'>,
): Promise<GateState> {
  const inputs = await readGateInputs(request, deps)
  const facts = await loadItemFacts(inputs, deps)
  const { checklist, runners, pinned_heads, now, waivers } = facts.judged
  const signoff = verifySignoffForGate(inputs, facts)
  const must_hold = [...pinned_heads, ...getSignedHeads(signoff, runners)]
  const states = judgeItems({ ...facts.judged, must_hold })
  if (facts.forged !== null) throw buildAlteredError(`${facts.forged.id}: ${facts.forged.detail}`)
  refuseWaivers(states.waiver_faults)
  const { logs: found } = states
  if (found.status !== 'whole')
    throw new FfError(
      'evidence_untrusted',
      `The evidence cannot be trusted: ${found.code}, ${found.detail}.`,
      {
        hint: 'Run `ff evidence list`, which names the way out for each log.',
      },
    )
  const logs = takeCounted(found.logs, runners)
  const named = logs.filter(({ kid }) => runners.some((one) => one.kid === kid))
  const state = toGateState(states.items, {
    checklist,
    identity: inputs.identity,
    departures: inputs.files.departures,
    counts: countStates(listSignedItems(states.items, { checklist, signoff, logs, runners, now })),
    logs,
    runners,
    heads: named.map(({ kid, entries }) => ({ kid, ...getLastRecord(entries) })),
  })
  const attestations = listRequiredAttestations(
    checklist.items,
    waivers.map(({ id }) => id),
  )
  return { ...state, as_signed: judgeAsSigned(facts.judged, state, attestations) }
}
