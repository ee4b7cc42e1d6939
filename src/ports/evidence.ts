import type { EvidenceDraft, EvidenceEntry } from '../core/gate/types.ts'

/** An evidence log that is open for writing; nobody else writes there until it is closed. */
export interface EvidenceWriter {
  /** Signs a record, puts it at the end of the log, and resolves when it is on disk. One at a time. */
  append(draft: EvidenceDraft): Promise<EvidenceEntry>
  close(): Promise<void>
}

/** A log that is open for writing, and who signs what is put there. */
export interface OpenedEvidence {
  readonly writer: EvidenceWriter
  readonly runner: {
    /** RFC 7638 thumbprint, by which a trust file names it. */
    readonly kid: string
    /** Whether there was no key before: then nobody names it yet. */
    readonly made: boolean
  }
}

/** The evidence of a folder as it is; null where it is not there. */
export interface EvidenceTexts {
  readonly log: string | null
  readonly head: string | null
}
