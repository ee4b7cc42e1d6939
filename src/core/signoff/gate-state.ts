import type {
  ChainHead,
  Checklist,
  ChecklistItem,
  CutoverIdentity,
  ItemResult,
  SignoffRole,
} from '../gate/types.ts'
import type { AcceptedStates, PresentFacts, SeenEvidence } from './types.ts'

/** The present state of the gate, which people sign. */
export interface GateState {
  readonly identity: CutoverIdentity
  readonly items: readonly ChecklistItem[]
  /** Accepted items other than signatures; of an item with an attestation, its measured half. */
  readonly accepted: AcceptedStates
  /** Number of items in each state, signatures included. */
  readonly counts: Readonly<Record<string, number>>
  readonly seen: SeenEvidence
}

/**
 * Selects the part of the items' states that a statement holds: the items that pass or are waived and the evidence of
 * all items, both without signature items. Its `seen.bundle` is null; `counts` is taken over unchanged, signatures
 * included.
 */
export function toGateState(
  states: readonly ItemResult[],
  {
    checklist,
    identity,
    counts,
    head,
  }: Pick<GateState, 'identity' | 'counts'> & {
    readonly checklist: Checklist
    readonly head: ChainHead
  },
): GateState {
  const measured = states.filter(({ id }) => getKind(checklist, id) !== 'signature')
  return {
    identity,
    items: checklist.items,
    accepted: Object.fromEntries(
      measured.flatMap(({ id, state }): [string, 'pass' | 'waived'][] =>
        state === 'pass' || state === 'waived' ? [[id, state]] : [],
      ),
    ),
    counts,
    seen: {
      head,
      bundle: null,
      records: measured.flatMap(({ id, evidence }) =>
        evidence === null ? [] : [{ item: id, sha256: evidence.hash, ended_at: evidence.ended_at }],
      ),
    },
  }
}

const getKind = ({ items }: Checklist, id: string): ChecklistItem['kind'] | undefined =>
  items.find((one) => one.id === id)?.kind

export type AttestableItem = Pick<ChecklistItem, 'id' | 'kind' | 'attest_role' | 'probe'>

/**
 * The ids that each role must attest: the role's items with an attestation, and the ids that its signature item
 * names, where `waivers` stands for the id of every waiver.
 */
export function listRequiredAttestations(
  items: readonly AttestableItem[],
  waivers: readonly string[],
): PresentFacts['attestations'] {
  const listForRole = (role: SignoffRole): readonly string[] =>
    items
      .filter(({ attest_role }) => attest_role === role)
      .flatMap((one) => listAttestations(one, waivers))
  return {
    'platform-lead': listForRole('platform-lead'),
    'security-lead': listForRole('security-lead'),
  }
}

function listAttestations(
  { id, kind, probe }: AttestableItem,
  waivers: readonly string[],
): readonly string[] {
  if (kind !== 'signature') return [id]
  const named = probe.params['attests']
  if (!Array.isArray(named)) return []
  return named.flatMap((one) => (one === 'waivers' ? waivers : [String(one)]))
}
