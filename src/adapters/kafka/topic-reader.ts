import { randomUUID } from 'node:crypto'
import { type Admin, type Consumer, type EachBatchPayload, Kafka } from 'kafkajs'
import { decodeUtf8OrNull } from '../../core/text/utf8.ts'
import type { TopicMessage } from '../../core/shipping/reconcile.ts'
import { FfError } from '../../errors.ts'
import type { KafkaOptions } from '../../ports/shipping.ts'
import type { PartitionSpan, TopicReader } from '../../ports/topic.ts'
import { makeTopicError } from './faults.ts'
import { toKafkaConfig } from './topic.ts'

/** A reading that meets no message of its spans for so long does not come to its end. */
const STALL_MS = 30_000
const GROUPS = 'ff-audit-reconcile-'

/**
 * Opens a reader of a topic, connected.
 *
 * @throws FfError `target_unreachable`, `rights_missing`
 */
export async function openTopicReader(options: KafkaOptions): Promise<TopicReader> {
  const kafka = new Kafka(toKafkaConfig(options))
  const admin = kafka.admin()
  try {
    await admin.connect()
  } catch (error) {
    await admin.disconnect().catch(() => undefined) // The first error is the one to report.
    throw makeReadError(error, options.topic)
  }
  return new KafkaTopicReader(kafka, admin, options.topic)
}

class KafkaTopicReader implements TopicReader {
  private readonly kafka: Kafka
  private readonly admin: Admin
  private readonly topic: string

  constructor(kafka: Kafka, admin: Admin, topic: string) {
    this.kafka = kafka
    this.admin = admin
    this.topic = topic
  }

  async spans(): Promise<readonly PartitionSpan[]> {
    try {
      const offsets = await this.admin.fetchTopicOffsets(this.topic)
      return offsets
        .map(({ partition, low, high }) => ({ partition, first: Number(low), end: Number(high) }))
        .sort((a, b) => a.partition - b.partition)
    } catch (error) {
      throw makeReadError(error, this.topic)
    }
  }

  async read(
    spans: readonly PartitionSpan[],
    take: (message: TopicMessage) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const reading = new SpanReading(spans, take)
    if (reading.isDone) return
    // A group of its own, which commits nothing: the client reads in no other way.
    const groupId = `${GROUPS}${randomUUID()}`
    const consumer = this.kafka.consumer({
      groupId,
      allowAutoTopicCreation: false,
      maxWaitTimeInMs: 500,
      retry: { restartOnFailure: () => Promise.resolve(false) },
    })
    try {
      await this.follow(consumer, reading, signal)
    } finally {
      // What was read is read; an error of the farewell says nothing about it.
      await consumer.disconnect().catch(() => undefined)
    }
  }

  close(): Promise<void> {
    return this.admin.disconnect()
  }

  /** Resolves once the reading is done. */
  private async follow(
    consumer: Consumer,
    reading: SpanReading,
    signal: AbortSignal,
  ): Promise<void> {
    const { topic } = this
    const crash = new Promise<never>((_, reject) => {
      consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error))
    })
    const starting = this.start(consumer, reading)
    // The races report them, unless they are over.
    for (const one of [crash, starting]) one.catch(() => undefined)
    try {
      await Promise.race([crash, starting, untilAborted(signal)])
      await Promise.race([crash, reading.whenDone(signal)])
    } catch (error) {
      if (reading.failure !== null) throw reading.failure
      throw error instanceof FfError || signal.aborted ? error : makeReadError(error, topic)
    }
  }

  private async start(consumer: Consumer, reading: SpanReading): Promise<void> {
    const { topic } = this
    await consumer.connect()
    await consumer.subscribe({ topics: [topic], fromBeginning: true })
    await consumer.run({
      autoCommit: false,
      eachBatch: (batch) => Promise.resolve(reading.takeBatch(batch)),
    })
    for (const { partition, first } of reading.open)
      consumer.seek({ topic, partition, offset: String(first) })
  }
}

/** What was read of the spans; the client hands over the batches. */
export class SpanReading {
  private readonly take: (message: TopicMessage) => void
  private readonly next: Map<number, number>
  private readonly ends: ReadonlyMap<number, number>
  private readonly spans: readonly PartitionSpan[]
  /** What `take` threw; null while it did not. */
  failure: Error | null = null
  private progressed = performance.now()
  private wake: () => void = () => undefined

  constructor(spans: readonly PartitionSpan[], take: (message: TopicMessage) => void) {
    this.spans = spans
    this.take = take
    this.next = new Map(spans.map(({ partition, first }) => [partition, first]))
    this.ends = new Map(spans.map(({ partition, end }) => [partition, end]))
  }

  /** The spans that are not read to their end. */
  get open(): readonly PartitionSpan[] {
    return this.spans.filter(({ partition, end }) => (this.next.get(partition) ?? end) < end)
  }
  get isDone(): boolean {
    return this.open.length === 0
  }

  /** Takes each message of the spans once, in order, whatever else or again the client hands over. */
  takeBatch(payload: EachBatchPayload): void {
    const { partition } = payload.batch
    const [before = 0, end = 0] = [this.next.get(partition), this.ends.get(partition)]
    try {
      if (this.failure === null) this.takeMessages(payload)
    } catch (error) {
      // The client would take it for its own, and try again.
      this.failure = error as Error
    }
    // A topic that grows gives messages behind the end of a span for ever.
    if (before < end && this.next.get(partition) !== before) this.progressed = performance.now()
    if (this.isDone || this.failure !== null) this.wake()
  }

  private takeMessages({ batch }: EachBatchPayload): void {
    const { partition } = batch
    const end = this.ends.get(partition) ?? 0
    for (const { offset, key, value, headers } of batch.messages) {
      const at = Number(offset)
      if (at < (this.next.get(partition) ?? end) || at >= end) continue
      this.take({
        partition,
        offset: at,
        key: toText(key),
        audit_id: toText(headers?.['audit_id']),
        body: toText(value),
      })
      this.next.set(partition, at + 1)
    }
    // The last offsets may be those of messages that are no longer kept.
    const last = Number(batch.lastOffset()) + 1
    if (last > (this.next.get(partition) ?? end)) this.next.set(partition, last)
  }

  /**
   * @throws FfError `proof_inconclusive` after `STALL_MS` without a message of an open span; `failure`; the reason of the
   *   signal
   */
  async whenDone(signal: AbortSignal): Promise<void> {
    this.progressed = performance.now()
    while (!this.isDone) {
      signal.throwIfAborted()
      if (this.failure !== null) throw this.failure
      if (performance.now() - this.progressed > STALL_MS) throw this.makeStallError()
      await this.waitForWake(signal)
    }
  }

  private waitForWake(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer)
        signal.removeEventListener('abort', end)
        resolve()
      }
      const timer = setTimeout(end, 1_000)
      this.wake = end
      signal.addEventListener('abort', end)
    })
  }

  private makeStallError(): FfError {
    const [{ partition, end } = { partition: 0, end: 0 }] = this.open
    return new FfError(
      'proof_inconclusive',
      `Partition ${partition} was read to offset ${this.next.get(partition)} of ${end}, and gave no message for ${STALL_MS / 1_000} s.`,
      { hint: 'Check the brokers and their logs, then run the same command again.' },
    )
  }
}

/** @throws the reason of the signal, once it is aborted */
const untilAborted = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    const end = (): void => reject(signal.reason as Error)
    if (signal.aborted) end()
    else signal.addEventListener('abort', end, { once: true })
  })

/** As for a writer, with the rights of a reader. */
function makeReadError(error: unknown, topic: string): FfError {
  const made = makeTopicError(error, topic)
  if (made.code !== 'rights_missing') return made
  return new FfError(made.code, made.message, {
    hint: `Check FF_KAFKA_USER, FF_KAFKA_PASSWORD_FILE and FF_KAFKA_SASL, and allow the user to DESCRIBE and READ the topic ${topic}, and to READ the groups ${GROUPS}*.`,
    cause: error,
  })
}

/** A key, a header or a body as text; null where it is missing, comes twice or is no UTF-8. */
const toText = (bytes: unknown): string | null =>
  Buffer.isBuffer(bytes) ? decodeUtf8OrNull(bytes) : typeof bytes === 'string' ? bytes : null
