import { EXIT_BY_STATE, decideExit } from '../exit.ts'
import type { Instant } from '../rows/instant.ts'
import { findEarliest } from './duration.ts'
import { takeCounted } from './ended-logs.ts'
import { listFailedSince } from './failures.ts'
import { listTeamCommands } from './floor.ts'
import { type ItemsInput, judgeItems } from './judge-items.ts'
import { isAttested, judgeSignature } from './judge-signature.ts'
import { findLateLogs, type LateLog, listHeadExpiries } from './judge-logs.ts'
import type {
  Checklist,
  ChecklistItem,
  GateItemState,
  ItemResult,
  GateJudgement,
  LogHead,
  PinnedHead,
  RunnerKey,
  SignoffOutcome,
  WholeLog,
} from './types.ts'

/** All inputs of the verdict. */
export interface GateInput extends Omit<ItemsInput, 'must_hold'> {
  readonly signoff: SignoffOutcome
  /** What the logs must hold by FF_EVIDENCE_HEAD. */
  readonly pinned_heads: readonly PinnedHead[]
  /** When the first key that approved a waiver ends; null without one. */
  readonly approvals_until: Instant | null
}

/**
 * The verdict of the gate: each item of the checklist in one of seven states, and the exit of highest precedence
 * among them. A GO needs at least one item, every item passed or waived, trusted logs with a young head for each
 * current runner, a verified sign-off, and a plan whose window is not over; `valid_until` is null for any other
 * verdict. The checklist, not the evidence, says which items exist.
 */
export function judgeGate(input: GateInput): GateJudgement {
  const { signoff, pinned_heads } = input
  const must_hold = [...pinned_heads, ...getSignedHeads(signoff, input.runners)]
  const { items, logs, waiver_faults } = judgeItems({ ...input, must_hold })
  const whole = logs.status === 'whole' ? logs.logs : []
  const counted = takeCounted(whole, input.runners)
  const late = logs.status === 'whole' ? findLateLogs(whole, input) : []
  const faults = [
    // First, since without a trust file no other state means anything.
    ...(signoff.status === 'refused' || signoff.status === 'inconclusive'
      ? [{ code: signoff.code, detail: signoff.detail }]
      : []),
    ...(logs.status === 'untrusted' ? [{ code: logs.code, detail: logs.detail }] : []),
    ...late.map(({ kid: _kid, ...fault }) => fault),
    ...waiver_faults,
  ]
  const trusted = logs.status === 'whole' && signoff.status !== 'refused'
  const found = { faults, trusted, late, logs: whole }
  return summarizeItems(listSignedItems(items, { ...input, logs: counted }), found, input)
}

/**
 * The heads of the logs at signing time, which the logs must hold; none without a verified sign-off. Not those of lost
 * logs: both roles have signed a trust file since that says so.
 */
export function getSignedHeads(
  signoff: SignoffOutcome,
  runners: readonly RunnerKey[],
): readonly LogHead[] {
  const lost = new Set(runners.flatMap(({ kid, closed }) => (closed === 'lost' ? [kid] : [])))
  return signoff.status === 'verified'
    ? signoff.evidence_heads.filter(({ kid }) => !lost.has(kid))
    : []
}

export interface SignedItemsInput {
  readonly checklist: Checklist
  readonly signoff: SignoffOutcome
  /** Empty where the logs are not trusted. */
  readonly logs: readonly WholeLog[]
  readonly runners: ItemsInput['runners']
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
  { checklist, signoff, logs, runners, now }: SignedItemsInput,
): readonly ItemResult[] {
  const pairs = checklist.items.map((item, at) => ({ item, found: states[at] as ItemResult }))
  const others = pairs.flatMap(({ item, found }) => (item.kind === 'signature' ? [] : [found]))
  const commands = listTeamCommands(checklist.items).map(({ item }) => item)
  const failed =
    signoff.status === 'verified'
      ? listFailedSince(signoff, { items: checklist.items, logs, runners })
      : []
  const context = { signoff, others, commands, failed, now }
  return pairs.map(({ item, found }) => attest(item, found, context))
}

/** Adds the human part: the state of a signature item, and the attestation of a measured item. */
function attest(
  item: ChecklistItem,
  found: ItemResult,
  context: Parameters<typeof judgeSignature>[1],
): ItemResult {
  if (item.kind === 'signature') {
    const signed = judgeSignature(item, context)
    if (signed.state !== 'pass') return joinHalves(found, signed)
    return { ...found, valid_until: findEarliest([signed.valid_until, found.valid_until]) }
  }
  const accepted = found.state === 'pass' || found.state === 'waived'
  // The role stays where a command of the team replaces the probe.
  if (item.attest_role === null || !accepted || isAttested(item, context.signoff)) return found
  return {
    ...found,
    state: 'pending',
    codes: ['attestation_missing'],
    detail: String(item.attest_role),
    waiver: null,
  }
}

/** A signature that does not pass, and a probe of it that does not either: the heavier state, and the reasons of both. */
function joinHalves(found: ItemResult, signed: ReturnType<typeof judgeSignature>): ItemResult {
  if (found.state === 'pass') return { ...found, ...signed, waiver: null }
  const heavier = decideExit(EXIT_BY_STATE[signed.state], EXIT_BY_STATE[found.state])
  return {
    ...found,
    ...signed,
    state: heavier === EXIT_BY_STATE[signed.state] ? signed.state : found.state,
    codes: [...new Set([...signed.codes, ...found.codes])],
    detail: [signed.detail, found.detail].filter((text) => text !== '').join('; '),
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

interface FoundLogs {
  readonly trusted: boolean
  /** Empty where the logs are not trusted. */
  readonly logs: readonly WholeLog[]
  readonly late: readonly LateLog[]
}

function summarizeItems(
  items: readonly ItemResult[],
  { faults, trusted, late, logs }: Pick<GateJudgement, 'faults'> & FoundLogs,
  { signoff, plan_until, approvals_until, now, runners }: GateInput,
): GateJudgement {
  const exits: GateJudgement['exitName'][] = items.map(({ state }) => EXIT_BY_STATE[state])
  if (!trusted) exits.push('untrusted')
  if (late.length > 0) exits.push('not_ready')
  // An empty checklist or an unverified sign-off is never a GO.
  if (items.length === 0 || signoff.status !== 'verified') exits.push('not_ready')
  if (signoff.status === 'inconclusive') exits.push('inconclusive')
  const ends = [
    ...items.flatMap(({ id, valid_until }) =>
      valid_until === null ? [] : [{ id, at: valid_until }],
    ),
    ...listHeadExpiries(logs, { runners, now }),
    ...(approvals_until === null ? [] : [{ id: 'approvals of waivers', at: approvals_until }]),
  ]
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
