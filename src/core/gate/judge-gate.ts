import { EXIT_BY_STATE, weightiest } from '../exit.ts'
import { earliest } from './duration.ts'
import { type EvidenceBench, judgeEvidence } from './judge-evidence.ts'
import { isAttested, judgeSignature } from './judge-signature.ts'
import { activeWaivers, waiverFaults, waiverMiss } from './waivers.ts'
import type {
  ChainHead,
  Checklist,
  ChecklistItem,
  EvidenceLog,
  GateItemState,
  ItemVerdict,
  Judgement,
  SignoffOutcome,
  Waiver,
  WaiverPolicy,
} from './types.ts'

/** All that the verdict follows from. */
export interface GateInput extends Omit<EvidenceBench, 'entries'> {
  readonly checklist: Checklist
  readonly evidence: EvidenceLog
  readonly waivers: readonly Waiver[]
  readonly policy: WaiverPolicy
  readonly signoff: SignoffOutcome
}

/**
 * The verdict: every item of the checklist in one of seven states, and of all that holds what weighs most
 * (page 8). A GO needs every item passed or waived, and the checklist says which items there are, never what ran.
 */
export function judgeGate(input: GateInput): Judgement {
  const { checklist, signoff, now } = input
  const log = soundLog(input.evidence, signoff)
  const waivers = usableWaivers(input)
  const entries = log.status === 'whole' ? log.entries : []
  const faults = [
    ...(log.status === 'untrusted' ? [{ code: log.code, detail: log.detail }] : []),
    ...(signoff.status === 'refused' ? [{ code: signoff.code, detail: signoff.detail }] : []),
    ...waivers.faults,
  ]
  const probed = checklist.items.map((item) => {
    const found =
      log.status === 'untrusted' ? untrusted(item, log) : judgeEvidence(item, { ...input, entries })
    return { item, found: waive(item, found, { now, waivers: waivers.usable }) }
  })
  const others = probed.flatMap(({ item, found }) => (item.kind === 'signature' ? [] : [found]))
  const items = probed.map(({ item, found }) => attest(item, found, { signoff, others, now }))
  const trusted = log.status === 'whole' && signoff.status !== 'refused'
  return summed(items, { faults, trusted }, input)
}

/**
 * A log whose records are not the first to the last of its chain, or that does not go on from where it stood when
 * people signed, is nobody's evidence.
 */
function soundLog(log: EvidenceLog, signoff: SignoffOutcome): EvidenceLog {
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
  return signoff.status === 'verified' ? extending(log, signoff.evidence_head) : log
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
): ItemVerdict => ({
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
function usableWaivers({ waivers, checklist, policy, now }: GateInput): {
  readonly usable: readonly Waiver[]
  readonly faults: Judgement['faults']
} {
  const active = activeWaivers(waivers, now)
  const found = waiverFaults(active, { items: checklist.items, policy })
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
  found: ItemVerdict,
  { waivers, now }: Pick<GateInput, 'waivers' | 'now'>,
): ItemVerdict {
  const waiver = waivers.find((one) => one.item === item.id)
  if (waiver === undefined || (found.state !== 'fail' && found.state !== 'inconclusive'))
    return found
  const miss = waiverMiss(waiver, item, { ...found, now })
  if (miss !== null) return { ...found, codes: [...found.codes, miss] }
  const valid_until = earliest([waiver.expires_at, found.valid_until])
  return { ...found, state: 'waived', waiver: waiver.id, valid_until }
}

/** The half that people answer for: a signature item's own, and what a role attests to of a measured one. */
function attest(
  item: ChecklistItem,
  found: ItemVerdict,
  bench: Parameters<typeof judgeSignature>[1],
): ItemVerdict {
  if (item.kind === 'signature') {
    const signed = judgeSignature(item, bench)
    if (signed.state !== 'pass') return { ...found, ...signed, waiver: null }
    return { ...found, valid_until: earliest([signed.valid_until, found.valid_until]) }
  }
  const accepted = found.state === 'pass' || found.state === 'waived'
  if (item.kind !== 'probe_and_attestation' || !accepted || isAttested(item, bench.signoff))
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
function summed(
  items: readonly ItemVerdict[],
  { faults, trusted }: Pick<Judgement, 'faults'> & { readonly trusted: boolean },
  { signoff, plan_until, now }: GateInput,
): Judgement {
  const held: Judgement['exitName'][] = items.map(({ state }) => EXIT_BY_STATE[state])
  if (!trusted) held.push('untrusted')
  // Neither nothing at all nor a sign-off that was not verified is a GO, whatever the items say.
  if (items.length === 0 || signoff.status !== 'verified') held.push('not_ready')
  const ends = items.flatMap(({ id, valid_until }) =>
    valid_until === null ? [] : [{ id, at: valid_until }],
  )
  const until = earliest([plan_until, ...ends.map(({ at }) => at)])
  if (plan_until === null || until === null || until <= now) held.push('not_ready')
  const exitName = weightiest('ok', ...held)
  const verdict = exitName === 'ok' ? 'go' : exitName
  return {
    verdict,
    exitName,
    items,
    counts: Object.fromEntries(
      STATES.map((state) => [state, items.filter((one) => one.state === state).length]),
    ) as Record<GateItemState, number>,
    valid_until: verdict === 'go' ? until : null,
    expires_next: ends.sort((a, b) => (a.at < b.at ? -1 : Number(a.at > b.at))),
    faults,
  }
}
