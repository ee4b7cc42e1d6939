import { EXIT_BY_STATE, decideExit } from '../exit.ts'
import { findEarliest } from './duration.ts'
import { type ItemsInput, judgeItems } from './judge-items.ts'
import { isAttested, judgeSignature } from './judge-signature.ts'
import type {
  ChainHead,
  Checklist,
  ChecklistItem,
  GateItemState,
  ItemResult,
  GateJudgement,
  SignoffOutcome,
} from './types.ts'

/** All inputs of the verdict. */
export interface GateInput extends Omit<ItemsInput, 'signed_head'> {
  readonly signoff: SignoffOutcome
}

/**
 * The verdict of the gate: each item of the checklist in one of seven states, and the exit of highest precedence
 * among them. A GO needs at least one item, every item passed or waived, a trusted log, a verified sign-off, and a
 * plan whose window is not over; `valid_until` is null for any other verdict. The checklist, not the evidence, says
 * which items exist.
 */
export function judgeGate(input: GateInput): GateJudgement {
  const { signoff } = input
  const { items, log, waiver_faults } = judgeItems({
    ...input,
    signed_head: getSignedHead(signoff),
  })
  const faults = [
    // First, since without a trust file no other state means anything.
    ...(signoff.status === 'refused' || signoff.status === 'inconclusive'
      ? [{ code: signoff.code, detail: signoff.detail }]
      : []),
    ...(log.status === 'untrusted' ? [{ code: log.code, detail: log.detail }] : []),
    ...waiver_faults,
  ]
  const trusted = log.status === 'whole' && signoff.status !== 'refused'
  return summarizeItems(listSignedItems(items, input), { faults, trusted }, input)
}

/** The head of the evidence log at signing time; null without a verified sign-off. */
export const getSignedHead = (signoff: SignoffOutcome): ChainHead | null =>
  signoff.status === 'verified' ? signoff.evidence_head : null

export interface SignedItemsInput {
  readonly checklist: Checklist
  readonly signoff: SignoffOutcome
  readonly now: ItemsInput['now']
}
/**
 * The second step of the gate: the items after the sign-off, in the order of the checklist. A signature item takes
 * the state of its role's signature where that does not pass; an accepted item that lacks its attestation becomes
 * `pending` with `attestation_missing`; others stay unchanged.
 *
 * @param states one for each item of the checklist, in its order
 */
export function listSignedItems(
  states: readonly ItemResult[],
  { checklist, signoff, now }: SignedItemsInput,
): readonly ItemResult[] {
  const pairs = checklist.items.map((item, at) => ({ item, found: states[at] as ItemResult }))
  const others = pairs.flatMap(({ item, found }) => (item.kind === 'signature' ? [] : [found]))
  return pairs.map(({ item, found }) => attest(item, found, { signoff, others, now }))
}

/** Adds the human part: the state of a signature item, and the attestation of a measured item. */
function attest(
  item: ChecklistItem,
  found: ItemResult,
  context: Parameters<typeof judgeSignature>[1],
): ItemResult {
  if (item.kind === 'signature') {
    const signed = judgeSignature(item, context)
    if (signed.state !== 'pass') return { ...found, ...signed, waiver: null }
    return { ...found, valid_until: findEarliest([signed.valid_until, found.valid_until]) }
  }
  const accepted = found.state === 'pass' || found.state === 'waived'
  if (item.kind !== 'probe_and_attestation' || !accepted || isAttested(item, context.signoff))
    return found
  return {
    ...found,
    state: 'pending',
    codes: ['attestation_missing'],
    detail: String(item.attest_role),
    waiver: null,
  }
}

const STATES: readonly GateItemState[] = [
  'pass',
  'waived',
  'fail',
  'inconclusive',
  'error',
  'stale',
  'pending',
]
/** The number of items in each of the seven states, 0 included. */
export const countStates = (items: readonly ItemResult[]): GateJudgement['counts'] =>
  Object.fromEntries(
    STATES.map((state) => [state, items.filter((one) => one.state === state).length]),
  ) as Record<GateItemState, number>

function summarizeItems(
  items: readonly ItemResult[],
  { faults, trusted }: Pick<GateJudgement, 'faults'> & { readonly trusted: boolean },
  { signoff, plan_until, now }: GateInput,
): GateJudgement {
  const exits: GateJudgement['exitName'][] = items.map(({ state }) => EXIT_BY_STATE[state])
  if (!trusted) exits.push('untrusted')
  // An empty checklist or an unverified sign-off is never a GO.
  if (items.length === 0 || signoff.status !== 'verified') exits.push('not_ready')
  if (signoff.status === 'inconclusive') exits.push('inconclusive')
  const ends = items.flatMap(({ id, valid_until }) =>
    valid_until === null ? [] : [{ id, at: valid_until }],
  )
  const until = findEarliest([plan_until, ...ends.map(({ at }) => at)])
  if (plan_until === null || until === null || until <= now) exits.push('not_ready')
  const exitName = decideExit('ok', ...exits)
  const verdict = exitName === 'ok' ? 'go' : exitName
  return {
    verdict,
    exitName,
    items,
    counts: countStates(items),
    valid_until: verdict === 'go' ? until : null,
    expires_next: ends.sort((a, b) => (a.at < b.at ? -1 : Number(a.at > b.at))),
    faults,
  }
}
