import type { AuditChainHead, AuditRecord } from '../core/audit/record.ts'
import type { SinkStatus } from '../core/audit/sink.ts'
import type { PublicJwk } from '../core/signoff/types.ts'
import type { Instant } from '../core/rows/instant.ts'
import type { ByteSigner } from './signoff.ts'
import type { SideFacts } from './store.ts'

/** The audit trail of a kept store: read only, and without blocking its writer. */
export interface AuditTrail {
  readonly facts: SideFacts
  /**
   * Runs `use` on the records past number `after`, as of one moment.
   * @throws FfError `store_corrupt`, `backing_unavailable` and other errors of the store
   */
  read<T>(after: number, use: (reading: AuditReading) => Promise<T>): Promise<T>
  close(): Promise<void>
}

/** One reading of an audit trail. */
export interface AuditReading {
  /**
   * The head that the store keeps apart from the records: the end of the chain, or an earlier record that the chain
   * passes.
   */
  readonly said: { readonly head: AuditChainHead; readonly as: 'end' | 'passed' }
  /** The records in stored order, in bounded memory, to be read once; null for an entry that is not a valid record. */
  readonly records: AsyncIterable<AuditRecord | null>
  /** The sink status of the record that was read last, by its number. */
  readonly sinkStatus: (seq: number) => SinkStatus
  /** Where the record that was read last was delivered; null where it was not, or the store does not say. */
  readonly sinkPlace: (seq: number) => SinkPlace | null
}

/** The place of a message. */
export interface SinkPlace {
  readonly topic: string
  readonly partition: number
  readonly offset: number
}

/**
 * The head of an audit chain, with the batch that was exported up to it (`contracts/schemas/audit-head.schema.json`).
 */
export interface SignedHead {
  /** Records of the chain, which is the number of the last. */
  readonly count: number
  /** Hash of the last record, in hex. */
  readonly hash: string
  readonly time: Instant
  /** Number of the first record of the batch. */
  readonly first_seq: number
  /** Hash of the record before the batch. */
  readonly prev_hash: string
  /** Name of the batch's file. */
  readonly file: string
  /** SHA-256 of that file, in hex. */
  readonly sha256: string
}

/** Signs audit heads with one Ed25519 key. */
export interface AuditSigner {
  readonly jwk: PublicJwk
  readonly sign: ByteSigner
}

/** A head whose signature verifies, with the RFC 7638 thumbprint of the key that signed it; or why it is refused. */
export type AuditHeadRead =
  | { readonly ok: true; readonly head: SignedHead; readonly kid: string }
  | { readonly ok: false; readonly code: 'head_malformed' | 'head_signature_invalid' }
