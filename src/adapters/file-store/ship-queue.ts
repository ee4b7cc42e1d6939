import crc32c from 'crc-32/crc32c.js'
import { type AuditRecord, serializeRecord } from '../../core/audit/record.ts'
import { type Instant, instantToMs } from '../../core/rows/instant.ts'
import { selectSendable } from '../../core/shipping/slot.ts'
import type { ShipRecord, SinkState } from '../../core/shipping/types.ts'
import type { AuditTrail } from '../../ports/audit.ts'
import type { DeliveryMarks, TriedRecord } from './delivery-marks.ts'
import { readOn } from './read-on.ts'
import { StoreDamage } from './snapshot.ts'

/** Every record of a target is in the same slot. */
export const FILE_SLOTS = 16
export const findSlot = (target: string): number => (crc32c.str(target) >>> 0) % FILE_SLOTS

/** Most records and characters that wait in memory: of one slot, and of all where another slot is read for. */
const MOST = {
  slot: { records: 2_000, characters: 4_194_304 },
  all: { records: 8_000, characters: 16_777_216 },
} as const

/** A record that is not delivered. */
export interface QueuedRecord extends Omit<ShipRecord, 'attempts' | 'waited_ms'> {
  readonly hash: string
  readonly occurred_at: Instant
  sink: SinkState
  attempts: number
  waited_ms: number | null
}

/** Records of a target that are not in the queue, because an earlier one is failed or waits. */
interface HeldTarget {
  /** The first of them; null where none was met yet. */
  first: number | null
  /** Whether nothing holds them any more. */
  free: boolean
}

class Slot {
  queue: QueuedRecord[] = []
  characters = 0
  /** Every record of the slot below this number is delivered, queued or held. */
  next: number
  readonly held = new Map<string, HeldTarget>()

  constructor(next: number) {
    this.next = next
  }

  get isFull(): boolean {
    const { records, characters } = MOST.slot
    return this.queue.length >= records || this.characters >= characters
  }

  add(record: QueuedRecord): void {
    this.queue.push(record)
    this.characters += record.text.length
  }

  keep(isKept: (record: QueuedRecord) => boolean): void {
    this.queue = this.queue.filter(isKept)
    this.characters = this.queue.reduce((sum, { text }) => sum + text.length, 0)
  }

  /** Takes the records of a target from a number on out of the queue, until `release`. */
  hold(target: string, from: number): void {
    const taken = this.queue.find((one) => one.target === target && one.seq >= from)?.seq
    this.keep((one) => one.target !== target || one.seq < from)
    const before = this.held.get(target)?.first
    const first = Math.min(taken ?? Infinity, before ?? Infinity)
    this.held.set(target, { first: first === Infinity ? null : first, free: false })
  }

  /** Makes room: the records behind those that wait must not fill the queue. */
  holdFollowers(): void {
    const waiting = this.queue.filter(({ sink }) => sink.next_try_ms !== null)
    for (const { target, seq } of waiting) this.hold(target, seq + 1)
  }

  release(target: string): void {
    const held = this.held.get(target)
    if (held !== undefined) held.free = true
  }

  /** Whether a record that is read for the queue belongs to a held target; the first one is read again later. */
  skips({ target, seq }: AuditRecord): boolean {
    const held = this.held.get(target)
    if (held === undefined) return false
    held.first ??= seq
    return true
  }

  /** Has the records read again that nothing holds any more. */
  rewind(): void {
    const free = [...this.held].filter(([, held]) => held.free)
    for (const [target] of free) this.held.delete(target)
    const from = Math.min(this.next, ...free.flatMap(([, { first }]) => first ?? []))
    if (from === this.next) return
    this.next = from
    this.keep(({ seq }) => seq < from)
    for (const held of this.held.values())
      if (held.first !== null && held.first >= from) held.first = null
  }
}

/** Reads the log of a store in order, and keeps the first records of each slot that are not delivered. */
export class ShipQueue {
  private readonly trail: AuditTrail
  private readonly marks: DeliveryMarks
  private readonly now: () => number
  private readonly slots: readonly Slot[]
  /** The highest record that was read. */
  private last: Pick<AuditRecord, 'seq' | 'hash'> | null = null

  /**
   * @param log.marks as they change: the caller applies each mark before it tells the queue
   * @param first the number of the first record that may not be delivered
   * @param now a monotonic clock in milliseconds
   */
  constructor(
    log: { readonly trail: AuditTrail; readonly marks: DeliveryMarks },
    first: number,
    now: () => number,
  ) {
    this.trail = log.trail
    this.marks = log.marks
    this.now = now
    this.slots = Array.from({ length: FILE_SLOTS }, () => new Slot(first))
  }

  /** The records of a slot that are queued and may be sent now, in their order. */
  sendable(slot: number): readonly QueuedRecord[] {
    return [...selectSendable(this.at(slot).queue, this.now())]
  }

  hasSendable(slot: number): boolean {
    return selectSendable(this.at(slot).queue, this.now()).next().done !== true
  }

  /**
   * Reads on until the slot has a record that may be sent, or the log ends.
   *
   * @param ended numbers from which on the log is known to hold nothing new
   * @throws FfError `store_corrupt` for a damaged log, or another of the trail
   */
  async fill(index: number, ended: Set<number>): Promise<void> {
    const slot = this.at(index)
    slot.rewind()
    while (!this.hasSendable(index)) {
      if (slot.isFull) slot.holdFollowers()
      if (slot.isFull || ended.has(slot.next)) return
      const from = slot.next
      if (await this.scan(index)) ended.add(slot.next)
      if (slot.next === from) return
    }
  }

  /** Takes records out that were delivered. */
  delivered(index: number, seqs: ReadonlySet<number>): void {
    const slot = this.at(index)
    for (const { seq, target, sink } of slot.queue)
      if (seqs.has(seq) && sink.next_try_ms !== null) slot.release(target)
    slot.keep(({ seq }) => !seqs.has(seq))
  }

  /** Has a record wait, or be failed, as it was tried. */
  tried(index: number, record: TriedRecord): void {
    const slot = this.at(index)
    const queued = slot.queue.find(({ seq }) => seq === record.seq)
    if (record.status === 'failed') slot.hold(record.target, record.seq)
    else if (queued !== undefined)
      Object.assign(queued, toSinkMembers(record, this.now(), record.delay_ms ?? 0))
  }

  /** Has a failed record sent again, with the later ones of its target. */
  redriven(target: string): void {
    this.at(findSlot(target)).release(target)
  }

  /** Reads from where the slot stands, for all slots that are as far. @returns whether the log ended */
  private async scan(index: number): Promise<boolean> {
    const wanted = this.at(index)
    const from = wanted.next
    const open = new Set(this.slots.filter((slot) => slot.next >= from))
    let seen = from - 1
    const goOn = (record: AuditRecord): boolean => {
      this.requireSame(record)
      const slot = this.at(findSlot(record.target))
      if (open.has(slot) && record.seq >= slot.next && !this.take(slot, record)) open.delete(slot)
      seen = record.seq
      return open.has(wanted) && !this.hasEnough(index)
    }
    try {
      return await readOn({ trail: this.trail, delivered: this.marks.delivered }, from, goOn)
    } finally {
      const next = this.marks.delivered.findMissing(seen + 1)
      for (const slot of open) slot.next = Math.max(slot.next, next)
    }
  }

  private hasEnough(index: number): boolean {
    if (this.at(index).queue.length === 0) return false
    const sum = (count: (slot: Slot) => number): number =>
      this.slots.reduce((all, slot) => all + count(slot), 0)
    return (
      sum(({ queue }) => queue.length) >= MOST.all.records ||
      sum(({ characters }) => characters) >= MOST.all.characters
    )
  }

  /** @returns false where the slot is full; its next record is then this one */
  private take(slot: Slot, record: AuditRecord): boolean {
    const { seq, target } = record
    if (this.marks.delivered.has(seq)) return true
    const tried = this.marks.tried.get(seq)
    if (tried?.status === 'failed' && !slot.held.has(target))
      slot.held.set(target, { first: seq, free: false })
    if (slot.skips(record)) return true
    if (slot.isFull) {
      slot.next = seq
      return false
    }
    slot.add(toQueued(record, tried ?? null, this.now()))
    return true
  }

  /** A record that was read before may have been cut off, and another one be in its place. @throws StoreDamage */
  private requireSame({ seq, hash, prev_hash }: AuditRecord): void {
    const { last } = this
    if (
      last !== null &&
      (seq === last.seq ? hash !== last.hash : seq === last.seq + 1 && prev_hash !== last.hash)
    )
      throw new StoreDamage(`record ${last.seq} of the log is not the one that was read before`)
    if (last === null || seq > last.seq) this.last = { seq, hash }
  }

  private at(index: number): Slot {
    const slot = this.slots[index]
    if (slot === undefined) throw new RangeError(`there is no slot ${index}`)
    return slot
  }
}

function toQueued(record: AuditRecord, tried: TriedRecord | null, now: number): QueuedRecord {
  const { seq, audit_id, target, hash, occurred_at } = record
  const text = serializeRecord(record)
  const sink = tried === null ? UNTRIED : toSinkMembers(tried, now, remainingMs(tried))
  return { seq, audit_id, target, text, hash, occurred_at, ...sink }
}

type SinkMembers = Pick<QueuedRecord, 'sink' | 'attempts' | 'waited_ms'>
const UNTRIED: SinkMembers = {
  sink: { status: 'pending', next_try_ms: null },
  attempts: 0,
  waited_ms: null,
}
const toSinkMembers = (tried: TriedRecord, now: number, wait_ms: number): SinkMembers => ({
  sink: { status: 'pending', next_try_ms: tried.delay_ms === null ? null : now + wait_ms },
  attempts: tried.attempts,
  waited_ms: tried.delay_ms,
})

/** What is left of a wait that began in another process; a clock that was set back does not prolong it. */
const remainingMs = ({ at, delay_ms }: TriedRecord): number => {
  const delay = delay_ms ?? 0
  return Math.min(Math.max(instantToMs(at) + delay - Date.now(), 0), delay)
}
