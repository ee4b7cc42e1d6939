import {
  BEAT_MS,
  type FeedAnswer,
  type FeedEffect,
  type FeedEvent,
  type FeedPosition,
  startSubscriber,
  stepSubscriber,
  STALENESS_MS,
  type Subscriber,
} from '../../core/feed/subscriber.ts'
import type { FeedEntry, FeedEpoch } from '../../core/feed/types.ts'
import { FfError } from '../../errors.ts'
import type { ChangeFeed, FeedListener, FeedReading } from '../../ports/store.ts'
import { type GuardedStore, isAway } from './guarded-store.ts'

/** Between two readings where no notification arrives. */
const POLL_MS = 100
/** Notifications that come within this time are read together. */
const WAKE_MS = 5
/** Rows of the feed in one answer. */
const BATCH = 500

/** What a channel beside the database has brought: a row of the feed, its last number, or that it is connected again. */
export type FeedNews =
  | { readonly type: 'entry'; readonly epoch: FeedEpoch; readonly entry: FeedEntry }
  | { readonly type: 'beat'; readonly epoch: FeedEpoch; readonly seq: number }
  | { readonly type: 'connected' }

interface Failure {
  readonly error: unknown
}

interface PumpParts {
  readonly store: Pick<GuardedStore, 'ask'>
  readonly feed: ChangeFeed
  /** Default `stepSubscriber`. Only the selftest replaces it, by a faulty one. */
  readonly step?: typeof stepSubscriber
}

/** What follows the feed: a copy of rows, a cache, listeners. Each call but `settle` returns at once. */
export interface FeedConsumer {
  /** A row of the feed, in order. May come again after a reset. */
  apply(entry: FeedEntry): void
  /** Anything may have changed; the feed is at this position now. */
  reset(position: FeedPosition): void
  /** Changes may have been missed, until `trust`. */
  distrust?(): void
  /** Every change up to this position was applied; without another call it holds until then, in milliseconds of `now`. */
  trust?(position: FeedPosition, until: number): void
  /**
   * The feed was read up to its end; `since` is when it was asked for.
   *
   * @throws FfError where the store is away
   */
  settle?(since: number): Promise<void>
}

/**
 * Follows the feed of a database for all of this instance: reads it when a notification arrives, and each second in any
 * case, or each 100 ms where none arrives. One reading at a time.
 */
export class FeedPump {
  private readonly store: Pick<GuardedStore, 'ask'>
  private readonly feed: ChangeFeed
  private readonly next: typeof stepSubscriber
  private readonly consumers: FeedConsumer[]
  private readonly now: () => number
  private state: Subscriber
  /** The last row that was read, to tell this chain from another one. */
  private last: FeedReading['entries'][number] | null = null
  private listener: FeedListener | null = null
  private timer: NodeJS.Timeout | null = null
  private woken: NodeJS.Timeout | null = null
  private polls = 0
  /** What the database is to be asked; undefined for nothing. */
  private question: number | null | undefined
  private reading = false
  /** The consumers that settle, and how it ended; null where none does. */
  private settling: Promise<Failure | null> | null = null
  private settledFor = 0
  private gaps = 0
  /** Why the store refuses to be read. */
  private refusal: string | null = null
  private failed: (error: unknown) => void = () => undefined

  /** @param now a monotonic clock in milliseconds */
  constructor(
    { store, feed, step = stepSubscriber }: PumpParts,
    consumers: readonly FeedConsumer[],
    now = performance.now.bind(performance),
  ) {
    this.store = store
    this.feed = feed
    this.next = step
    this.consumers = [...consumers]
    this.now = now
    this.state = startSubscriber(now())
  }

  /** Adds a consumer, before the start. */
  add(consumer: FeedConsumer): void {
    this.consumers.push(consumer)
  }

  /**
   * Starts to follow; `failed` gets the refusal of a store that answers, once until it is read again, and each error that
   * is no FfError, which is a bug.
   */
  start(failed: (error: unknown) => void): void {
    this.failed = failed
    const run = (type: 'wake' | 'tick' | 'connected'): void => this.run({ type, at: this.now() })
    this.listener = this.feed.listen(() => {
      this.woken ??= setTimeout(() => {
        this.woken = null
        run('wake')
      }, WAKE_MS).unref()
    })
    this.timer = setInterval(() => {
      this.polls += 1
      const isBeat = this.polls % (BEAT_MS / POLL_MS) === 0
      if (isBeat) run('tick')
      if (isBeat || this.listener?.arrives() === false) run('wake')
    }, POLL_MS).unref()
    run('connected')
  }

  /** Stops following and closes the connection for notifications. */
  async close(): Promise<void> {
    if (this.timer !== null) clearInterval(this.timer)
    await this.listener?.close()
    // A notification may come until then.
    if (this.woken !== null) clearTimeout(this.woken)
  }

  /**
   * Reads the feed to its end.
   *
   * @throws FfError as the store
   */
  poll(): Promise<void> {
    return this.drive({ type: 'wake', at: this.now() })
  }

  /** Takes what a channel has brought; returns at once. It moves the position only where it continues it. */
  hear(news: FeedNews): void {
    this.run({ ...news, at: this.now() })
  }

  /** How far this instance has followed the feed; null before its first reading. */
  get position(): FeedPosition | null {
    return this.state.position
  }

  /** Seconds since the position was known to be the newest, and how often news showed that changes were missed. */
  metrics(): { readonly staleness_seconds: number; readonly gaps: number } {
    const { gaps } = this
    return { staleness_seconds: (this.now() - this.state.confirmedAt) / 1000, gaps }
  }

  private run(event: FeedEvent): void {
    this.drive(event).catch((error: unknown) => {
      // A store that is away is what the copy of its rows is for.
      if (isAway(error)) return
      const code = error instanceof FfError ? error.code : null
      if (code === null || code !== this.refusal) this.failed(error)
      this.refusal = code
    })
  }

  private async drive(event: FeedEvent): Promise<void> {
    this.step(event)
    if (!this.reading) {
      this.reading = true
      try {
        while (this.question !== undefined) await this.answer(this.question)
      } finally {
        this.reading = false
      }
    }
    const failure = await this.settling
    if (failure !== null) throw failure.error
  }

  private async answer(from: number | null): Promise<void> {
    const since = this.now()
    this.question = undefined
    const answer = await this.read(from).catch((error: unknown) => {
      this.step({ type: 'unanswered', at: this.now() })
      throw error
    })
    // It says nothing of what came after the question, as in a process that was stopped before it took the answer.
    this.step({ type: 'answer', answer, at: since })
    if (!this.state.trusted) return
    this.settledFor = since
    // Apart from the reading, as a copy of all rows takes its time.
    this.settling ??= this.settle()
  }

  private async settle(): Promise<Failure | null> {
    try {
      for (let since = Number.NaN; since !== this.settledFor;) {
        since = this.settledFor
        for (const consumer of this.consumers) await consumer.settle?.(since)
      }
      this.refusal = null
      return null
    } catch (error) {
      return { error }
    } finally {
      this.settling = null
    }
  }

  private step(event: FeedEvent): void {
    const [state, effects] = this.next(this.state, event)
    const isNews = event.type === 'entry' || event.type === 'beat'
    if (isNews && this.state.trusted && !state.trusted) this.gaps += 1
    this.state = state
    for (const effect of effects) this.perform(effect)
    const { trusted, position, confirmedAt } = state
    if (!trusted || position === null) return
    for (const consumer of this.consumers) consumer.trust?.(position, confirmedAt + STALENESS_MS)
  }

  private perform(effect: FeedEffect): void {
    if (effect.do === 'ask') this.question = effect.from
    for (const consumer of this.consumers) {
      if (effect.do === 'apply') consumer.apply(effect.entry)
      else if (effect.do === 'reset') consumer.reset(effect.position)
      else if (effect.do === 'distrust') consumer.distrust?.()
    }
  }

  private async read(from: number | null): Promise<FeedAnswer> {
    const reading = await this.store.ask(() => this.feed.changes({ from, limit: BATCH }))
    const [first] = reading.entries
    const { last } = this
    const isSame = first?.seq === from && (last?.seq !== from || last?.hash === first?.hash)
    this.last = reading.entries.at(-1) ?? null
    const { entries, ...end } = reading
    const news = entries.filter((entry) => from !== null && entry.seq > from)
    return { ...end, continues: from === 0 || isSame, entries: news }
  }
}
