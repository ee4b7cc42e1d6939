import { type EntryChecks, ENTRY_CHECKS } from '../../core/cache/entry-checks.ts'
import type { CacheMac } from '../../core/cache/seal.ts'
import { stepSubscriber } from '../../core/feed/subscriber.ts'
import type { SnapshotReader } from '../../ports/store.ts'
import type { FeedConsumer } from '../serve/feed-pump.ts'

/** The parts of an instance with a cache into which a fault can be planted. */
export interface CacheParts {
  readonly checks: EntryChecks
  /** What a subscriber of the feed does with each event. */
  readonly step: typeof stepSubscriber
  /** Wraps the check of messages. */
  readonly messageMac: (mac: CacheMac) => CacheMac
  /** Wraps what takes the changes of the feed. */
  readonly consumer: (reader: FeedConsumer) => FeedConsumer
  /** Wraps what rows are loaded from; `seq` returns the number of the last change. */
  readonly snapshots: (reader: SnapshotReader, seq: () => number) => SnapshotReader
}
/** The parts of every cache but those with a planted fault. */
export const SOUND_CACHE: CacheParts = {
  checks: ENTRY_CHECKS,
  step: stepSubscriber,
  messageMac: (mac) => mac,
  consumer: (reader) => reader,
  snapshots: (reader) => reader,
}
