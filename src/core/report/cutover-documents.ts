import type { CutoverPhase } from '../cutover/phases.ts'
import type { StepIntent } from '../cutover/record.ts'
import type { WayOut } from '../cutover/way-out.ts'
import type { TableName } from '../rows/rows.ts'

/** A side as a status shows it. */
export interface SideStatus {
  /** Null before the first cutover. */
  readonly epoch: number | null
  readonly phase: CutoverPhase | null
  /** The head of its audit chain. */
  readonly seq: number
  readonly hash: string
}
/** What blocks the next step. */
export interface StepBlock {
  readonly code:
    | 'database_unreachable'
    | 'chains_forked'
    | 'database_left'
    | 'other_database'
    | 'drill'
    | 'few_instances'
    | 'older_epoch'
    | 'other_lease'
    | 'mirror_behind'
    | 'slots_held'
    | 'needs_go'
  readonly detail: string
}
/** One instance, by its registrations. */
export interface InstanceStatus {
  readonly id: string
  readonly host: string
  readonly pid: number
  readonly code: string
  /** The newest epoch that it has said it holds. */
  readonly epoch: number
  /** Where it is registered. */
  readonly places: readonly ('file' | 'database')[]
  /** Whether it renewed while the status was read; false for one that may have ended. */
  readonly live: boolean
  /** Whether it holds the file's lock; null for one of another host. */
  readonly writer: boolean | null
}
/** The document of `ff cutover status`. */
export interface CutoverStatusDocument {
  readonly phase: CutoverPhase
  readonly epoch: number
  readonly attempt: number
  readonly armed: boolean
  /** Null where there never was one; an old one stays until the next. */
  readonly intent: StepIntent | null
  readonly survivor: 'file' | 'database'
  readonly scratch: boolean
  /** When the way back of a drill begins; null outside of a drill. */
  readonly drill_ends_at: string | null
  readonly file: SideStatus
  /** Null where the database does not answer. */
  readonly database: (SideStatus & { readonly identity: string; readonly closed: boolean }) | null
  /** What the second side lacks; null in a phase with one side, and where that is not known. */
  readonly lag: { readonly changes: number } | null
  readonly instances: readonly InstanceStatus[]
  readonly blocks: readonly StepBlock[]
  readonly next: WayOut
}

/** The document of a step that was taken. */
export interface CutoverStep {
  readonly from: CutoverPhase
  readonly phase: CutoverPhase
  readonly epoch: number
  readonly attempt: number
  /** Records that were copied into an empty database before the first step; null where there was no need. */
  readonly filled: number | null
  /** How long the switch lock was held exclusively, in milliseconds; null where it was not. */
  readonly paused_ms: number | null
  /** Whether a single instance on the file's host was accepted. */
  readonly one_writer: boolean
  /** The operator's word how the lost side was switched off; null without. */
  readonly stopped: string | null
  readonly next: WayOut
}
/** The document of `ff cutover drill --staging`: each step in order, forth and back. */
export interface StagingDrill {
  readonly steps: readonly (Pick<
    CutoverStep,
    'from' | 'phase' | 'epoch' | 'attempt' | 'paused_ms'
  > & {
    /** From the command's first look to the moment at which every live instance holds the phase. */
    readonly seconds: number
  })[]
  readonly next: WayOut
}
/** The document of `ff cutover plan` and `rollback --plan`. */
export interface CutoverPlanDocument {
  readonly phase: CutoverPhase
  readonly steps: readonly {
    readonly to: CutoverPhase
    readonly command: string
    readonly what: string
  }[]
  readonly next: WayOut
}

/** What one side holds behind the last record that both have. */
interface OwnRecords {
  readonly count: number
  /** At most 100, in order. */
  readonly records: readonly {
    readonly seq: number
    readonly occurred_at: string
    readonly actor: string
    readonly action: string
    readonly target: string
    readonly outcome: 'applied' | 'refused'
  }[]
}
/** Which sides have a row: both, with different content, or one alone. */
export type DriftKind = 'differs' | 'file_only' | 'database_only'
/** One row that is not the same on both sides. */
export interface ReconciledRow {
  readonly table: TableName
  readonly scope_id: string | null
  readonly flag_key: string
  readonly kind: DriftKind
  /** Members that differ, as JSON pointers into the row; empty where one side alone has it. */
  readonly fields: readonly string[]
  /** `left`: it cannot be repaired, for `reason`. */
  readonly outcome: 'found' | 'repaired' | 'left'
  /** Number of the audit record of the repair; null without. */
  readonly seq: number | null
  /** Code of the refusal of a repair; null without. */
  readonly reason: string | null
}
/** The rows of both sides under one chain. */
export interface RowReconciliation {
  /** Rows that at least one side has, at the last search. */
  readonly compared: number
  /** False where the search ended at 1,000 rows that differ. */
  readonly complete: boolean
  /** Rows that changed at each look, so that they count neither as equal nor as different. */
  readonly in_flight: number
  readonly found: number
  readonly repaired: number
  readonly left: number
  /** At most 100. */
  readonly rows: readonly ReconciledRow[]
}

/** The document of `ff cutover reconcile`. */
export interface CutoverReconciliation {
  readonly phase: CutoverPhase
  /** Number of the last record that both chains have. */
  readonly common_seq: number
  readonly file_only: OwnRecords
  readonly database_only: OwnRecords
  /** Null where the chains are not one, or the phase has one side alone. */
  readonly rows: RowReconciliation | null
  readonly next: WayOut
}

/** A load on the services of a drill: what it was answered. */
interface DrillCount {
  readonly requests: number
  /** No whole answer, another status than 2xx, or a wrong decision that is not marked stale. */
  readonly failed: number
  /** Decisions by the last known rows, marked as such. */
  readonly stale: number
  /** Acknowledged writes. */
  readonly acknowledged: number
}
/** One step of a drill, and the load from its start to that of the next. */
export interface DrillStep extends DrillCount {
  readonly from: CutoverPhase
  readonly to: CutoverPhase
  /** Milliseconds from the start of the load to that of the step. */
  readonly at_ms: number
  readonly seconds: number
  /** How long the switch lock was held exclusively, in milliseconds; null where it was not. */
  readonly paused_ms: number | null
  /** Longest time without an acknowledged write, in milliseconds. */
  readonly write_gap_ms: number
  /** Values that a service does not know in the new phase though they were acknowledged. */
  readonly lost: number
}
/** The document of `ff cutover drill`. */
export interface CutoverDrill {
  readonly verdict: 'pass' | 'fail' | 'inconclusive'
  /** Why it is no pass: what was measured and what is required, or what was not measured. */
  readonly because: readonly string[]
  /** Of load in each phase. */
  readonly seconds: number
  readonly server: string
  /** The store that was copied; null for one that the drill made. */
  readonly store: string | null
  readonly steps: readonly DrillStep[]
  readonly total: DrillCount & { readonly failed_share: number }
  /** Of acknowledged writes by the audit trail of the file, once it decides again. */
  readonly writes: { readonly missing: number; readonly repeated: number }
  readonly decisions: { readonly compared: number; readonly differing: number }
  /** Of 250 ms each, from the start of the load. */
  readonly slices: readonly (DrillCount & { readonly at_ms: number })[]
  /** Some failed requests and differing decisions, in words. */
  readonly examples: readonly string[]
}
