import type { RunnerSight } from '../core/gate/heads.ts'
import type { ChainHead, EvidenceDraft, EvidenceEntry, EvidenceHead } from '../core/gate/types.ts'

/** Whether a value matches the schema of a log's line, or of its head. */
export interface EvidenceShapes {
  readonly isLine: (value: unknown) => boolean
  readonly isHead: (value: unknown) => boolean
}

/** The evidence log of one key, open for appending. It holds the log's lock until it is closed. */
export interface EvidenceWriter {
  /** RFC 7638 thumbprint of the key. */
  readonly kid: string
  /** The signed head, renewed when the log was opened and by each append. */
  readonly head: EvidenceHead
  /**
   * Signs a record and appends it with a renewed head; resolves once both are synced to disk. One call at a time.
   *
   * @throws FfError `disk_full`, `evidence_unwritable`, `clock_set_back`
   */
  append(draft: EvidenceDraft): Promise<EvidenceEntry>
  close(): Promise<void>
}

/** A log open for appending, and the runner that signs its records. */
export interface OpenedEvidence {
  readonly writer: EvidenceWriter
  readonly runner: EvidenceRunner
}
export interface EvidenceRunner {
  /** RFC 7638 thumbprint of the key; a trust file names the runner by it. */
  readonly kid: string
  /** Whether the key was created now, so that no trust file names it yet. */
  readonly made: boolean
}

/** What opening a log for appending needs. */
export interface EvidenceNeeds {
  readonly shapes: EvidenceShapes
  readonly now: () => Date
  /** What the runner verifies now, which its head names. */
  readonly sight: RunnerSight
  /** Called before anything is written, with whether the log of the key is here; throws to refuse. */
  readonly onLog: (log: { readonly kid: string; readonly isHere: boolean }) => void
}

/** The files of one log: its whole lines, and its head; null for a missing file. */
export interface LogTexts {
  /** The name of the log's folder: the thumbprint of its key. */
  readonly kid: string
  readonly log: string | null
  readonly head: string | null
}
/** The files of every log of an evidence folder, in the order of their names. */
export type EvidenceTexts = readonly LogTexts[]

/** What an import did to the log of one key, and the last record that is here now. */
export interface ImportedLog extends ChainHead {
  readonly kid: string
  readonly extended: boolean
}
