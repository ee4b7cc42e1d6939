import type { ExitName } from '../exit.ts'
import type {
  ChainHead,
  EvidenceRecord,
  GateItemState,
  GateVerdict,
  CutoverIdentity,
  ItemResult,
  VerifiedSignoff,
} from '../gate/types.ts'
import type { ChainSplit, ComparedPair } from '../parity/judge.ts'
import type { FieldRule } from '../parity/field-rules.ts'
import type { CoverageLine } from '../parity/coverage.ts'

/** What `ff` answers with, whatever it measured; the words of page 9's JSON report. */
export type ReportVerdict = 'pass' | 'fail' | 'inconclusive' | 'cancelled'
export type ItemState = 'pass' | 'fail' | 'unanswered' | 'skipped' | 'never_reached'

/** A finding is a code with arguments; reporters own the words. Values are JSON texts, null where a side has nothing. */
export interface Finding {
  readonly code: 'divergence' | 'noise' | 'unanswered' | 'comparer_fault' | 'nothing_decided'
  /** The vector, cell or control it was found on. */
  readonly subject: string
  readonly sides: ComparedPair | 'baseline' | 'candidate' | null
  readonly pointer: string | null
  readonly rule: string | null
  readonly left: string | null
  readonly right: string | null
}
/** A deliberate check of the harness itself; the run is worth nothing where one does not hold. */
export interface ReportControl {
  readonly id: 'comparer' | 'a_a_baseline' | 'a_a_candidate'
  readonly held: boolean
  readonly compared: number
}
export interface ReportSide {
  readonly target: string
  /** Null of a service that has not said it. */
  readonly backing: 'file' | 'db' | null
  readonly server: string | null
}
export interface ReportItem {
  readonly id: string
  readonly title: string
  readonly state: ItemState
  /** Only where the item is not a pass. */
  readonly detail: ItemDetail | null
}
export interface ItemDetail {
  readonly chains: readonly (ChainSplit & { readonly sides: ComparedPair })[]
  /** The rows each side read, as JSON texts by table. */
  readonly rows: { readonly baseline: RowTexts; readonly candidate: RowTexts }
  readonly reproduce: string
}
export type RowTexts = Readonly<Record<'flag' | 'tenant' | 'user', string | null>>

/** Of vectors or cells; `cases` counts the single comparisons, of which a cell has several. */
export interface ReportCounts {
  readonly expected: number
  readonly compared: number
  readonly allowed: number
  readonly skipped: number
  readonly neverReached: number
  readonly cases: number
  /** Of a replay: how many differ, listed or not. */
  readonly differing?: number
  readonly fields: {
    readonly compared: number
    readonly differing: number
    readonly expected: number
    readonly allowed: number
  }
}
export interface ReportTiming {
  readonly started_at: string
  readonly duration_ms: number
  /** Questions put to both sides, each side's second asking included, a second; loading the rows is not counted. */
  readonly pairs_per_second: number
}
export interface ParityReport {
  readonly schemaVersion: 1
  readonly kind: 'parity_run' | 'parity_exhaustive' | 'parity_replay'
  readonly verdict: ReportVerdict
  readonly exitName: ExitName
  readonly exitCode: number
  readonly sides: { readonly baseline: ReportSide; readonly candidate: ReportSide }
  /** Rules that held beside those of the contract, and before them. */
  readonly rules?: readonly FieldRule[]
  readonly counts: ReportCounts
  readonly coverage: readonly CoverageLine[]
  readonly controls: readonly ReportControl[]
  readonly findings: readonly Finding[]
  readonly items: readonly ReportItem[]
  /** Everything that differs between two runs on the same inputs stands here. */
  readonly timing: ReportTiming
}

/** One line of a check that compares nothing: an artefact, a migration, a part of this machine. */
export interface CheckItem {
  readonly id: string
  readonly title: string
  readonly state: 'pass' | 'fail' | 'inconclusive' | 'pending'
  /** Each code of its findings once. */
  readonly codes: readonly string[]
  /** What to do, where there is something to do. */
  readonly next: string | null
  /** Of a planted fault: what gave it away, or null where nothing did. */
  readonly seen_by?: SeenBy | null
}
/** A vector, cell, control or pair of the comparer, and the field where it showed. */
export interface SeenBy {
  readonly proof: 'comparer' | 'vectors' | 'cells' | 'rows' | 'served'
  readonly subject: string
  readonly pointer: string | null
}
/** One thing that is wrong with an item. */
export interface CheckFinding {
  readonly code: string
  /** The item's id. */
  readonly subject: string
  /** JSON pointer into it, where it is an artefact. */
  readonly pointer: string | null
  readonly detail: string
}
export interface CheckReport {
  readonly schemaVersion: 1
  readonly kind:
    | 'artefacts'
    | 'audit_export'
    | 'audit_verify'
    | 'doctor'
    | 'export'
    | 'import'
    | 'jwks_check'
    | 'jwks_fetch'
    | 'parity_diff'
    | 'parity_fuzz'
    | 'parity_preflight'
    | 'parity_selftest'
    | 'signoff_verify'
    | 'probe_run'
    | 'probe_selftest'
    | 'token_verify'
    | 'trust_show'
    | 'waiver_lint'
    | 'waiver_list'
    | 'migrate_down'
    | 'migrate_status'
    | 'migrate_up'
    | 'migrate_verify'
  readonly verdict: ReportVerdict
  readonly exitName: ExitName
  readonly exitCode: number
  /** Of items; those that are pending or could not be looked at were never reached. */
  readonly counts: Pick<ReportCounts, 'expected' | 'compared' | 'neverReached'>
  readonly findings: readonly CheckFinding[]
  readonly items: readonly CheckItem[]
  /** Statements for somebody to read or run: a dry run's, or those that this role may not run itself. */
  readonly sql: readonly string[]
  /** The smallest case that fails: a matrix of one vector, or the scene where no vector can hold it. */
  readonly counterexample?: object
  /** Everything that differs between two runs on the same inputs stands here; milliseconds by item. */
  readonly timing?: {
    readonly started_at: string
    readonly duration_ms: number
    readonly ms: Readonly<Record<string, number>>
    /** Of a fuzz: pairs of decisions, loading the rows included. */
    readonly decisions_per_second?: number
  }
}

/** How an item is measured. */
export interface ProbeRow {
  readonly id: string
  readonly title: string
  readonly probe: string
  readonly where: string
  readonly effect: string
  readonly control: string
  /** Null where it can be measured. */
  readonly needs: string | null
}

/** One of the 42, with all that somebody needs who has to leave its state. */
export interface GateItem extends Omit<ItemResult, 'measured' | 'evidence'> {
  readonly title: string
  readonly why: string
  readonly owner: string
  readonly remediation: string
  /** Each limit in words, what was measured, and whether that holds it; null where nothing was. */
  readonly measured: readonly {
    readonly measure: string
    readonly required: string
    readonly value: string | null
    readonly held: boolean
  }[]
  /** The record that counted. */
  readonly evidence: GateEvidence | null
  /** The records before it, newest first, and no more than a few. */
  readonly history: readonly Pick<GateEvidence, 'seq' | 'ended_at' | 'result' | 'where'>[]
  /** The command that leaves this state. */
  readonly next: string | null
}
export interface GateEvidence extends Pick<
  EvidenceRecord,
  'seq' | 'result' | 'where' | 'sample_size' | 'started_at' | 'ended_at' | 'example' | 'met'
> {
  readonly hash: string
  readonly runner: string
}
export interface GateReport {
  readonly schemaVersion: 1
  readonly kind: 'gate'
  readonly verdict: GateVerdict
  readonly exitName: ExitName
  readonly exitCode: number
  /** Measured are those that passed, failed, or failed and are waived. */
  readonly counts: Pick<ReportCounts, 'expected' | 'compared' | 'neverReached'> & {
    readonly states: Readonly<Record<GateItemState, number>>
  }
  readonly groups: readonly {
    readonly id: string
    readonly title: string
    readonly items: number
    readonly states: Readonly<Record<GateItemState, number>>
  }[]
  readonly findings: readonly CheckFinding[]
  readonly items: readonly GateItem[]
  /** Of a GO alone. */
  readonly valid_until: string | null
  readonly expires_next: readonly { readonly id: string; readonly at: string }[]
  /** One command that measures again all that is stale or was never measured; null where nothing is. */
  readonly remeasure: string | null
  /** What to do first. */
  readonly next: string | null
  readonly identity: CutoverIdentity
  /** Those that were verified. */
  readonly signatures: VerifiedSignoff['signatures']
  readonly evidence_head: ChainHead | null
  readonly timing: { readonly started_at: string; readonly duration_ms: number }
}
export type Report = ParityReport | CheckReport | GateReport
