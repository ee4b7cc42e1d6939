import { findEarliest } from './duration.ts'
import { type EvidenceContext, judgeEvidence } from './judge-evidence.ts'
import type {
  ChainHead,
  Checklist,
  ChecklistItem,
  EvidenceLog,
  ItemResult,
  GateJudgement,
  Waiver,
  WaiverPolicy,
} from './types.ts'
import { activeWaivers, findWaiverFaults, findWaiverMismatch } from './waivers.ts'

/** All that the states of the items follow from. */
export interface ItemsInput extends Omit<EvidenceContext, 'entries'> {
  readonly checklist: Checklist
  readonly evidence: EvidenceLog
  /** With those approvals whose signatures hold. */
  readonly waivers: readonly Waiver[]
  readonly policy: WaiverPolicy
  /** The end of the log when it was signed for; null without a verified sign-off. */
  readonly signed_head: ChainHead | null
}
/** The items by their evidence and waivers alone, in the order of the checklist: the state that people sign. */
export interface ItemStates {
  readonly items: readonly ItemResult[]
  /** The log, held to its own order and to the signed head. */
  readonly log: EvidenceLog
  /** Waivers in force that are against the rules. */
  readonly waiver_faults: GateJudgement['faults']
}

/** The first step of the gate: what was measured and what is waived, before signatures are asked for. */
export function judgeItems(input: ItemsInput): ItemStates {
  const { checklist, now } = input
  const log = soundLog(input)
  const waivers = usableWaivers(input)
  const entries = log.status === 'whole' ? log.entries : []
  const items = checklist.items.map((item) => {
    const found =
      log.status === 'untrusted' ? untrusted(item, log) : judgeEvidence(item, { ...input, entries })
    return waive(item, found, { now, waivers: waivers.usable })
  })
  return { items, log, waiver_faults: waivers.faults }
}

/**
 * A log whose records are not the first to the last of its chain, or that does not go on from where it stood when
 * people signed, is nobody's evidence.
 */
function soundLog({
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
  return signed_head === null ? log : extending(log, signed_head)
}

function extending(log: Extract<EvidenceLog, { status: 'whole' }>, head: ChainHead): EvidenceLog {
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

const untrusted = (
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

/** With more waivers in force than may be, none of them counts; one that is against the rules never does. */
function usableWaivers({ waivers, checklist, policy, now }: ItemsInput): {
  readonly usable: readonly Waiver[]
  readonly faults: GateJudgement['faults']
} {
  const active = activeWaivers(waivers, now)
  const found = findWaiverFaults(active, { items: checklist.items, policy })
  const faults = found.map(({ waiver, code }) => ({ code, detail: waiver.id }))
  if (active.length > policy.max_active) {
    const detail = `${active.length} are in force, and ${policy.max_active} may be`
    return { usable: [], faults: [...faults, { code: 'waivers_too_many', detail }] }
  }
  // An expired one is kept, so that its item can say so.
  const bad = new Set(found.map(({ waiver }) => waiver))
  return { usable: waivers.filter((one) => !bad.has(one)), faults }
}

/** Turns a failure or an inconclusive item into a waived one, where a waiver covers just that. */
function waive(
  item: ChecklistItem,
  found: ItemResult,
  { waivers, now }: Pick<ItemsInput, 'waivers' | 'now'>,
): ItemResult {
  const waiver = waivers.find((one) => one.item === item.id)
  if (waiver === undefined || (found.state !== 'fail' && found.state !== 'inconclusive'))
    return found
  const miss = findWaiverMismatch(waiver, item, { ...found, now })
  if (miss !== null) return { ...found, codes: [...found.codes, miss] }
  const valid_until = findEarliest([waiver.expires_at, found.valid_until])
  return { ...found, state: 'waived', waiver: waiver.id, valid_until }
}
