import { type Departure, listTeamCommands } from '../gate/floor.ts'
import { listNamedAttestations } from '../gate/judge-signature.ts'
import type {
  Checklist,
  ChecklistItem,
  CutoverIdentity,
  GateJudgement,
  ItemResult,
  LogHead,
  RunnerKey,
  SignoffRole,
  WholeLog,
} from '../gate/types.ts'
import type { AcceptedStates, PresentFacts, SeenEvidence } from './types.ts'

/** The present state of the gate, which people sign. */
export interface GateState {
  readonly identity: CutoverIdentity
  readonly items: readonly ChecklistItem[]
  /** Where the checklist departs from the package's. */
  readonly departures: readonly Departure[]
  /** Accepted items other than signatures; of an item with an attestation, its measured half. */
  readonly accepted: AcceptedStates
  /** Number of items in each state, signatures included. */
  readonly counts: Readonly<Record<string, number>>
  readonly seen: SeenEvidence
  readonly logs: readonly WholeLog[]
  /** Runners that the trust file names. */
  readonly runners: readonly RunnerKey[]
  /** The verdict if both roles signed this state now. */
  readonly as_signed: GateJudgement
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
    departures,
    heads,
    logs,
    runners,
  }: Pick<GateState, 'identity' | 'counts' | 'departures' | 'logs' | 'runners'> & {
    readonly checklist: Checklist
    readonly heads: readonly LogHead[]
  },
): Omit<GateState, 'as_signed'> {
  const measured = states.filter(({ id }) => getKind(checklist, id) !== 'signature')
  return {
    identity,
    items: checklist.items,
    departures,
    accepted: Object.fromEntries(
      measured.flatMap(({ id, state }): [string, 'pass' | 'waived'][] =>
        state === 'pass' || state === 'waived' ? [[id, state]] : [],
      ),
    ),
    counts,
    logs,
    runners,
    seen: {
      heads,
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
 * The ids that each role must attest, each once: the role's items with an attestation, and the ids that its signature
 * item names, where `waivers` stands for the id of every waiver and `commands` for each item that a command of the team
 * measures.
 */
export function listRequiredAttestations(
  items: readonly AttestableItem[],
  waivers: readonly string[],
): PresentFacts['attestations'] {
  const named = { waivers, commands: listTeamCommands(items).map(({ item }) => item) }
  const toIds = ({ id, kind, probe }: AttestableItem): readonly string[] =>
    kind === 'signature' ? listNamedAttestations(probe, named) : [id]
  const listForRole = (role: SignoffRole): readonly string[] => {
    const own = items.filter(({ attest_role }) => attest_role === role)
    return [...new Set(own.flatMap(toIds))]
  }
  return {
    'platform-lead': listForRole('platform-lead'),
    'security-lead': listForRole('security-lead'),
  }
}
