/** An audit record that waits for its delivery. */
export interface ShipRecord {
  /** Its number in the chain: the records of a slot are sent in this order. */
  readonly seq: number
  /** The idempotency key: a record that arrives twice has the same. */
  readonly audit_id: string
  /** The key of the message, within which the order holds. */
  readonly target: string
  /** The record as `serializeRecord` writes it, with its hash and without its sink members. */
  readonly text: string
  /** How often the broker refused it; 0 also after a redrive. */
  readonly attempts: number
  /** How long it had to wait for this try, in milliseconds; null where it did not wait. */
  readonly waited_ms: number | null
}

/**
 * What became of the records of one partition, which the broker appends all or none of.
 *
 * - `acked`: all in-sync replicas have them, the first at `offset`, the others directly behind it
 * - `refused`: the broker answered that it does not take them, and will not take them as they are
 * - `unavailable`: there was no answer, or one that another try may change; they may have been appended
 */
export type SendOutcome =
  | { readonly kind: 'acked'; readonly partition: number; readonly offset: number }
  | { readonly kind: 'refused' | 'unavailable'; readonly reason: string }

/** The records of a send that went to one partition, in order of `seq`. */
export interface SentGroup {
  readonly records: readonly ShipRecord[]
  readonly outcome: SendOutcome
}

/**
 * The new sink members of one record.
 *
 * - `delivered`: with its place in the topic
 * - `waiting`: still pending, not to be sent before `delay_ms` are over, and its target's later records neither
 * - `failed`: not to be sent before a redrive, and its target's later records neither
 */
export type ShipMark =
  | {
      readonly kind: 'delivered'
      readonly seq: number
      readonly partition: number
      readonly offset: number
    }
  | {
      readonly kind: 'waiting'
      readonly seq: number
      readonly attempts: number
      readonly reason: string
      readonly delay_ms: number
    }
  | {
      readonly kind: 'failed'
      readonly seq: number
      readonly attempts: number
      readonly reason: string
    }

/** What delays or holds back a record, as a store keeps it. */
export interface SinkState {
  readonly status: 'pending' | 'delivered' | 'failed'
  /** Milliseconds since 1970 by the clock of the store, before which the record is not sent; null for none. */
  readonly next_try_ms: number | null
}
