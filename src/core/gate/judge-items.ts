import { findEarliest } from './duration.ts'
import { type EvidenceContext, judgeEvidence } from './judge-evidence.ts'
import type {
  ChainHead,
  Checklist,
  ChecklistItem,
  EvidenceEntry,
  EvidenceLog,
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
import { judgeLimits } from './limits.ts'

/** All inputs of the items' states. */
export interface ItemsInput extends Omit<EvidenceContext, 'entries'> {
  readonly checklist: Checklist
  readonly evidence: EvidenceLog
  /** Each with only those approvals whose signatures are valid. */
  readonly waivers: readonly Waiver[]
  readonly policy: WaiverPolicy
  /** The head of the log that was signed; null without a verified sign-off. */
  readonly signed_head: ChainHead | null
}
/** The items by evidence and waivers alone, in the order of the checklist: the states that people sign. */
export interface ItemStates {
  readonly items: readonly ItemResult[]
  /** The log after the checks of its order and of the signed head. */
  readonly log: EvidenceLog
  /** Active waivers that break the rules. */
  readonly waiver_faults: GateJudgement['faults']
}

/**
 * The first step of the gate: states by measurements and waivers, before signatures, in the order of the checklist.
 * Where the log is untrusted, or does not extend the signed head, every item is `error`. Above the limit of active
 * waivers none counts, and `waivers_too_many` is among the faults.
 */
export function judgeItems(input: ItemsInput): ItemStates {
  const { checklist, now } = input
  const log = checkLog(input)
  const waivers = selectWaivers(input)
  const entries = log.status === 'whole' ? log.entries : []
  const items = checklist.items.map((item) => {
    const found =
      log.status === 'untrusted'
        ? buildUntrustedResult(item, log)
        : judgeEvidence(item, { ...input, entries })
    const failed = hasFailed(item, entries, input.expected)
    return waive(item, found, { now, failed, target: input.expected, waivers: waivers.usable })
  })
  return { items, log, waiver_faults: waivers.faults }
}

/**
 * Untrusted where the records have gaps, do not end at the head of the log, or do not extend the head that people
 * signed.
 */
function checkLog({
  evidence: log,
  signed_head,
}: Pick<ItemsInput, 'evidence' | 'signed_head'>): EvidenceLog {
  if (log.status === 'untrusted') return log
  const gap = log.entries.findIndex(({ record }, at) => record.seq !== at + 1)
  if (gap !== -1)
    return { status: 'untrusted', code: 'evidence_missing', detail: `record ${gap + 1}` }
  if (log.entries.length !== log.head.seq)
    return {
      status: 'untrusted',
      code: 'evidence_cut',
      detail: `${log.entries.length} of ${log.head.seq} records`,
    }
  return signed_head === null ? log : checkExtension(log, signed_head)
}

function checkExtension(
  log: Extract<EvidenceLog, { status: 'whole' }>,
  head: ChainHead,
): EvidenceLog {
  if (head.seq > log.entries.length)
    return {
      status: 'untrusted',
      code: 'evidence_cut',
      detail: `${log.entries.length} of the ${head.seq} records that were signed for`,
    }
  if (head.seq > 0 && log.entries[head.seq - 1]?.hash !== head.hash)
    return {
      status: 'untrusted',
      code: 'evidence_recomputed',
      detail: `record ${head.seq} is not the one that was signed for`,
    }
  return log
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

/** Whether the item's last pass or failure in this attempt is a failure, by any runner. */
function hasFailed(
  { id, limits }: ChecklistItem,
  entries: readonly EvidenceEntry[],
  { cutover_id, attempt }: ItemsInput['expected'],
): boolean {
  const last = entries.findLast(
    ({ record: { kind, item, result, identity } }) =>
      kind === 'measurement' &&
      item === id &&
      (result === 'pass' || result === 'fail') &&
      identity.cutover_id === cutover_id &&
      identity.attempt === attempt,
  )
  if (last === undefined) return false
  const { result, measured } = last.record
  return result === 'fail' || judgeLimits(limits, measured).some((one) => isBroken(one))
}

const isBroken = ({ held, value }: ItemResult['measured'][number]): boolean =>
  !held && value !== null

/** Turns a failed or inconclusive item into a waived one where a waiver covers exactly its state. */
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
