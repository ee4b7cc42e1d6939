import type {
  ChainHead,
  Checklist,
  ChecklistItem,
  CutoverIdentity,
  ItemResult,
  SignoffRole,
} from '../gate/types.ts'
import type { AcceptedStates, PresentFacts, SeenEvidence } from './types.ts'

/** What the gate says of this moment, for people to sign. */
export interface GateState {
  readonly identity: CutoverIdentity
  readonly items: readonly ChecklistItem[]
  /** Of the items that are no signatures; of a P+A its probe half. */
  readonly accepted: AcceptedStates
  /** How many items are in each state now, signatures included. */
  readonly counts: Readonly<Record<string, number>>
  readonly seen: SeenEvidence
}

/** Takes from the states of the items what a statement holds: nothing that has to be signed first is among it. */
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
 * What each role has to attest: the P+A items of the role, and what its signature item names; `waivers` there is
 * every waiver, by its id.
 */
export function listRequiredAttestations(
  items: readonly AttestableItem[],
  waivers: readonly string[],
): PresentFacts['attestations'] {
  const of = (role: SignoffRole): readonly string[] =>
    items.filter(({ attest_role }) => attest_role === role).flatMap((one) => asked(one, waivers))
  return { 'platform-lead': of('platform-lead'), 'security-lead': of('security-lead') }
}

function asked({ id, kind, probe }: AttestableItem, waivers: readonly string[]): readonly string[] {
  if (kind !== 'signature') return [id]
  const named = probe.params['attests']
  if (!Array.isArray(named)) return []
  return named.flatMap((one) => (one === 'waivers' ? waivers : [String(one)]))
}
