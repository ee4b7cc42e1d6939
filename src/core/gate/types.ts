import type { Instant } from '../rows/instant.ts'

export type SignoffRole = 'platform-lead' | 'security-lead'
/** Where an item is measured: what is cut over, its staging, or scratch on loopback. */
export type Where = 'target' | 'staging' | 'scratch'
/** What a probe does to what it is pointed at; the last two refuse a production target. */
export type Effect = 'observe' | 'write' | 'disrupt'
export type ItemKind = 'probe' | 'probe_and_attestation' | 'signature' | 'command'
/** Who may waive: nobody, the platform lead, or both leads. */
export type Waivable = 'no' | 'one' | 'two'
export type Scalar = number | boolean | string

/** One bound on one measured value. `or_times` widens it: the bound is the looser of `value` and factor x measure. */
export interface Limit {
  readonly measure: string
  readonly op: 'at_most' | 'at_least' | 'equals'
  readonly value: Scalar
  /** For people: `ms`, `rows`, `share`. */
  readonly unit: string
  readonly or_times?: { readonly factor: number; readonly measure: string }
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
  /** How many things have to have been looked at. */
  readonly min_sample: number
  readonly max_age: Duration
  /** A change of any of these makes evidence stale. */
  readonly identity: readonly IdentityField[]
  readonly control: ControlRule
  readonly waivable: Waivable
  readonly attest_role: SignoffRole | null
  readonly where: Where
  readonly effect: Effect
  readonly owner: string
  readonly remediation: string
  readonly docs: string
}
/** The deliberate fault that the probe has to report; a dear one runs with `ff probe selftest` and is kept for `max_age`. */
export interface ControlRule {
  readonly name: string
  readonly run: 'with_probe' | 'selftest'
  readonly max_age: Duration
}
export interface Checklist {
  readonly groups: readonly { readonly id: string; readonly title: string }[]
  readonly items: readonly ChecklistItem[]
}

/** What was measured (page 9). Null where whoever measured could not say. */
export interface CutoverIdentity {
  readonly environment: string | null
  readonly cutover_id: string | null
  readonly attempt: number | null
  /** `system_identifier/oid/schema` */
  readonly database: string | null
  readonly schema_head: string | null
  readonly code: string | null
  readonly config_digest: string | null
  readonly checklist_digest: string | null
}
export type IdentityField = keyof CutoverIdentity

/** What a probe hands over to be recorded. */
export interface EvidenceDraft {
  readonly schemaVersion: 1
  /** A control's record says only whether the planted fault was seen. */
  readonly kind: 'measurement' | 'control'
  readonly item: string
  readonly probe: ProbeCall
  readonly where: Where
  readonly effect: Effect
  readonly result: 'pass' | 'fail' | 'inconclusive' | 'error'
  /** Why it is no pass. */
  readonly codes: readonly string[]
  readonly measured: Readonly<Record<string, Scalar>>
  readonly limits: readonly Limit[]
  readonly sample_size: number
  readonly control: ControlOutcome | null
  /** The server, the rows, the requests that it met. */
  readonly met: Readonly<Record<string, Scalar>>
  /** One concrete case, where something was found. */
  readonly example: string | null
  readonly started_at: Instant
  readonly ended_at: Instant
  readonly identity: CutoverIdentity
  readonly tool_version: string
}
export interface ControlOutcome {
  readonly name: string
  readonly outcome: 'detected' | 'not_detected'
  readonly at: Instant
}
/** A record in its place in the log. */
export interface EvidenceRecord extends EvidenceDraft {
  readonly seq: number
  readonly prev_hash: string
}
export interface EvidenceEntry {
  readonly record: EvidenceRecord
  /** SHA-256 of the record's RFC 8785 form. */
  readonly hash: string
  /** RFC 7638 thumbprint of the key that signed it. */
  readonly runner: string
}
/** The last link of the log; `seq` 0 and zeros where it is empty. */
export interface ChainHead {
  readonly seq: number
  readonly hash: string
}
export type EvidenceLog =
  | {
      readonly status: 'whole'
      /** Oldest first. */
      readonly entries: readonly EvidenceEntry[]
      readonly head: ChainHead
    }
  | { readonly status: 'untrusted'; readonly code: EvidenceFault; readonly detail: string }
export type EvidenceFault =
  | 'evidence_edited'
  | 'evidence_cut'
  | 'evidence_reordered'
  | 'evidence_recomputed'
  | 'evidence_missing'

/** A key whose evidence counts, while it may sign; `until` is outside. */
export interface RunnerKey {
  readonly kid: string
  readonly from: Instant
  readonly until: Instant
}

export interface Waiver {
  readonly id: string
  readonly item: string
  readonly covers: WaiverCover
  readonly reason: string
  readonly risk: string
  readonly compensation: string
  readonly requester: string
  readonly requested_at: Instant
  readonly expires_at: Instant
  /** Only those whose signatures were verified. */
  readonly approvals: readonly { readonly person: string; readonly role: SignoffRole }[]
}
/** A failure within bounds, or one reason for which nothing could be measured. */
export type WaiverCover =
  | { readonly state: 'fail'; readonly bounds: readonly WaiverBound[] }
  | { readonly state: 'inconclusive'; readonly code: string }
/** Past it the waiver does not apply. */
export interface WaiverBound {
  readonly measure: string
  readonly op: 'at_most' | 'at_least'
  readonly value: number
}
export interface WaiverPolicy {
  readonly max_active: number
  readonly max_days: number
}

/** What verification of the sign-off came to. */
export type SignoffOutcome =
  | { readonly status: 'missing'; readonly roles: readonly SignoffRole[] }
  | { readonly status: 'stale'; readonly code: string; readonly detail: string }
  | { readonly status: 'refused'; readonly code: string; readonly detail: string }
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
  /** Which of the other items were accepted when it was signed. */
  readonly accepted: Readonly<Record<string, 'pass' | 'waived'>>
  /** The end of the evidence log as it was then; the log has to extend it. */
  readonly evidence_head: ChainHead
  readonly valid_until: Instant
}

export type GateItemState =
  'pass' | 'fail' | 'inconclusive' | 'error' | 'stale' | 'pending' | 'waived'
export type GateVerdict = 'go' | 'no_go' | 'not_ready' | 'inconclusive' | 'untrusted'

/** What one item came to. */
export interface ItemResult {
  readonly id: string
  readonly group: string
  readonly state: GateItemState
  /** Why; none for a pass. */
  readonly codes: readonly string[]
  /** An argument to the codes, for people. */
  readonly detail: string
  /** Each limit with what was measured; null where it was not. */
  readonly measured: readonly {
    readonly limit: Limit
    readonly value: Scalar | null
    readonly held: boolean
  }[]
  /** The first moment at which this state may change by time alone; null where time does nothing. */
  readonly valid_until: Instant | null
  /** The record that counted. */
  readonly evidence: {
    readonly seq: number
    readonly hash: string
    readonly ended_at: Instant
  } | null
  readonly waiver: string | null
}
/** What the gate says, of which every number is counted from `items`. */
export interface GateJudgement {
  readonly verdict: GateVerdict
  /** Of all that hold, the name of the exit that decides (page 8). */
  readonly exitName: 'ok' | 'no_go' | 'not_ready' | 'inconclusive' | 'untrusted'
  readonly items: readonly ItemResult[]
  readonly counts: Readonly<Record<GateItemState, number>>
  /** Set for a GO alone. */
  readonly valid_until: Instant | null
  /** What of the counted evidence expires first, in that order. */
  readonly expires_next: readonly { readonly id: string; readonly at: Instant }[]
  /** What is wrong with the run as a whole. */
  readonly faults: readonly { readonly code: string; readonly detail: string }[]
}
