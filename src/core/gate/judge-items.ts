import { findEarliest } from './duration.ts'
import { takeCounted } from './ended-logs.ts'
import type { EvidenceContext } from './evidence-checks.ts'
import { judgeEvidence } from './judge-evidence.ts'
import { checkLogs, isClockBehind, type LogsInput } from './judge-logs.ts'
import { hasStandingFailure } from './standing-failure.ts'
import type {
  Checklist,
  ChecklistItem,
  EvidenceLogs,
  ItemResult,
  GateJudgement,
  Waiver,
  WaiverPolicy,
} from './types.ts'
import {
  activeWaivers,
  findWaiverFaults,
  findWaiverMismatch,
  isFor,
  type WaiverUse,
} from './waivers.ts'

/** All inputs of the items' states. */
export interface ItemsInput extends Omit<EvidenceContext, 'logs' | 'clock_behind'>, LogsInput {
  readonly checklist: Checklist
  readonly evidence: EvidenceLogs
  /** Each with only those approvals whose signatures are valid. */
  readonly waivers: readonly Waiver[]
  readonly policy: WaiverPolicy
}
/** The items by evidence and waivers alone, in the order of the checklist: the states that people sign. */
export interface ItemStates {
  readonly items: readonly ItemResult[]
  /** The logs after the checks against heads and trust. */
  readonly logs: EvidenceLogs
  /** Active waivers that break the rules. */
  readonly waiver_faults: GateJudgement['faults']
}

/**
 * The first step of the gate: states by measurements and waivers, before signatures, in the order of the checklist.
 * Where the logs are untrusted by `checkLogs`, every item is `error`. Above the limit of active waivers none counts,
 * and `waivers_too_many` is among the faults.
 */
export function judgeItems(input: ItemsInput): ItemStates {
  const { checklist, now, evidence } = input
  const checked = checkLogs(evidence, input)
  const waivers = selectWaivers(input)
  const logs = checked.status === 'whole' ? takeCounted(checked.logs, input.runners) : []
  const context = { ...input, logs, clock_behind: isClockBehind(logs, now) }
  const items = checklist.items.map((item) => {
    if (checked.status === 'untrusted') return buildUntrustedResult(item, checked)
    const failed =
      waivers.usable.some((one) => one.item === item.id) && hasStandingFailure(item, context)
    const use = { now, failed, target: input.expected, waivers: waivers.usable }
    return judgeEvidence(item, context, (found) => waive(item, found, use))
  })
  return { items, logs: checked, waiver_faults: waivers.faults }
}

const buildUntrustedResult = (
  { id, group, limits }: ChecklistItem,
  { code, detail }: { readonly code: string; readonly detail: string },
): ItemResult => ({
  id,
  group,
  state: 'error',
  codes: [code],
  detail,
  measured: limits.map((limit) => ({ limit, value: null, held: false })),
  valid_until: null,
  evidence: null,
  waiver: null,
})

/** Above the limit of active waivers, none counts; a waiver that breaks a rule never counts. */
function selectWaivers({ waivers, checklist, policy, expected, now }: ItemsInput): {
  readonly usable: readonly Waiver[]
  readonly faults: GateJudgement['faults']
} {
  const active = activeWaivers(waivers, expected, now)
  const found = findWaiverFaults(active, { items: checklist.items, policy })
  const faults = found.map(({ waiver, code }) => ({ code, detail: waiver.id }))
  if (active.length > policy.max_active) {
    const detail = `${active.length} are active, at most ${policy.max_active} are allowed`
    return { usable: [], faults: [...faults, { code: 'waivers_too_many', detail }] }
  }
  // Expired waivers stay, so that their items can report them.
  const bad = new Set(found.map(({ waiver }) => waiver))
  return { usable: waivers.filter((one) => !bad.has(one)), faults }
}

/** Turns a failed or inconclusive record into a waived one where a waiver covers exactly its state. */
function waive(
  item: ChecklistItem,
  found: ItemResult,
  {
    waivers,
    ...use
  }: Pick<WaiverUse, 'failed' | 'target' | 'now'> & { readonly waivers: readonly Waiver[] },
): ItemResult {
  const own = waivers.filter((one) => one.item === item.id)
  const waiver = own.find((one) => isFor(one, use.target)) ?? own[0]
  if (waiver === undefined || (found.state !== 'fail' && found.state !== 'inconclusive'))
    return found
  const mismatch = findWaiverMismatch(waiver, item, { ...found, ...use })
  if (mismatch !== null) return { ...found, codes: [...found.codes, mismatch] }
  const valid_until = findEarliest([waiver.expires_at, found.valid_until])
  return { ...found, state: 'waived', waiver: waiver.id, valid_until }
}
