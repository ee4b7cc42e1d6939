import type { AuditChainHead, AuditRecord } from '../core/audit/record.ts'
import type { PublicJwk } from '../core/signoff/types.ts'
import type { Instant } from '../core/rows/instant.ts'
import type { ByteSigner } from './signoff.ts'
import type { SideFacts } from './store.ts'

/** The audit trail of a store that somebody keeps: read, never written, and beside whoever writes. */
export interface AuditTrail {
  readonly facts: SideFacts
  /**
   * Lends what is kept after a record, as of one moment.
   * @throws FfError as the store does that is read
   */
  read<T>(after: number, use: (reading: AuditReading) => Promise<T>): Promise<T>
  close(): Promise<void>
}

export interface AuditReading {
  /** What the store says beside the records: where the chain ends, or a place that it passes. */
  readonly said: { readonly head: AuditChainHead; readonly as: 'end' | 'passed' }
  /** In the order in which they are kept, in bounded memory, once; null for what is kept there and is no record. */
  readonly records: AsyncIterable<AuditRecord | null>
}

/** What a head says of the chain and of the batch it was exported with (page 5, audit). */
export interface SignedHead {
  /** How many records the chain has: the number of the last. */
  readonly count: number
  readonly hash: string
  readonly time: Instant
  /** Of the batch: its first record, the hash that it goes on from, its file, and the SHA-256 of that. */
  readonly first_seq: number
  readonly prev_hash: string
  readonly file: string
  readonly sha256: string
}

export interface AuditSigner {
  readonly jwk: PublicJwk
  readonly sign: ByteSigner
}

export type AuditHeadRead =
  | { readonly ok: true; readonly head: SignedHead; readonly kid: string }
  | { readonly ok: false; readonly code: 'head_malformed' | 'head_signature_invalid' }
