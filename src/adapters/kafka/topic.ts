import type { ConnectionOptions } from 'node:tls'
import {
  type Admin,
  Kafka,
  type KafkaConfig,
  type PartitionMetadata,
  Partitioners,
  type Producer,
} from 'kafkajs'
import { withDeadline } from '../../concurrency/deadline.ts'
import type { SendOutcome, SentGroup, ShipRecord } from '../../core/shipping/types.ts'
import type { AuditTopic, KafkaOptions } from '../../ports/shipping.ts'
import { hasAnswered, judgeFault, makeTopicError } from './faults.ts'

/** All in-sync replicas. */
const ALL_REPLICAS = -1
/** The client never repeats a send. */
const SEND_RETRY = { retries: 0 } as const

/** Opens a topic; connects at the first use. Connections that fail are replaced at the next use. */
export const openAuditTopic = (options: KafkaOptions): AuditTopic => new KafkaTopic(options)

/** Connections to the brokers. `partitions` is null until they were asked for, and after a failed send. */
interface Link {
  readonly producer: Producer
  readonly admin: Admin
  partitions: readonly PartitionMetadata[] | null
}

class KafkaTopic implements AuditTopic {
  readonly name: string
  private readonly kafka: Kafka
  private readonly sendMs: number
  private readonly partitionOf = Partitioners.DefaultPartitioner()
  private link: Promise<Link> | null = null
  private readonly closing = new Set<Promise<unknown>>()

  constructor(options: KafkaOptions) {
    this.name = options.topic
    this.sendMs = options.send_ms
    this.kafka = new Kafka(toKafkaConfig(options))
  }

  /**
   * Sends each partition's records as one batch, at the same time: the client loses the answers of others with one
   * error. A partition without an answer in time hides nothing of the others either.
   */
  async send(records: readonly ShipRecord[]): Promise<readonly SentGroup[]> {
    const until = performance.now() + this.sendMs
    const opened = this.open()
    try {
      const partitions = await this.before(until, opened, this.findPartitions(opened))
      const groups = this.split(records, partitions)
      return await Promise.all(
        groups.map(async ([partition, group]) => {
          const sent = this.sendGroup(opened, partition, group)
          const outcome = await this.before(until, opened, sent).catch(judgeFault)
          return { records: group, outcome }
        }),
      )
    } catch (error) {
      this.drop(opened)
      return [{ records, outcome: judgeFault(error) }]
    }
  }

  async countPartitions(): Promise<number> {
    const opened = this.open()
    try {
      const until = performance.now() + this.sendMs
      const asked = opened.then((link) => this.readPartitions(link))
      const { length } = await this.before(until, opened, asked)
      return length
    } catch (error) {
      this.drop(opened)
      throw makeTopicError(error, this.name)
    }
  }

  async close(): Promise<void> {
    if (this.link !== null) this.drop(this.link)
    await Promise.all(this.closing)
  }

  /** The result of work over connections, which are ended where it is late: what they still hold must not go out later. */
  private before<T>(until: number, opened: Promise<Link>, work: Promise<T>): Promise<T> {
    return withDeadline(work, until - performance.now(), () => {
      this.drop(opened)
      throw new Error(`no answer within ${this.sendMs} ms`)
    })
  }

  private async findPartitions(opened: Promise<Link>): Promise<readonly PartitionMetadata[]> {
    const link = await opened
    return link.partitions ?? this.readPartitions(link)
  }

  private async sendGroup(
    opened: Promise<Link>,
    partition: number,
    records: readonly ShipRecord[],
  ): Promise<SendOutcome> {
    const link = await opened
    try {
      const [answer, ...rest] = await link.producer.send({
        topic: this.name,
        acks: ALL_REPLICAS,
        timeout: this.sendMs,
        messages: records.map(({ target, text, audit_id }) => ({
          partition,
          key: target,
          value: text,
          headers: { audit_id },
        })),
      })
      const offset = Number(answer?.baseOffset ?? Number.NaN)
      // The client sends nothing to a partition that it does not know, and reports no error.
      if (answer?.partition === partition && rest.length === 0 && offset >= 0)
        return { kind: 'acked', partition, offset }
      link.partitions = null
      return { kind: 'unavailable', reason: `no offset for partition ${partition}` }
    } catch (error) {
      link.partitions = null
      if (!hasAnswered(error)) this.drop(opened)
      return judgeFault(error)
    }
  }

  /** The records by partition, in their order: the one that Kafka's own clients choose for the key. */
  private split(
    records: readonly ShipRecord[],
    partitions: readonly PartitionMetadata[],
  ): readonly (readonly [partition: number, records: readonly ShipRecord[]])[] {
    const partitionMetadata = [...partitions]
    const groups = new Map<number, ShipRecord[]>()
    for (const record of records) {
      const message = { key: record.target, value: null }
      const at = this.partitionOf({ topic: this.name, partitionMetadata, message })
      const group = groups.get(at)
      if (group === undefined) groups.set(at, [record])
      else group.push(record)
    }
    return [...groups]
  }

  private async readPartitions(link: Link): Promise<readonly PartitionMetadata[]> {
    const { topics } = await link.admin.fetchTopicMetadata({ topics: [this.name] })
    const partitions = topics.find(({ name }) => name === this.name)?.partitions ?? []
    if (partitions.length === 0) throw new Error('the brokers name no partition of the topic')
    link.partitions = partitions
    return partitions
  }

  private open(): Promise<Link> {
    if (this.link !== null) return this.link
    const opened = this.connect()
    this.link = opened
    // Reported by the send that waits for it.
    opened.catch(() => this.drop(opened))
    return opened
  }

  private async connect(): Promise<Link> {
    const producer = this.kafka.producer({
      allowAutoTopicCreation: false,
      createPartitioner: Partitioners.DefaultPartitioner,
      // On, it would remove duplicates of one session alone, and lose records of concurrent sends.
      idempotent: false,
      retry: SEND_RETRY,
    })
    const admin = this.kafka.admin()
    try {
      await Promise.all([producer.connect(), admin.connect()])
      return { producer, admin, partitions: null }
    } catch (error) {
      await end(producer, admin)
      throw error
    }
  }

  /** Ends connections that failed; the next use opens others. */
  private drop(opened: Promise<Link>): void {
    if (this.link !== opened) return
    this.link = null
    const ended = opened.then(
      ({ producer, admin }) => end(producer, admin),
      () => undefined, // `connect` has ended them.
    )
    this.closing.add(ended)
    void ended.finally(() => this.closing.delete(ended))
  }
}

/** An error of the farewell says nothing that the send did not. */
const end = (producer: Producer, admin: Admin): Promise<unknown> =>
  Promise.allSettled([producer.disconnect(), admin.disconnect()])

/** The options of a client, which prints nothing. */
export function toKafkaConfig({ brokers, send_ms, tls, sasl }: KafkaOptions): KafkaConfig {
  return {
    clientId: 'ff-audit-ship',
    brokers: [...brokers],
    connectionTimeout: Math.min(send_ms, 3_000),
    authenticationTimeout: Math.min(send_ms, 5_000),
    requestTimeout: send_ms,
    // While it connects: each broker has its turn.
    retry: { retries: brokers.length, initialRetryTime: 50, maxRetryTime: 1_000 },
    // Every failure is an outcome of a send; the client would print some of them, whatever its level.
    logCreator: () => () => undefined,
    ...(tls === null ? {} : { ssl: toTls(tls) }),
    // A copy: the client writes into it.
    ...(sasl === null ? {} : { sasl: { ...sasl } as NonNullable<KafkaConfig['sasl']> }),
  }
}

const toTls = ({ ca, cert, key }: NonNullable<KafkaOptions['tls']>): ConnectionOptions => ({
  ...(ca === null ? {} : { ca }),
  ...(cert === null ? {} : { cert }),
  ...(key === null ? {} : { key }),
})
