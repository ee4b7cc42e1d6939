import type {
  Checklist,
  ChecklistItem,
  EvidenceLog,
  Identity,
  ItemVerdict,
  Judgement,
} from '../gate/types.ts'
import type { Accepted, Seen } from './types.ts'

/** What the gate says of this moment, for people to sign. */
export interface GateState {
  readonly identity: Identity
  readonly items: readonly ChecklistItem[]
  /** Of the items that are no signatures; of a P+A its probe half. */
  readonly accepted: Accepted
  /** How many items are in each state. */
  readonly counts: Readonly<Record<string, number>>
  readonly seen: Seen
}

/** Takes from a judgement what a statement holds: nothing that has to be signed first keeps an item out. */
export function gateStateOf(
  { items, counts }: Pick<Judgement, 'items' | 'counts'>,
  {
    checklist,
    identity,
    log,
  }: {
    readonly checklist: Checklist
    readonly identity: Identity
    readonly log: Pick<Extract<EvidenceLog, { status: 'whole' }>, 'head'>
  },
): GateState {
  const measured = items.filter(({ id }) => kindOf(checklist, id) !== 'signature')
  return {
    identity,
    items: checklist.items,
    accepted: Object.fromEntries(
      measured.flatMap((item): [string, 'pass' | 'waived'][] => {
        const how = acceptedAs(item)
        return how === null ? [] : [[item.id, how]]
      }),
    ),
    counts,
    seen: {
      head: log.head,
      bundle: null,
      records: measured.flatMap(({ id, evidence }) =>
        evidence === null ? [] : [{ item: id, sha256: evidence.hash, ended_at: evidence.ended_at }],
      ),
    },
  }
}

const kindOf = ({ items }: Checklist, id: string): ChecklistItem['kind'] | undefined =>
  items.find((one) => one.id === id)?.kind

/** An item that waits for an attestation alone was measured; where a limit was not held, a waiver stood in. */
function acceptedAs({ state, codes, measured }: ItemVerdict): 'pass' | 'waived' | null {
  if (state === 'pass' || state === 'waived') return state
  const waits = state === 'pending' && codes.length === 1 && codes[0] === 'attestation_missing'
  if (!waits) return null
  return measured.every(({ held }) => held) ? 'pass' : 'waived'
}
