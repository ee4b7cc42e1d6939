import type { SentGroup, ShipMark, ShipRecord } from '../core/shipping/types.ts'
import type { SideFacts } from './store.ts'

/** A slot that this process holds: no other may send its records before the claim is released or has run out. */
export interface ShipClaim {
  /** 0 to the number of slots less one; every record of a target is in the same slot. */
  readonly slot: number
  /** Grows with every claim of the slot, so that a mark of an earlier holder is refused. */
  readonly token: number
}

/** How much is not delivered. */
export interface ShipBacklog {
  readonly slots: readonly SlotBacklog[]
  /** Records that are failed, up to `MOST_COUNTED`. */
  readonly failed: number
}
export interface SlotBacklog {
  readonly slot: number
  /** Records that are pending, up to `MOST_COUNTED`. */
  readonly pending: number
  /** Age of the oldest pending record, in seconds by the clock of the store; null where none is pending. */
  readonly oldest_seconds: number | null
}

/** Options of a store that records are shipped from. */
export interface ShipStoreOptions {
  /** How long a claim lasts after it was made, or after the last mark, in milliseconds. */
  readonly lease_ms: number
  /** The longest that a send of this process takes: another process waits this long after the lease as well. */
  readonly send_ms: number
}

/**
 * The records of a store that wait for their delivery, in slots. A slot is claimed, never a record. Every member throws
 * the errors of the store, such as FfError `backing_unavailable` or `rights_missing`.
 */
export interface ShipStore {
  readonly facts: SideFacts
  /**
   * Claims the free slot that was claimed least recently of those with a record that may be sent now.
   *
   * @returns null where there is none, or others hold them all
   */
  claim(): Promise<ShipClaim | null>
  /**
   * The first records of a slot that may be sent now, in order of `seq`: none that is pending is skipped, but those behind
   * a failed or waiting one of their target. At most `limit` of `MOST_BYTES` in all, and one at least where there is any.
   * Never by a number that was read before: a record may become visible after one with a higher number.
   */
  read(claim: ShipClaim, limit: number): Promise<readonly ShipRecord[]>
  /**
   * Writes sink members, all or none, and begins the lease anew.
   *
   * @param topic of the records that are delivered
   * @returns whether the claim still held; if not, nothing was written
   */
  mark(claim: ShipClaim, marks: readonly ShipMark[], topic: string): Promise<boolean>
  /** Gives the slot back; without effect where the claim no longer holds. */
  release(claim: ShipClaim): Promise<void>
  /** Counts what is not delivered, in bounded time. */
  backlog(): Promise<ShipBacklog>
  /**
   * Makes failed records pending again, without attempts.
   *
   * @param target whose records; null for all
   * @returns how many
   */
  redrive(target: string | null): Promise<number>
  close(): Promise<void>
}

/** A Kafka broker on loopback that keeps its topics in memory. */
export interface ScratchBroker {
  /** As FF_KAFKA_BROKERS takes it. */
  readonly brokers: string
  close(): Promise<void>
}

/** The topic that records are sent to. */
export interface AuditTopic {
  readonly name: string
  /**
   * Sends records, in their order within each partition, with acknowledgement of all in-sync replicas. Sends nothing
   * again by itself. Never throws; ends within `send_ms`.
   *
   * @returns each record in one group
   */
  send(records: readonly ShipRecord[]): Promise<readonly SentGroup[]>
  /**
   * Asks the brokers for the number of its partitions.
   *
   * @throws FfError `target_unreachable` where no broker answers, or none knows the topic; `rights_missing`
   */
  countPartitions(): Promise<number>
  /** Ends its connections. */
  close(): Promise<void>
}

/** How to reach the brokers. */
export interface KafkaOptions {
  /** `host:port` of each broker to begin with. */
  readonly brokers: readonly string[]
  readonly topic: string
  /** Time for one send, connecting included, in milliseconds. */
  readonly send_ms: number
  /** Null for plain TCP. Texts in PEM; null for the authorities of this machine, or no client certificate. */
  readonly tls: {
    readonly ca: string | null
    readonly cert: string | null
    readonly key: string | null
  } | null
  readonly sasl: {
    readonly mechanism: SaslMechanism
    readonly username: string
    readonly password: string
  } | null
}
export type SaslMechanism = 'plain' | 'scram-sha-256' | 'scram-sha-512'

/** What a shipper did. `reason` never holds a part of a record. */
export type ShipEvent =
  | { readonly kind: 'claimed' | 'released'; readonly slot: number }
  /** A send ended, before anything of it was marked. */
  | {
      readonly kind: 'sent'
      readonly slot: number
      readonly groups: readonly SentGroup[]
      readonly ms: number
    }
  /** The marks of a send are stored. */
  | { readonly kind: 'marked'; readonly slot: number; readonly marks: readonly ShipMark[] }
  /** Another process has taken the slot over, so that nothing was marked. */
  | { readonly kind: 'lost'; readonly slot: number }
  /** No broker answered: the worker rests for `delay_ms`. */
  | {
      readonly kind: 'suspended'
      readonly slot: number
      readonly reason: string
      readonly delay_ms: number
    }
  /** The store failed: the worker rests for `delay_ms`. */
  | {
      readonly kind: 'store_failed'
      readonly code: string
      readonly reason: string
      readonly delay_ms: number
    }

export type ShipObserver = (event: ShipEvent) => void
