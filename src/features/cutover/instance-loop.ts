import { Bell } from '../../concurrency/bell.ts'
import { withDeadline } from '../../concurrency/deadline.ts'
import {
  assessInstance,
  type CutoverInstance,
  type InstanceEffect,
  type InstanceEvent,
  type InstanceStanding,
  startInstance,
  stepInstance,
} from '../../core/cutover/instance.ts'
import { PHASE_RULES } from '../../core/cutover/phases.ts'
import type { PhaseRecord } from '../../core/cutover/record.ts'
import { type CutoverWrite, findHeldEpoch } from '../../core/cutover/write.ts'
import { FfError } from '../../errors.ts'
import type { CutoverDatabase, CutoverFile, InstanceFacts } from '../../ports/cutover.ts'

/** Of the end, in milliseconds: a service that was told to stop frees the lock of the file after it. */
const CLOSE_MS = 1_000
/** Renewals in one lease: the protocol wants three at least. */
const RENEWALS = 5
/** The first wait for the writer's consent, in milliseconds. */
const RETRY_MS = 10

export interface InstanceParts {
  readonly id: string
  readonly facts: InstanceFacts
  /** Null on another host than the file's. */
  readonly file: CutoverFile | null
  readonly database: CutoverDatabase
  readonly leaseMs: number
  /** Milliseconds of `readLeaseClock`. */
  readonly now: () => number
  /** The writes that this instance carries out. */
  readonly writes: () => readonly CutoverWrite[]
  /** Whether the file's rows that this instance serves have all that the writer has announced. */
  readonly isCurrent: () => boolean
  /** Told of each renewal that failed. */
  readonly failed: (place: RenewalPlace, error: unknown) => void
}
export type RenewalPlace = 'file' | 'database'

/**
 * Registers one running service beside the file and in the database, and renews both five times a lease; holds what these
 * renewals read. A renewal that fails only lets the lease run out.
 */
export class InstanceLoop {
  /** Rings when the record, the intent, the publication or a lease may be another one. */
  readonly changed = new Bell()
  /** Renewals that failed so far. */
  readonly failures: Record<RenewalPlace, number> = { file: 0, database: 0 }
  private readonly parts: InstanceParts
  private held: CutoverInstance
  private readonly renewing = new Map<RenewalPlace, Promise<void>>()
  /** The epoch that each place was told last; 0 before the first renewal. */
  private readonly registered: Record<RenewalPlace, number> = { file: 0, database: 0 }
  /** Until the next renewal while the writer's consent is awaited; grows up to the time of a usual one. */
  private retryMs = RETRY_MS
  private retry: NodeJS.Timeout | null = null
  private head: { readonly server: string; readonly seq: number } | null = null
  private timer: NodeJS.Timeout | null = null
  private closed = false

  constructor(parts: InstanceParts) {
    this.parts = parts
    this.held = startInstance(parts.id, parts.file !== null)
  }

  /** Registers in both places, and goes on renewing. Resolves once both have answered, or failed to. */
  async start(): Promise<void> {
    this.timer = setInterval(() => this.renew(), this.parts.leaseMs / RENEWALS)
    this.renew()
    await this.settled()
  }

  /** What the renewals have read so far. */
  get state(): CutoverInstance {
    return this.held
  }
  get record(): PhaseRecord | null {
    return this.held.record
  }

  /** What the instance may do now. `writes`, `behind`: as in the protocol. */
  assess(moment: { readonly writes: boolean; readonly behind: boolean }): InstanceStanding {
    const { leaseMs, now } = this.parts
    return assessInstance(this.held, { at: now(), leaseMs, ...moment })
  }

  /** Number of the last record that this instance has seen in the database, on the server of its lease; 0 for none. */
  get databaseSeq(): number {
    return this.head !== null && this.head.server === this.held.server ? this.head.seq : 0
  }
  /** Notes a record that this instance has seen in the database. */
  sawDatabase(server: string, seq: number): void {
    const known = this.head?.server === server ? this.head.seq : 0
    this.head = { server, seq: Math.max(known, seq) }
  }

  /** Milliseconds since the newest confirmed renewal in a place was sent; null before the first. */
  leaseAge(place: RenewalPlace): number | null {
    const { fileLeaseAt, databaseLeaseAt } = this.held
    const since = place === 'file' ? fileLeaseAt : databaseLeaseAt
    return since === null ? null : this.parts.now() - since
  }

  /** Renews at once where a newer epoch may be said to be held than was told. */
  noteWriteEnded(): void {
    const { file, database } = this.registered
    if (Math.max(file, database) < this.findEpoch()) this.renew()
  }
  /** Renews at once where the file's record has an epoch that is not held yet. */
  noteEpoch(epoch: number): void {
    if (epoch > (this.record?.epoch ?? 0)) this.renew()
  }

  /** Ends the renewals, and removes both registrations where they can be reached within a second. */
  async close(): Promise<void> {
    this.closed = true
    if (this.timer !== null) clearInterval(this.timer)
    if (this.retry !== null) clearTimeout(this.retry)
    const { file, database } = this.parts
    await Promise.all([this.forget('file', file), this.forget('database', database)])
  }

  /** After a renewal that is under way, which would register anew. What stays registered runs out by itself. */
  private async forget(
    place: RenewalPlace,
    side: Pick<CutoverFile, 'forget'> | null,
  ): Promise<void> {
    const { id, failed } = this.parts
    const removal = Promise.resolve(this.renewing.get(place)).then(() => side?.forget(id))
    await withDeadline(removal, CLOSE_MS, throwLate).catch((error: unknown) => failed(place, error))
  }

  private async settled(): Promise<void> {
    while (this.renewing.size > 0) await Promise.all(this.renewing.values())
  }

  private findEpoch(): number {
    return this.record === null ? 0 : findHeldEpoch(this.record, this.parts.writes())
  }

  private renew(): void {
    if (this.closed) return
    const { now, leaseMs } = this.parts
    const effects = this.take({ type: 'renew', at: now(), leaseMs })
    for (const { do: kind, counter } of effects) {
      const place = kind === 'renew_file' ? 'file' : 'database'
      // One at a time: a place that does not answer gets no second question before the deadline.
      if (this.renewing.has(place)) continue
      const renewal = this.renewIn(place, counter).finally(() => this.renewing.delete(place))
      this.renewing.set(place, renewal)
    }
  }

  private async renewIn(place: RenewalPlace, counter: number): Promise<void> {
    const { leaseMs, failed } = this.parts
    try {
      this.take(await withDeadline(this.ask(place, counter), leaseMs, throwLate))
    } catch (error) {
      this.failures[place] += 1
      failed(place, error)
      return
    }
    this.changed.ring()
    setImmediate(() => this.followUp(place))
  }

  /** A new epoch is told as soon as it is held, and a consent is looked for more often. */
  private followUp(place: RenewalPlace): void {
    if (this.registered[place] < this.findEpoch()) return this.renew()
    const usualMs = this.parts.leaseMs / RENEWALS
    if (this.assess({ writes: true, behind: false }).refusal !== 'no_consent') {
      this.retryMs = RETRY_MS
      return
    }
    if (this.closed || this.retry !== null || this.retryMs >= usualMs) return
    this.retry = setTimeout(() => {
      this.retry = null
      this.renew()
    }, this.retryMs)
    this.retryMs *= 2
  }

  private async ask(place: RenewalPlace, counter: number): Promise<InstanceEvent> {
    const { id, facts, file, database, isCurrent } = this.parts
    const epoch = this.findEpoch()
    const registration = { id, counter, epoch, facts }
    if (place === 'file' && file !== null) {
      const { record, intent } = await file.renew(registration)
      this.registered.file = epoch
      // Rows that lack what is announced are as old as the renewal before.
      const counted = isCurrent() ? counter : NO_COUNTER
      return { type: 'renewed_file', counter: counted, record, intent }
    }
    const { server, identity, record, publication } = await database.renew(registration)
    this.registered.database = epoch
    const phase = this.record?.phase ?? record?.phase
    if (phase !== undefined && PHASE_RULES[phase].authority === 'database') {
      this.sawDatabase(server, (await database.head()).seq)
    }
    return { type: 'renewed_database', counter, server, identity, record, publication }
  }

  private take(event: InstanceEvent): readonly InstanceEffect[] {
    const [held, effects] = stepInstance(this.held, event)
    this.held = held
    return effects
  }
}

/** Of no renewal that was sent. */
const NO_COUNTER = 0

const throwLate = (): never => {
  throw new FfError(
    'backing_unavailable',
    'A registration of this instance in the cutover was not answered in time.',
    {
      hint: 'Read what /health/ready says about the cutover.',
    },
  )
}
