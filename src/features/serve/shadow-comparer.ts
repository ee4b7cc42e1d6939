import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import {
  type DecidedCase,
  findShadowDifference,
  haveSameRevisions,
  isBehind,
  ReasonSampler,
} from '../../core/observe/shadow.ts'
import type { RowsOfFlag } from '../../core/rows/rows.ts'
import { FfError } from '../../errors.ts'
import type { FlagReader } from '../../ports/store.ts'
import type { ShadowObserver } from '../../ports/telemetry.ts'

/** Decisions that wait to be compared; one more is dropped. */
const MAX_QUEUED = 2_000
/** Reads of the other side that are under way at once. */
const AT_ONCE = 4

/** The sides of a comparison, as they are now. */
export interface ShadowSides {
  readonly authority: FlagReader
  readonly other: FlagReader
}
/** A decision of this instance, and how long its rows took to read, in milliseconds. */
export interface ShadowCase extends DecidedCase {
  readonly read_ms: number
}
export interface ShadowOptions {
  /** Null where the phase compares no decisions. */
  readonly sides: () => ShadowSides | null
  /** Share of the decisions of each reason that are compared. */
  readonly share: number
  /** How long a change may take to reach the other side, in milliseconds. */
  readonly stalenessMs: number
  readonly observer: ShadowObserver
  /** Called with an error that is a bug. */
  readonly report: (error: unknown) => void
  /** A monotonic clock in milliseconds. */
  readonly now?: () => number
}

/**
 * Repeats decisions on the rows of the other side, after the caller has its answer. Where the sides have other revisions of
 * a row, both are read again after the staleness bound: a side that still lacks what the other one had is a divergence, else
 * the change was in flight.
 */
export class ShadowComparer {
  private readonly options: ShadowOptions
  private readonly sampler: ReasonSampler
  private readonly now: () => number
  private readonly queue: ShadowCase[] = []
  private readonly running = new Set<Promise<void>>()
  /** Second looks that wait for the staleness bound. */
  private readonly waiting = new Set<Promise<void>>()
  private readonly stopping = new AbortController()

  constructor(options: ShadowOptions) {
    this.options = options
    this.sampler = new ReasonSampler(options.share)
    this.now = options.now ?? performance.now.bind(performance)
  }

  /** Queues a decision, or not: it costs the caller a few comparisons. */
  offer(decided: ShadowCase): void {
    // Rows that are marked as stale are those of no side.
    if (decided.decision.meta.stale === true || this.options.sides() === null) return
    if (!this.sampler.takes(decided.decision.reason, this.now())) return
    if (this.stopping.signal.aborted || this.queue.length >= MAX_QUEUED)
      return this.options.observer.dropped()
    this.queue.push(decided)
    if (this.running.size < AT_ONCE) this.start()
  }

  /** Ends after the reads that are under way; what waits is dropped. */
  async close(): Promise<void> {
    this.stopping.abort()
    for (const _ of this.queue.splice(0)) this.options.observer.dropped()
    await Promise.all([...this.running, ...this.waiting])
  }

  private start(): void {
    const work = this.drain().catch(this.fail)
    this.running.add(work)
    void work.finally(() => this.running.delete(work))
  }

  /** A comparison that ends in a bug has compared nothing, which is counted. */
  private readonly fail = (error: unknown): void => {
    this.options.observer.failed()
    this.options.report(error)
  }

  private async drain(): Promise<void> {
    // Each one in a turn of its own, behind the answers that wait.
    await nextTurn()
    for (let next = this.queue.shift(); next !== undefined; next = this.queue.shift()) {
      const sides = this.options.sides()
      if (sides === null) this.options.observer.dropped()
      else await this.compare(next, sides)
      await nextTurn()
    }
  }

  private async compare(decided: ShadowCase, { other }: ShadowSides): Promise<void> {
    const { observer } = this.options
    // The authority changed while it waited: the other side is the one that decided.
    if (other.kind === decided.decision.meta.backing_state) return observer.dropped()
    const right = await this.read(other, decided)
    if (right === null) return
    observer.answered(decided.decision.meta.backing_state, decided.read_ms)
    const { input, decision } = decided
    const field = findShadowDifference(decided, { right })
    if (field === null) observer.compared(decision.reason)
    else if (haveSameRevisions(input.rows, right)) observer.diverged(field)
    else if (this.waiting.size >= MAX_QUEUED) observer.dropped()
    else this.wait(decided, right)
  }

  private wait(decided: ShadowCase, right: RowsOfFlag): void {
    const { stalenessMs, observer } = this.options
    const work = sleep(stalenessMs, undefined, { signal: this.stopping.signal })
      .then(
        () => this.compareAgain(decided, right),
        () => observer.dropped(),
      )
      .catch(this.fail)
    this.waiting.add(work)
    void work.finally(() => this.waiting.delete(work))
  }

  private async compareAgain(decided: ShadowCase, before: RowsOfFlag): Promise<void> {
    const { observer, sides } = this.options
    const now = sides()
    if (now === null) return observer.dropped()
    const left = await this.read(now.authority, decided)
    const right = await this.read(now.other, decided)
    if (left === null || right === null) return
    const field = findShadowDifference(decided, { left, right })
    // Each side has to have by now what the other one had then. What was written since is in flight again.
    if (isBehind(right, decided.input.rows) || isBehind(left, before)) observer.diverged('stale')
    else if (field !== null && haveSameRevisions(left, right)) observer.diverged(field)
    else observer.inFlight()
  }

  /** The rows of a decision on one side; null where it does not answer as that side, which is counted. */
  private async read(side: FlagReader, { input }: ShadowCase): Promise<RowsOfFlag | null> {
    const { observer } = this.options
    const { tenant_id, user_id } = input.principal
    const since = this.now()
    try {
      const rows = await side.read({ flag_key: input.request.flag_key, tenant_id, user_id })
      observer.answered(side.kind, this.now() - since)
      if (rows.stale === undefined) return rows
    } catch (error) {
      if (!(error instanceof FfError)) throw error
    }
    observer.failed()
    return null
  }
}
