import type { EvidenceDraft, EvidenceEntry } from '../core/gate/types.ts'

/** An evidence log open for appending. It holds the folder's lock until it is closed. */
export interface EvidenceWriter {
  /**
   * Signs a record and appends it; resolves once it is synced to disk. One call at a time.
   *
   * @throws FfError `disk_full`
   */
  append(draft: EvidenceDraft): Promise<EvidenceEntry>
  close(): Promise<void>
}

/** An evidence log open for appending, and the runner that signs its records. */
export interface OpenedEvidence {
  readonly writer: EvidenceWriter
  readonly runner: {
    /** RFC 7638 thumbprint of the key; a trust file names the runner by it. */
    readonly kid: string
    /** Whether the key was created now, so that no trust file names it yet. */
    readonly made: boolean
  }
}

/** The files of an evidence folder: whole lines of the log, and the head; null for a missing file. */
export interface EvidenceTexts {
  readonly log: string | null
  readonly head: string | null
}
