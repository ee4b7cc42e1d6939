import { formatChangeEvent, HEARTBEAT_EVENT, isNewestEvent } from '../../core/feed/events.ts'
import { type FeedPosition, STALENESS_MS } from '../../core/feed/subscriber.ts'
import type { FeedEntry } from '../../core/feed/types.ts'
import type { EventSink } from '../../ports/http.ts'
import type { FeedConsumer } from './feed-pump.ts'

const HEARTBEAT_MS = 15_000
/** The longest timer of Node, 24 days; a client whose stream has ended connects again. */
const MAX_TIMER_MS = 2 ** 31 - 1
/** Most clients that listen at once, in all and of one address. */
export interface ListenerLimits {
  readonly all: number
  readonly per_peer: number
}
const START: FeedPosition = { epoch: { cutover: 0, operator: 0 }, seq: 0 }

/**
 * The clients of the event stream. Changes of one turn of the event loop are one event; after the last of a burst one
 * more follows, for clients whose fetch met an instance that had not heard of it.
 */
export class ChangeListeners implements FeedConsumer {
  private readonly sinks = new Set<EventSink>()
  /** Number of clients by their address, where there are any. */
  private readonly peers = new Map<string, number>()
  private readonly most: ListenerLimits
  private newest: FeedPosition
  private queued = false
  private repeat: NodeJS.Timeout | null = null
  private readonly beat: NodeJS.Timeout

  /** @param seq number of the last audit record, where no feed tells that of the last change */
  constructor(most: ListenerLimits, seq: number) {
    this.most = most
    this.newest = { ...START, seq }
    this.beat = setInterval(() => this.send(HEARTBEAT_EVENT), HEARTBEAT_MS).unref()
  }

  /** Clients that listen now. */
  get size(): number {
    return this.sinks.size
  }

  /**
   * Adds a client until the returned function is called; null, and nothing is written, where it is one more than a limit
   * allows. One that may have missed an event gets one at once.
   *
   * @param listener.peer address of the client
   * @param listener.lastEventId of the last event that the client has seen; null for none: a change may have come
   *   between its evaluation and now, or while a stream without events was connected anew
   * @param listener.endsAfterMs when its credential expires; null for never
   */
  add(
    sink: EventSink,
    {
      peer,
      lastEventId,
      endsAfterMs,
    }: {
      readonly peer: string
      readonly lastEventId: string | null
      readonly endsAfterMs: number | null
    },
  ): (() => void) | null {
    const ofPeer = this.peers.get(peer) ?? 0
    if (this.sinks.size >= this.most.all || ofPeer >= this.most.per_peer) return null
    this.sinks.add(sink)
    this.peers.set(peer, ofPeer + 1)
    const end =
      endsAfterMs === null
        ? undefined
        : setTimeout(() => sink.close(), Math.min(endsAfterMs, MAX_TIMER_MS)).unref()
    if (!isNewestEvent(lastEventId, this.newest)) sink.write(formatChangeEvent(this.newest))
    return () => {
      clearTimeout(end)
      if (this.sinks.delete(sink)) this.leave(peer)
    }
  }

  private leave(peer: string): void {
    const left = (this.peers.get(peer) ?? 0) - 1
    if (left > 0) this.peers.set(peer, left)
    else this.peers.delete(peer)
  }

  apply({ seq }: FeedEntry): void {
    this.changed(seq)
  }

  reset(position: FeedPosition): void {
    this.newest = position
    this.announce()
  }

  /** A change of this instance, which its feed may bring again. */
  changed(seq: number): void {
    if (seq <= this.newest.seq) return
    this.newest = { ...this.newest, seq }
    this.announce()
  }

  close(): void {
    clearInterval(this.beat)
    if (this.repeat !== null) clearTimeout(this.repeat)
    for (const sink of this.sinks) sink.close()
  }

  private announce(): void {
    if (this.repeat !== null) clearTimeout(this.repeat)
    this.repeat = setTimeout(() => this.send(formatChangeEvent(this.newest)), STALENESS_MS).unref()
    if (this.queued) return
    this.queued = true
    setImmediate(() => {
      this.queued = false
      this.send(formatChangeEvent(this.newest))
    })
  }

  private send(text: string): void {
    for (const sink of this.sinks) sink.write(text)
  }
}
