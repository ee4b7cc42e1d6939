import type { Instant } from '../rows/instant.ts'
import type { SignoffRefusalCode } from '../signoff/refusals.ts'

export type SignoffRole = 'platform-lead' | 'security-lead'
/** The database that an item is measured on: the cutover target, its staging, or a scratch database on loopback. */
export type Where = 'target' | 'staging' | 'scratch'
export const PLACES: readonly Where[] = ['target', 'staging', 'scratch']
/** A probe's effect on its target; `write` and `disrupt` refuse a production target. */
export type Effect = 'observe' | 'write' | 'disrupt'
export type ItemKind = 'probe' | 'probe_and_attestation' | 'signature' | 'command'
/** Required approvals of a waiver: `no` forbids one, `one` is the platform lead, `two` is both leads. */
export type Waivable = 'no' | 'one' | 'two'
export type Scalar = number | boolean | string

/** One bound on one measured value. `or_times` widens it: the bound is the looser of `value` and factor x measure. */
export interface Limit {
  readonly measure: string
  readonly op: 'at_most' | 'at_least' | 'equals'
  readonly value: Scalar
  /** A unit for display: `ms`, `rows`, `share`. */
  readonly unit: string
  readonly or_times?: { readonly factor: number; readonly measure: string }
  /** The limit says how much was looked at; its control is the same measurement cut short. */
  readonly effort?: true
}
export interface ProbeCall {
  readonly name: string
  readonly version: number
  readonly params: Readonly<Record<string, unknown>>
}
/** ISO 8601, whole hours or days alone: `PT24H`, `P7D`. */
export type Duration = string

export interface ChecklistItem {
  readonly id: string
  readonly group: string
  readonly title: string
  readonly why: string
  readonly kind: ItemKind
  readonly probe: ProbeCall
  readonly limits: readonly Limit[]
  /** The least `sample_size` of a conclusive measurement. */
  readonly min_sample: number
  readonly max_age: Duration
  /** Evidence becomes stale when one of these changes. */
  readonly identity: readonly IdentityField[]
  /** One for each limit. */
  readonly controls: readonly ControlRule[]
  readonly waivable: Waivable
  readonly attest_role: SignoffRole | null
  readonly where: Where
  readonly effect: Effect
  readonly owner: string
  readonly remediation: string
  readonly docs: string
}
/**
 * The planted fault that the probe must report as a breach of one limit; an expensive one runs with `ff probe selftest`.
 * Its record counts for `max_age`.
 */
export interface ControlRule {
  /** The measure of the limit. */
  readonly limit: string
  readonly name: string
  readonly run: 'with_probe' | 'selftest'
  readonly max_age: Duration
}
export interface Checklist {
  readonly groups: readonly { readonly id: string; readonly title: string }[]
  readonly items: readonly ChecklistItem[]
}

/** The identity of the measured system. Null where the runner could not determine it. */
export interface CutoverIdentity {
  readonly environment: string | null
  readonly cutover_id: string | null
  readonly attempt: number | null
  /** `system_identifier/oid/schema/place` */
  readonly database: string | null
  readonly schema_head: string | null
  readonly code: string | null
  readonly config_digest: string | null
  readonly checklist_digest: string | null
  /** SHA-256 of the files of the program itself, in hexadecimal. */
  readonly build: string
}
/** A member that an item may list; every record depends on the build. */
export type IdentityField = Exclude<keyof CutoverIdentity, 'build'>
/** The identity in a record, which also says as which item it was measured. One of an earlier version lacks the last two. */
export interface EvidenceIdentity extends Pick<CutoverIdentity, IdentityField> {
  readonly build?: string
  /** As of `digestItem`. */
  readonly item_digest?: string
}

/**
 * SHA-256 in hexadecimal of files of the team's folder by path, as in `inputs` of the gate contract; of a member of the
 * plan that of its RFC 8785 form. A missing file has none.
 */
export type InputDigests = Readonly<Record<string, string>>

/** A record of a probe before it is chained and signed. */
export interface EvidenceDraft {
  readonly schemaVersion: 1
  /** A control's record tells only whether the planted fault was detected. */
  readonly kind: 'measurement' | 'control'
  readonly item: string
  /** The measure whose limit the planted fault has to break; of every control, and of nothing else. */
  readonly limit?: string
  readonly probe: ProbeCall
  readonly where: Where
  readonly effect: Effect
  readonly result: 'pass' | 'fail' | 'inconclusive' | 'error'
  /** Reasons where the result is no pass. */
  readonly codes: readonly string[]
  readonly measured: Readonly<Record<string, Scalar>>
  readonly limits: readonly Limit[]
  readonly sample_size: number
  /** Null in a measurement, and in a control that did not run to its end. */
  readonly control: ControlOutcome | null
  /** Properties of the server, the rows and the requests of the run. */
  readonly met: Readonly<Record<string, Scalar>>
  /** One concrete case; null where nothing was found. */
  readonly example: string | null
  readonly started_at: Instant
  readonly ended_at: Instant
  /** By path; none in a control's record and in one of an earlier version. */
  readonly inputs?: InputDigests
  readonly identity: EvidenceIdentity
  readonly tool_version: string
}
export interface ControlOutcome {
  readonly name: string
  readonly outcome: 'detected' | 'not_detected'
  readonly at: Instant
}
/** A draft with its place in the log. */
export interface EvidenceRecord extends EvidenceDraft {
  readonly seq: number
  readonly prev_hash: string
  /** The runner's clock at the append; it never goes back within a log. */
  readonly recorded_at: Instant
}
export interface EvidenceEntry {
  readonly record: EvidenceRecord
  /** SHA-256 of the record's RFC 8785 form. */
  readonly hash: string
  /** RFC 7638 thumbprint of the key that signed it. */
  readonly runner: string
}
/** The last entry of a log; `seq` 0 and a hash of zeros where the log is empty. */
export interface ChainHead {
  readonly seq: number
  readonly hash: string
}
/** A record that the log of a key must hold; the log may go on after it. */
export interface LogHead extends ChainHead {
  /** RFC 7638 thumbprint of the log's key. */
  readonly kid: string
}
/** A record that a log must hold by FF_EVIDENCE_HEAD, and how many withdrawals its head names at least; any without. */
export interface PinnedHead extends LogHead {
  readonly withdrawn?: number
}
/** One version of the trust file. */
export interface TrustMark {
  readonly version: number
  readonly sha256: string
}
/** The signed head of a log: its last record, and what its runner had verified by then. Only grows. */
export interface EvidenceHead extends ChainHead {
  readonly time: Instant
  /** The newest trust file that the runner verified; null where there was none. */
  readonly trust: TrustMark | null
  /** SHA-256 of each withdrawal that the runner verified. */
  readonly withdrawn: readonly string[]
}
/** The log of one key, whose lines and head verify. */
export interface WholeLog {
  readonly status: 'whole'
  /** RFC 7638 thumbprint of the log's key. */
  readonly kid: string
  /** Oldest first; all signed by the key. */
  readonly entries: readonly EvidenceEntry[]
  /** It may name an earlier record than the last. */
  readonly head: EvidenceHead
}
export interface UntrustedLog {
  readonly status: 'untrusted'
  readonly code: EvidenceFault
  readonly detail: string
}
/** One log after its verification. */
export type EvidenceLog = WholeLog | UntrustedLog
/** All logs of an evidence folder, one for each key; or the first fault of any. */
export type EvidenceLogs =
  | { readonly status: 'whole'; readonly logs: readonly WholeLog[] }
  | UntrustedLog
export type EvidenceFault =
  | 'evidence_edited'
  | 'evidence_cut'
  | 'evidence_reordered'
  | 'evidence_recomputed'
  | 'evidence_missing'
  | 'evidence_forked'
  | 'trust_rolled_back'
  | 'trust_forked'
  | 'withdrawal_missing'

/** A runner that the trust file names; its evidence counts from `from` until before `until`. */
export interface RunnerKey {
  readonly kid: string
  readonly name: string
  readonly from: Instant
  readonly until: Instant
  /** Where it may measure. */
  readonly places: readonly Where[]
  /** Of a revoked key only failures count. */
  readonly revoked: boolean
  /** The last record of a log that the trust file closes, after which none counts; of a lost log none does. */
  readonly closed: ChainHead | 'lost' | null
}

export interface Waiver {
  readonly id: string
  readonly item: string
  /** The cutover that it was approved for. */
  readonly environment: string
  readonly cutover_id: string
  readonly attempt: number
  readonly covers: WaiverCover
  readonly reason: string
  readonly risk: string
  readonly compensation: string
  readonly requester: string
  readonly requested_at: Instant
  readonly expires_at: Instant
  /** Only approvals whose signatures were verified. */
  readonly approvals: readonly { readonly person: string; readonly role: SignoffRole }[]
}
/** A failure within bounds, or one reason for an inconclusive result. */
export type WaiverCover =
  | { readonly state: 'fail'; readonly bounds: readonly WaiverBound[] }
  | { readonly state: 'inconclusive'; readonly code: string }
/** A limit on the measured value, beyond which the waiver does not apply. */
export interface WaiverBound {
  readonly measure: string
  readonly op: 'at_most' | 'at_least'
  readonly value: number
}
export interface WaiverPolicy {
  readonly max_active: number
  readonly max_days: number
}

/** The result of verifying the sign-off. */
export type SignoffOutcome =
  | { readonly status: 'missing'; readonly roles: readonly SignoffRole[] }
  | { readonly status: 'stale'; readonly code: SignoffRefusalCode; readonly detail: string }
  | { readonly status: 'refused'; readonly code: SignoffRefusalCode; readonly detail: string }
  /** Without a trust file nothing says whose signatures count. */
  | { readonly status: 'inconclusive'; readonly code: SignoffRefusalCode; readonly detail: string }
  | VerifiedSignoff
export interface VerifiedSignoff {
  readonly status: 'verified'
  readonly signatures: readonly {
    readonly role: SignoffRole
    readonly person: string
    readonly kid: string
    readonly signed_at: Instant
    /** Ids of items, groups and waivers. */
    readonly attests: readonly string[]
  }[]
  /** The other items that were accepted at signing time. */
  readonly accepted: Readonly<Record<string, 'pass' | 'waived'>>
  /** The heads of the runners' logs at signing time; each log must extend its head. */
  readonly evidence_heads: readonly LogHead[]
  readonly valid_until: Instant
}

export type GateItemState =
  | 'pass'
  | 'fail'
  | 'inconclusive'
  | 'error'
  | 'stale'
  | 'pending'
  | 'waived'
export type GateVerdict = 'go' | 'no_go' | 'not_ready' | 'inconclusive' | 'untrusted'

/** The judgement of one item. */
export interface ItemResult {
  readonly id: string
  readonly group: string
  readonly state: GateItemState
  /** Reasons; empty for a pass. */
  readonly codes: readonly string[]
  /** An argument of the codes, for display. */
  readonly detail: string
  /** Each limit with its measured value; null where none was measured. */
  readonly measured: readonly {
    readonly limit: Limit
    readonly value: Scalar | null
    readonly held: boolean
  }[]
  /** The first time at which this state may change by time alone; null where time changes nothing. */
  readonly valid_until: Instant | null
  /** The record that counts. */
  readonly evidence: {
    readonly seq: number
    readonly hash: string
    readonly runner: string
    readonly ended_at: Instant
  } | null
  readonly waiver: string | null
}
/** The judgement of the gate; every number is counted from `items`. */
export interface GateJudgement {
  readonly verdict: GateVerdict
  /** The exit of highest precedence among all that apply. */
  readonly exitName: 'ok' | 'no_go' | 'not_ready' | 'inconclusive' | 'untrusted'
  readonly items: readonly ItemResult[]
  readonly counts: Readonly<Record<GateItemState, number>>
  /** Set only for a GO. */
  readonly valid_until: Instant | null
  /** The items, and the heads of logs (`log NAME`), by the time at which they expire. */
  readonly expires_next: readonly { readonly id: string; readonly at: Instant }[]
  /** Faults of the run as a whole. */
  readonly faults: readonly {
    readonly code: string
    readonly detail: string
    /** The command that comes next for a late log. */
    readonly next?: string
    /** Of a late log whose runner has ended: the trust file has to close it. */
    readonly unclosed?: true
  }[]
}
