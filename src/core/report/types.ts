import type { ExitName } from '../exit.ts'
import type { RunCounts } from '../gate/failures.ts'
import type { Departure, TeamCommand } from '../gate/floor.ts'
import type {
  EvidenceRecord,
  GateItemState,
  GateVerdict,
  CutoverIdentity,
  ItemResult,
  Limit,
  LogHead,
  VerifiedSignoff,
  Waiver,
} from '../gate/types.ts'
import type { ChainSplit, ComparedPair } from '../parity/judge.ts'
import type { Exemption } from '../parity/field-rules.ts'
import type { CoverageLine } from '../parity/coverage.ts'

/** The verdict of every report except the gate's. */
export type ReportVerdict = 'pass' | 'fail' | 'inconclusive' | 'cancelled'
export type ItemState = 'pass' | 'fail' | 'unanswered' | 'skipped' | 'never_reached'

/** A code with arguments; reporters own the words. `left` and `right` are JSON texts, null where a side has no value. */
export interface Finding {
  readonly code:
    | 'divergence'
    | 'noise'
    | 'unanswered'
    | 'comparer_fault'
    | 'field_unseen'
    | 'fault_unseen'
    | 'nothing_decided'
  /** Id of the vector, the cell or the control. */
  readonly subject: string
  readonly sides: ComparedPair | 'baseline' | 'candidate' | null
  readonly pointer: string | null
  readonly rule: string | null
  readonly left: string | null
  readonly right: string | null
}
/** A control of the harness itself; a run whose control fails proves nothing. */
export interface ReportControl {
  readonly id: 'comparer' | 'fields' | 'planted' | 'a_a_baseline' | 'a_a_candidate'
  readonly held: boolean
  readonly compared: number
}
export interface ReportSide {
  readonly target: string
  /** Null where a service did not state it. */
  readonly backing: 'file' | 'db' | null
  readonly server: string | null
}
export interface ReportItem {
  readonly id: string
  readonly title: string
  readonly state: ItemState
  /** Null for a pass. */
  readonly detail: ItemDetail | null
}
export interface ItemDetail {
  readonly chains: readonly (ChainSplit & { readonly sides: ComparedPair })[]
  /** The rows that each side read, as JSON texts by table. */
  readonly rows: { readonly baseline: RowTexts; readonly candidate: RowTexts }
  readonly reproduce: string
}
export type RowTexts = Readonly<Record<'flag' | 'tenant' | 'user', string | null>>

/** Counts of one table of a run. */
export interface TableCounts {
  readonly expected: number
  readonly compared: number
  readonly skipped: number
  readonly neverReached: number
}
/** Counts of vectors or cells; `cases` counts single comparisons, of which a cell has several. */
export interface ReportCounts {
  readonly expected: number
  readonly compared: number
  readonly allowed: number
  readonly skipped: number
  readonly neverReached: number
  readonly cases: number
  /** Requests of a replay that differ, listed or not. */
  readonly differing?: number
  /** The situations of an exhaustive run, which no other member but `fields` counts. */
  readonly situations?: TableCounts
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
  /** Questions answered by both sides in a second, the second answer of each included; loading the rows is not counted. */
  readonly pairs_per_second: number
}
export interface ParityReport {
  readonly schemaVersion: 1
  readonly kind: 'parity_run' | 'parity_exhaustive' | 'parity_replay'
  readonly verdict: ReportVerdict
  readonly exitName: ExitName
  readonly exitCode: number
  readonly sides: { readonly baseline: ReportSide; readonly candidate: ReportSide }
  /** The rules in force other than MUST_MATCH, each with the number of differences that it expected or allowed. */
  readonly rules: readonly Exemption[]
  readonly counts: ReportCounts
  readonly coverage: readonly CoverageLine[]
  readonly controls: readonly ReportControl[]
  readonly findings: readonly Finding[]
  readonly items: readonly ReportItem[]
  /** The only member that differs between two runs on the same inputs. */
  readonly timing: ReportTiming
}

/** One item of a check that compares nothing: an artefact, a migration, a component of the machine. */
export interface CheckItem {
  readonly id: string
  readonly title: string
  readonly state: 'pass' | 'fail' | 'inconclusive' | 'pending'
  /** The distinct codes of its findings. */
  readonly codes: readonly string[]
  /** The next step; null where there is none. */
  readonly next: string | null
  /** For a planted fault: the proof that detected it, or null where none did. */
  readonly seen_by?: SeenBy | null
}
/** The vector, cell, control or row of the proof, and the field that differed. */
export interface SeenBy {
  readonly proof: 'comparer' | 'vectors' | 'cells' | 'rows' | 'served' | 'cached' | 'redis'
  readonly subject: string
  readonly pointer: string | null
}
/** One fault of an item. */
export interface CheckFinding {
  readonly code: string
  /** The item's id. */
  readonly subject: string
  /** JSON pointer into the artefact; null for any other item. */
  readonly pointer: string | null
  readonly detail: string
}
export interface CheckReport {
  readonly schemaVersion: 1
  readonly kind:
    | 'artefacts'
    | 'audit_export'
    | 'audit_reconcile'
    | 'audit_verify'
    | 'doctor'
    | 'evidence_list'
    | 'export'
    | 'import'
    | 'jwks_check'
    | 'jwks_fetch'
    | 'mapping_check'
    | 'parity_diff'
    | 'parity_fuzz'
    | 'parity_preflight'
    | 'parity_selftest'
    | 'plan_check'
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
  /** Counts of items; a pending or inconclusive item was never reached. */
  readonly counts: Pick<ReportCounts, 'expected' | 'compared' | 'neverReached'>
  readonly findings: readonly CheckFinding[]
  readonly items: readonly CheckItem[]
  /** SQL statements to review or run: those of a dry run, or those that the current role may not run. */
  readonly sql: readonly string[]
  /** The smallest failing case: a matrix of one vector, or the scene where no vector can express it. */
  readonly counterexample?: object
  /** The only member that differs between two runs on the same inputs; `ms` holds milliseconds by item. */
  readonly timing?: {
    readonly started_at: string
    readonly duration_ms: number
    readonly ms: Readonly<Record<string, number>>
    /** Only of a fuzz run: pairs of decisions, loading the rows included. */
    readonly decisions_per_second?: number
  }
}

/** The way in which an item is measured. */
export interface ProbeRow {
  readonly id: string
  readonly title: string
  readonly probe: string
  readonly where: string
  readonly effect: string
  /** The planted fault for each limit, by its measure. */
  readonly controls: readonly { readonly limit: string; readonly name: string }[]
  /** The missing prerequisite; null where the item can be measured. */
  readonly needs: string | null
}

/** What a probe measures, and what it needs to measure staging. */
export interface ProbeExplanation extends ProbeRow {
  readonly limits: readonly Limit[]
  /** In words; null where its item is not one of staging. */
  readonly staging: readonly string[] | null
}

/** One item of the checklist with everything needed to leave its state. */
export interface GateItem extends Omit<ItemResult, 'measured' | 'evidence'> {
  readonly title: string
  readonly why: string
  readonly owner: string
  readonly remediation: string
  /** Each limit in words with its measured value; null where none was measured. */
  readonly measured: readonly {
    readonly measure: string
    readonly required: string
    readonly value: string | null
    readonly held: boolean
  }[]
  /** The record that counts. */
  readonly evidence: GateEvidence | null
  /** How often it was measured, on the target in this attempt alone, and how often it failed. */
  readonly runs: RunCounts
  /** A few earlier records, newest first. */
  readonly history: readonly Pick<GateEvidence, 'seq' | 'ended_at' | 'result' | 'where'>[]
  /** What to do, by the reasons; null for an accepted item. */
  readonly fix: string | null
  /** The command that leaves this state; null for an accepted item, and where a person has to act first. */
  readonly next: string | null
}
export interface GateEvidence extends Pick<
  EvidenceRecord,
  'seq' | 'result' | 'where' | 'sample_size' | 'started_at' | 'ended_at' | 'example' | 'met'
> {
  readonly hash: string
  readonly runner: string
}
/** A waiver by which an item is accepted, with all that a reader has to know of it. */
export interface WaiverInUse extends Pick<
  Waiver,
  'id' | 'item' | 'reason' | 'risk' | 'compensation' | 'requester'
> {
  /** The bounds of a failure in words, or the reason code of an inconclusive result. */
  readonly covers: string
  readonly expires_at: string
  readonly approvers: Waiver['approvals']
}
export interface GateReport {
  readonly schemaVersion: 1
  readonly kind: 'gate'
  readonly verdict: GateVerdict
  readonly exitName: ExitName
  readonly exitCode: number
  readonly identity: CutoverIdentity
  /** The window of the plan; null without a plan. */
  readonly window: { readonly from: string; readonly until: string } | null
  /** The trust file that the verdict rests on; null where none is trusted. */
  readonly trust: { readonly version: number; readonly sha256: string } | null
  /** Set only for a GO. */
  readonly valid_until: string | null
  /** `compared` counts items that passed, failed, or failed and are waived. */
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
  /** The waivers in use. */
  readonly waivers: readonly WaiverInUse[]
  readonly expires_next: readonly { readonly id: string; readonly at: string }[]
  /** One command that measures again every stale or never measured item; null where there is none. */
  readonly remeasure: string | null
  /** What to do first; null for a GO. */
  readonly fix: string | null
  /** The command of that step; null for a GO, and where a person has to act first. */
  readonly next: string | null
  /** Only verified signatures. */
  readonly signatures: VerifiedSignoff['signatures']
  /** Where the checklist departs from the package's: stricter, free or text alone. */
  readonly departures: readonly Departure[]
  readonly team_commands: readonly TeamCommand[]
  /** The last record of each log, with its runner's name, null for one that the trust file does not name. */
  readonly evidence_heads: readonly (LogHead & {
    readonly runner: string | null
    /** When the runner signed the head. */
    readonly time: string
  })[]
  readonly timing: { readonly started_at: string; readonly duration_ms: number }
}
export type Report = ParityReport | CheckReport | GateReport
