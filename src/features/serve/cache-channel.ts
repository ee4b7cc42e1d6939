import { randomUUID } from 'node:crypto'
import {
  type CacheMessage,
  CHANNELS,
  DROP_REASONS,
  type DropReason,
  formatMessage,
  parseMessage,
} from '../../core/cache/messages.ts'
import type { CacheMac } from '../../core/cache/seal.ts'
import { BEAT_MS } from '../../core/feed/subscriber.ts'
import type { FeedEntry, FeedEpoch } from '../../core/feed/types.ts'
import type { Instant } from '../../core/rows/instant.ts'
import { FfError } from '../../errors.ts'
import type { FeedMetrics } from '../../ports/cache.ts'
import type { ChannelClient, RedisLinkState } from '../../ports/redis.ts'
import type { FeedReading } from '../../ports/store.ts'
import type { FeedPump } from './feed-pump.ts'

/** Changes that wait to be published; of older ones the heartbeat tells. */
const MOST_WAITING = 1_000
/** Rows of the feed in one reading. */
const BATCH = 100

/** What a channel uses beside Redis and the pump. */
interface ChannelParts {
  readonly mac: CacheMac
  readonly now: () => Instant
  /** The rows of the feed from a number on. @throws FfError as the store */
  readonly read: (from: number, limit: number) => Promise<FeedReading>
}

/**
 * The channels of Redis. Publishes the changes of this instance as the feed holds them, after their commit, and each
 * second how far the instance has followed it. What the others publish goes to the pump, which believes none of it
 * further than it continues the feed. Every message may be lost: the feed has what it said.
 */
export class CacheChannel {
  private readonly redis: ChannelClient
  private readonly pump: Pick<FeedPump, 'hear' | 'position'>
  private readonly parts: ChannelParts
  /** Names this instance, for its life. */
  private readonly origin = randomUUID()
  private readonly waiting = new Set<number>()
  private publishing = false
  private timer: NodeJS.Timeout | null = null
  private subscription: ReturnType<ChannelClient['subscribe']> | null = null
  private failed: (error: unknown) => void = () => undefined
  private reconnects = 0
  private readonly dropped = Object.fromEntries(
    DROP_REASONS.map((reason) => [reason, 0]),
  ) as Record<DropReason, number>

  constructor(
    redis: ChannelClient,
    pump: Pick<FeedPump, 'hear' | 'position'>,
    parts: ChannelParts,
  ) {
    this.redis = redis
    this.pump = pump
    this.parts = parts
  }

  /** Subscribes, and begins to send heartbeats; `failed` gets an error that is no FfError, which is a bug. */
  start(failed: (error: unknown) => void): void {
    this.failed = failed
    this.subscription = this.redis.subscribe(Object.values(CHANNELS), {
      message: (channel, text) => this.take(channel, text),
      link: (link) => this.noteLink(link),
    })
    this.timer = setInterval(() => this.beat(), BEAT_MS).unref()
  }

  /** Has a change of this instance published, which is committed; returns at once. */
  written(seq: number): void {
    this.waiting.add(seq)
    const [oldest] = this.waiting
    if (this.waiting.size > MOST_WAITING && oldest !== undefined) this.waiting.delete(oldest)
    void this.publish()
  }

  metrics(): Required<Pick<FeedMetrics, 'reconnects' | 'dropped'>> {
    return { reconnects: this.reconnects, dropped: { ...this.dropped } }
  }

  async close(): Promise<void> {
    if (this.timer !== null) clearInterval(this.timer)
    this.waiting.clear()
    await this.subscription?.close()
  }

  private take(channel: string, text: string): void {
    const name = channel === CHANNELS.heartbeat ? 'heartbeat' : 'invalidate'
    const parsed = parseMessage(name, text, this.parts.mac)
    if (!parsed.ok) {
      this.dropped[parsed.reason] += 1
      return
    }
    const { message } = parsed
    const { epoch, seq } = message
    if (message.kind !== 'heartbeat') {
      const { prev, kind, target } = message
      this.pump.hear({ type: 'entry', epoch, entry: { seq, prev, kind, target } })
    } else if (message.origin !== this.origin) this.pump.hear({ type: 'beat', epoch, seq })
  }

  private noteLink({ state }: RedisLinkState): void {
    if (state === 'down') return
    if (state === 'reconnected') this.reconnects += 1
    this.pump.hear({ type: 'connected' })
  }

  private beat(): void {
    const { position } = this.pump
    if (position !== null) void this.send('heartbeat', { kind: 'heartbeat', ...position })
    void this.publish()
  }

  /** Publishes what waits, in the order of the feed. What fails waits for the next heartbeat. */
  private async publish(): Promise<void> {
    if (this.publishing) return
    this.publishing = true
    try {
      let sent = true
      while (sent && this.waiting.size > 0) sent = await this.publishBatch()
    } catch (error) {
      // A store that is away has the row all the same.
      if (!(error instanceof FfError)) this.failed(error)
    } finally {
      this.publishing = false
    }
  }

  /** @returns whether Redis took all of it @throws FfError as the store */
  private async publishBatch(): Promise<boolean> {
    const from = Math.min(...this.waiting)
    const { epoch, entries } = await this.parts.read(from, BATCH)
    for (const { seq, prev, kind, target } of entries) {
      if (!this.waiting.has(seq)) continue
      if (!(await this.send('invalidate', { seq, prev, kind, target, epoch }))) return false
      this.waiting.delete(seq)
    }
    // Also where the feed does not hold it any more.
    this.waiting.delete(from)
    return true
  }

  private async send(
    channel: 'invalidate' | 'heartbeat',
    news: (FeedEntry | { readonly kind: 'heartbeat'; readonly seq: number }) & {
      readonly epoch: FeedEpoch
    },
  ): Promise<boolean> {
    const { origin } = this
    const message = { ...news, origin, published_at: this.parts.now() } as CacheMessage
    const text = formatMessage(channel, message, this.parts.mac)
    return (await this.redis.publish(CHANNELS[channel], text)).ok
  }
}
