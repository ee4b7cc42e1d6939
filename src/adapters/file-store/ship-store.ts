import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import type { AuditChainHead } from '../../core/audit/record.ts'
import { type Instant, instantFromMs, instantToMs } from '../../core/rows/instant.ts'
import { MOST_BYTES } from '../../core/shipping/slot.ts'
import type { ShipMark, ShipRecord } from '../../core/shipping/types.ts'
import { FfError } from '../../errors.ts'
import type { ShipBacklog, ShipClaim, ShipStore, SlotBacklog } from '../../ports/shipping.ts'
import { tryLock } from '../file-lock/file-lock.ts'
import { FileTrail } from './audit-trail.ts'
import { requireFilePhase } from './cutover-file.ts'
import type { DeliveryMarks, Mark, TriedRecord } from './delivery-marks.ts'
import { listSegments } from './segments.ts'
import { MarksReader } from './marks-reader.ts'
import { MarksWriter } from './marks-writer.ts'
import { readOn } from './read-on.ts'
import { leaveRedrive, listRedrives, removeRedrives } from './redrive-requests.ts'
import { FILE_SLOTS, findSlot, type QueuedRecord, ShipQueue } from './ship-queue.ts'
import { closedError, toStoreError } from './store-error.ts'

/** Between two looks for requests, in milliseconds. */
const LOOK_MS = 1_000
const LOCK = '.delivery.lock'
/** Most records that `backlog` reads from the oldest pending one on. */
const MOST_READ = 20_000

/** What the holder of the lock works with. */
interface Holding {
  readonly lock: FileHandle
  readonly writer: MarksWriter
  readonly queue: ShipQueue
}

interface HeldSlot {
  /** Of the last claim; the least is that of the slot that was claimed least recently. */
  token: number
  isClaimed: boolean
  /** Those of the last reading, by number. */
  read: ReadonlyMap<number, QueuedRecord>
}

/**
 * The audit records of a file store, for their delivery: reads the log while a service may write to it, and keeps in a
 * file beside it what became of each. One process at a time has all slots, from its first claim until `close`.
 */
export class FileShipStore implements ShipStore {
  readonly facts = { target: 'file', backing: 'file', server: null } as const
  private readonly folder: string
  private readonly now: () => number
  private readonly reader: MarksReader
  /** Of `backlog` alone: where nothing is left, it goes on where the last count ended. */
  private readonly counted: FileTrail
  private holding: Holding | null = null
  private readonly slots: readonly HeldSlot[]
  private claims = 0
  private lookedAt = Number.NEGATIVE_INFINITY
  private turn: Promise<unknown> = Promise.resolve()
  private closed = false

  private constructor(folder: string, counted: FileTrail, now: () => number) {
    this.folder = folder
    this.counted = counted
    this.now = now
    this.reader = new MarksReader(folder)
    this.slots = Array.from({ length: FILE_SLOTS }, () => ({
      token: 0,
      isClaimed: false,
      read: new Map(),
    }))
  }

  /**
   * Opens the store of a folder; takes no lock.
   *
   * @param now a monotonic clock in milliseconds
   * @throws FfError `target_unreachable` for a missing folder, `store_corrupt` for a bad header, or another of
   *   `toStoreError`
   */
  static async open(
    folder: string,
    now: () => number = performance.now.bind(performance),
  ): Promise<FileShipStore> {
    return new FileShipStore(folder, await FileTrail.open(folder), now)
  }

  /**
   * As the port says.
   *
   * @throws FfError `store_locked` while another process ships, `phase_refused` during a cutover, `store_corrupt` for a
   *   damaged log, or another of `toStoreError`
   */
  claim(): Promise<ShipClaim | null> {
    return this.runExclusively(async () => {
      const holding = await this.tryHold()
      if (holding === null) throw makeLockedError(this.folder)
      const slot = await this.findSendable(holding)
      if (slot === null) return null
      this.claims += 1
      Object.assign(this.slots[slot] as HeldSlot, { token: this.claims, isClaimed: true })
      return { slot, token: this.claims }
    })
  }

  /** As the port says, of the records in memory alone; the next claim reads the log. @throws FfError of `toStoreError` */
  read(claim: ShipClaim, limit: number): Promise<readonly ShipRecord[]> {
    return this.runExclusively(async () => {
      const held = this.findHeld(claim)
      if (held === null || this.holding === null) return []
      const records = takeFirst(this.holding.queue.sendable(claim.slot), limit)
      held.read = new Map(records.map((record) => [record.seq, record]))
      // What was read is on the disk of this host before it is sent anywhere.
      if (records.length > 0) await this.syncLog()
      return records
    })
  }

  /** @throws FfError of `toStoreError`, such as `disk_full`; then nothing is marked */
  mark(claim: ShipClaim, marks: readonly ShipMark[]): Promise<boolean> {
    return this.runExclusively(async () => {
      const held = this.findHeld(claim)
      if (held === null || this.holding === null) return false
      const { queue, writer } = this.holding
      const line = toLine(marks, held.read, instantFromMs(Date.now()))
      if (marks.length > 0) await writer.append(line)
      queue.delivered(claim.slot, new Set(line.delivered.map(([seq]) => seq)))
      for (const record of line.tried) queue.tried(claim.slot, record)
      return true
    })
  }

  release(claim: ShipClaim): Promise<void> {
    return this.runExclusively(() => {
      const held = this.findHeld(claim)
      if (held !== null) Object.assign(held, { isClaimed: false, read: new Map() })
      return Promise.resolve()
    })
  }

  /**
   * As the port says, of the first 20,000 records from the oldest pending one on.
   *
   * @throws FfError of `toStoreError`
   */
  backlog(): Promise<ShipBacklog> {
    return this.runExclusively(async () => {
      const marks = this.holding?.writer.marks ?? (await this.reader.read())
      const slots = Array.from({ length: FILE_SLOTS }, (_, slot) => ({
        slot,
        pending: 0,
        oldest: null as number | null,
      }))
      const trail = this.counted
      const from = await this.findFirst(marks)
      let looked = 0
      await readOn({ trail, delivered: marks.delivered }, from, (record) => {
        const slot = slots[findSlot(record.target)]
        if (slot !== undefined && marks.status(record.seq) === 'pending') {
          slot.pending += 1
          slot.oldest ??= instantToMs(record.occurred_at)
        }
        return (looked += 1) < MOST_READ
      })
      const now = Date.now()
      return {
        failed: marks.failed,
        slots: slots.map(({ slot, pending, oldest }): SlotBacklog => ({
          slot,
          pending,
          oldest_seconds: oldest === null ? null : Math.max(0, now - oldest) / 1000,
        })),
      }
    })
  }

  /**
   * As the port says. While another process ships, it gets a request, which it meets at its next claim; the records
   * that are failed by now are counted.
   *
   * @throws FfError of `toStoreError`
   */
  redrive(target: string | null): Promise<number> {
    return this.runExclusively(async () => {
      const holding = await this.tryHold()
      if (holding !== null) return this.redriveHeld(holding, target)
      const { length } = selectFailed(await this.reader.read(), target)
      if (length > 0) await leaveRedrive(this.folder, target)
      return length
    })
  }

  /** Waits for the work that runs, and gives the lock back. @throws FfError of `toStoreError` */
  async close(): Promise<void> {
    this.closed = true
    await this.runExclusively(async () => {
      const { holding } = this
      this.holding = null
      await holding?.writer.close()
      await holding?.lock.close()
    })
  }

  /** The free slot that was claimed least recently of those with a record that may be sent; null where there is none. */
  private async findSendable({ queue }: Holding): Promise<number | null> {
    const free = [...this.slots.entries()].filter(([, { isClaimed }]) => !isClaimed)
    const inOrder = free.sort(([, one], [, other]) => one.token - other.token)
    // The log is read on when the queue is used up, so that it is read for many slots at once.
    for (const [slot] of inOrder) if (queue.hasSendable(slot)) return slot
    const ended = new Set<number>()
    for (const [slot] of inOrder) {
      await queue.fill(slot, ended)
      if (queue.hasSendable(slot)) return slot
    }
    return null
  }

  /** What this process works with, once it has the lock; null while another one has it. Meets requests. */
  private async tryHold(): Promise<Holding | null> {
    if (this.closed) throw closedError(this.folder)
    const looks = this.holding === null || this.now() - this.lookedAt >= LOOK_MS
    // Another phase may be published while this process ships.
    if (looks) await requireFilePhase(this.folder)
    this.holding ??= await this.takeLock()
    if (this.holding === null || !looks) return this.holding
    this.lookedAt = this.now()
    const requests = await listRedrives(this.folder)
    for (const { target } of requests) await this.redriveHeld(this.holding, target)
    await removeRedrives(this.folder, requests)
    return this.holding
  }

  private async takeLock(): Promise<Holding | null> {
    const lock = await tryLock(join(this.folder, LOCK))
    if (lock === null) return null
    try {
      const writer = await MarksWriter.open(this.folder, (head) => this.holds(head))
      const trail = await FileTrail.open(this.folder)
      const first = await this.findFirst(writer.marks)
      return { lock, writer, queue: new ShipQueue({ trail, marks: writer.marks }, first, this.now) }
    } catch (error) {
      await lock.close()
      throw error
    }
  }

  private async redriveHeld({ writer, queue }: Holding, target: string | null): Promise<number> {
    const found = selectFailed(writer.marks, target)
    if (found.length === 0) return 0
    const at = instantFromMs(Date.now())
    const again = { status: 'pending', attempts: 0, reason: null, delay_ms: null, at } as const
    await writer.append({
      delivered: [],
      head: null,
      tried: found.map((record) => ({ ...record, ...again })),
    })
    for (const record of found) queue.redriven(record.target)
    return found.length
  }

  /** The number of the first record of the log that is not delivered; 1 for a log without records. */
  private async findFirst(marks: DeliveryMarks): Promise<number> {
    const [segment] = await listSegments(this.folder)
    return marks.delivered.findMissing(segment?.first ?? 1)
  }

  private async holds({ seq, hash }: AuditChainHead): Promise<boolean> {
    const trail = await FileTrail.open(this.folder)
    return trail.read(seq - 1, async ({ records }) => {
      for await (const record of records) return record?.seq === seq && record.hash === hash
      return false
    })
  }

  /** The service writes a line before it is on the disk: a record that was sent must not be lost by a power cut. */
  private async syncLog(): Promise<void> {
    const segment = (await listSegments(this.folder)).at(-1)
    if (segment === undefined) return
    const file = await open(join(this.folder, segment.name))
    try {
      await file.datasync()
    } finally {
      await file.close()
    }
  }

  private findHeld({ slot, token }: ShipClaim): HeldSlot | null {
    const held = this.slots[slot]
    return held !== undefined && held.isClaimed && held.token === token ? held : null
  }

  /** One call after the other: several workers of this process share the slots. */
  private runExclusively<T>(work: () => Promise<T>): Promise<T> {
    const done = this.turn.then(work)
    // The caller of this work gets its failure; the next work runs all the same.
    this.turn = done.catch(() => undefined)
    return done.catch((error: unknown) => {
      throw toStoreError(error, this.folder)
    })
  }
}

const makeLockedError = (folder: string): FfError =>
  new FfError('store_locked', `Another process ships the audit records of ${folder}.`, {
    hint: `Find it with \`fuser -v '${join(folder, LOCK)}'\`; once it ends, run the same command again.`,
  })

/** The failed records of a target, or all for null. */
const selectFailed = ({ tried }: DeliveryMarks, target: string | null): readonly TriedRecord[] =>
  [...tried.values()].filter(
    (record) => record.status === 'failed' && (target === null || record.target === target),
  )

/** The first records that are at most `limit` and of `MOST_BYTES` in all; one at least. */
function takeFirst(records: readonly QueuedRecord[], limit: number): readonly QueuedRecord[] {
  let bytes = 0
  const end = records.findIndex(({ text }) => (bytes += Buffer.byteLength(text)) > MOST_BYTES)
  return records.slice(0, Math.min(limit, end < 0 ? limit : Math.max(1, end)))
}

/**
 * The line of the marks of one send.
 *
 * @param read the records that were read for it, by number
 * @throws RangeError for a mark of another record
 */
function toLine(
  marks: readonly ShipMark[],
  read: ReadonlyMap<number, QueuedRecord>,
  at: Instant,
): Mark {
  const find = (seq: number): QueuedRecord => {
    const record = read.get(seq)
    if (record === undefined) throw new RangeError(`record ${seq} was not read for this claim`)
    return record
  }
  const delivered = marks.filter(({ kind }) => kind === 'delivered').map(({ seq }) => seq)
  const seqs = delivered.toSorted((one, other) => one - other)
  const last = seqs.at(-1)
  return {
    delivered: seqs.map((seq) => [seq, seq]),
    head: last === undefined ? null : { seq: last, hash: find(last).hash },
    tried: marks.flatMap((mark) => {
      const { target } = find(mark.seq)
      return mark.kind === 'delivered' ? [] : [toTried(mark, target, at)]
    }),
  }
}

function toTried(
  mark: Exclude<ShipMark, { kind: 'delivered' }>,
  target: string,
  at: Instant,
): TriedRecord {
  const { seq, attempts, reason } = mark
  const tried = { seq, target, attempts, reason, at }
  return mark.kind === 'failed'
    ? { ...tried, status: 'failed', delay_ms: null }
    : { ...tried, status: 'pending', delay_ms: mark.delay_ms }
}
