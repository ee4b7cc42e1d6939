import type { TopicMessage } from '../core/shipping/reconcile.ts'

/** The messages of a partition from one offset on, up to another: `end` is the first that does not belong to them. */
export interface PartitionSpan {
  readonly partition: number
  readonly first: number
  readonly end: number
}

/** Reads a topic. Leaves no offset in a consumer group. */
export interface TopicReader {
  /**
   * The messages of each partition that are kept now, in order of partition.
   *
   * @throws FfError `target_unreachable`, also without the topic, `rights_missing`
   */
  spans(): Promise<readonly PartitionSpan[]>
  /**
   * Calls `take` for each message of the spans, those of one partition in the order of their offsets.
   *
   * @throws FfError as `spans`, and `proof_inconclusive` where a span does not come to its end; the reason of `signal`
   */
  read(
    spans: readonly PartitionSpan[],
    take: (message: TopicMessage) => void,
    signal: AbortSignal,
  ): Promise<void>
  close(): Promise<void>
}
