import { Breaker } from '../../concurrency/breaker.ts'
import { withDeadline } from '../../concurrency/deadline.ts'
import { FfError } from '../../errors.ts'
import type { ServiceStore } from '../../ports/store.ts'

/** Opens after some unanswered reads; then one read tries the store again, half a second after the last one failed. */
const BREAKER_LIMITS = { failures: 5, within_ms: 10_000, half_open_after_ms: 500 }
/** How long a failed write says that writes fail, unless another one succeeds. */
const WRITE_FAULT_MS = 60_000
const WRITE_FAULTS: ReadonlySet<string> = new Set(['disk_full', 'target_read_only'])

/** Error codes of a store that is away. */
export const AWAY_CODES = ['backing_unavailable', 'target_unreachable'] as const
const AWAY: ReadonlySet<string> = new Set(AWAY_CODES)
/** Whether an error says that the store is away; a store that fails otherwise has answered. */
export const isAway = (error: unknown): boolean => error instanceof FfError && AWAY.has(error.code)

/**
 * A store whose every answer comes within a deadline, else as FfError `backing_unavailable`; after several failures a
 * circuit breaker stops asking it. What it learns is what readiness says. A write that is answered too late may still be
 * applied.
 */
export class GuardedStore implements ServiceStore {
  readonly kind: ServiceStore['kind']
  private readonly store: ServiceStore
  private readonly deadlineMs: number
  private readonly now: () => number
  private readonly breaker: Breaker
  private writeFault: { readonly error: FfError; readonly at: number } | null = null

  /** @param now a monotonic clock in milliseconds */
  constructor(store: ServiceStore, deadlineMs: number, now = performance.now.bind(performance)) {
    this.kind = store.kind
    this.store = store
    this.deadlineMs = deadlineMs
    this.now = now
    this.breaker = new Breaker(BREAKER_LIMITS, now)
  }

  read: ServiceStore['read'] = (query) => this.ask(() => this.store.read(query))
  readMany: ServiceStore['readMany'] = (query) => this.ask(() => this.store.readMany(query))
  page: ServiceStore['page'] = (query) => this.ask(() => this.store.page(query))
  overrides: ServiceStore['overrides'] = (query) => this.ask(() => this.store.overrides(query))
  /** A file store reads its log for this and for an earlier revision. */
  audit: ServiceStore['audit'] = (query) => this.ask(() => this.within(this.store.audit(query)))
  revision: ServiceStore['revision'] = (query) =>
    this.ask(() => this.within(this.store.revision(query)))
  auditHead: ServiceStore['auditHead'] = () => this.ask(() => this.store.auditHead())
  /** Recorded behind the answers, so without a deadline. */
  refuse: ServiceStore['refuse'] = (refused) => this.store.refuse(refused)

  write: ServiceStore['write'] = (request) => this.change(() => this.store.write(request))
  announce: ServiceStore['announce'] = (one) => this.change(() => this.store.announce(one))

  private async change<T>(write: () => Promise<T>): Promise<T> {
    // The trial of an open breaker is a read: a write that is answered too late may still be applied.
    if (this.breaker.state !== 'closed') await this.auditHead()
    try {
      const result = await this.within(write())
      this.writeFault = null
      return result
    } catch (error) {
      if (error instanceof FfError && WRITE_FAULTS.has(error.code))
        this.writeFault = { error, at: this.now() }
      throw error
    }
  }

  /** Rejects with the error of the last write, or with what the next one would meet. */
  async requireWritable(): Promise<void> {
    const { writeFault } = this
    if (writeFault !== null && this.now() - writeFault.at < WRITE_FAULT_MS) throw writeFault.error
    await this.within(this.store.requireWritable())
  }

  close(): Promise<void> {
    return this.store.close()
  }

  /**
   * Runs one read of the store within the deadline, or refuses it while the breaker is open.
   *
   * @throws FfError `backing_unavailable`, or the error of the read
   */
  async ask<T>(read: () => Promise<T>): Promise<T> {
    // A file store answers from memory.
    if (this.kind === 'file') return read()
    const answer = await this.breaker.run(() =>
      this.within(read()).then(
        (value) => ({ value }),
        (error: unknown) => {
          if (isAway(error)) throw error
          return { error } // A store that refuses has answered.
        },
      ),
    )
    if (answer === null) throw this.unavailable()
    if ('error' in answer) throw answer.error
    return answer.value
  }

  /** The result of `work` within the deadline. @throws FfError `backing_unavailable`, or the error of `work` */
  within<T>(work: Promise<T>): Promise<T> {
    return withDeadline(work, this.deadlineMs, () => {
      throw this.unavailable()
    })
  }

  private unavailable(): FfError {
    return new FfError(
      'backing_unavailable',
      `The store does not answer within ${this.deadlineMs / 1000} s.`,
      { hint: 'Read what /health/ready says about the store.' },
    )
  }
}
