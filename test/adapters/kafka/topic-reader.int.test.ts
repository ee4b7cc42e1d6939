import { Kafka, Partitioners } from 'kafkajs'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { openTopicReader } from '../../../src/adapters/kafka/topic-reader.ts'
import type { TopicMessage } from '../../../src/core/shipping/reconcile.ts'
import type { KafkaOptions } from '../../../src/ports/shipping.ts'
import type { PartitionSpan, TopicReader } from '../../../src/ports/topic.ts'
import { KafkaProxy } from '../../faults/kafka-proxy.ts'
import { type KafkaCluster, readTopic, startKafka } from '../../support/kafka.ts'

const TOPIC = 'read'
const PARTITIONS = 3
let cluster: KafkaCluster
let proxy: KafkaProxy
beforeAll(async () => {
  cluster = await startKafka()
  proxy = await KafkaProxy.to(cluster.brokers)
  await cluster.createTopic(TOPIC, PARTITIONS)
  await send(TOPIC, 60)
})
afterAll(async () => {
  await proxy.close()
  await cluster.stop()
})
afterEach(async () => {
  proxy.answer({ kind: 'none' })
  await proxy.set({ kind: 'none' })
})

async function send(topic: string, count: number, value = 'x'): Promise<void> {
  const kafka = new Kafka({ brokers: [...cluster.brokers], logCreator: () => () => undefined })
  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner })
  await producer.connect()
  for (let at = 0; at < count; at += 1)
    await producer.send({
      topic,
      messages: [{ key: `k${at}`, value: `${at} ${value}`, headers: { audit_id: `id-${at}` } }],
    })
  await producer.disconnect()
}
const options = (topic = TOPIC): KafkaOptions => ({
  brokers: proxy.brokers,
  topic,
  send_ms: 1_000,
  tls: null,
  sasl: null,
})
async function withReader<T>(use: (reader: TopicReader) => Promise<T>, topic = TOPIC): Promise<T> {
  const reader = await openTopicReader(options(topic))
  try {
    return await use(reader)
  } finally {
    await reader.close()
  }
}
async function readSpans(
  reader: TopicReader,
  spans: readonly PartitionSpan[],
  signal = new AbortController().signal,
): Promise<readonly TopicMessage[]> {
  const messages: TopicMessage[] = []
  await reader.read(spans, (message) => void messages.push(message), signal)
  return messages
}
/** What kcat reads, in the form of a reader. */
const witnessed = async (topic: string): Promise<readonly TopicMessage[]> =>
  (await readTopic(cluster, topic)).map(({ partition, offset, key, headers, payload }) => ({
    partition,
    offset,
    key,
    audit_id: headers[1] ?? null,
    body: payload,
  }))
const sorted = (messages: readonly TopicMessage[]): readonly TopicMessage[] =>
  messages.toSorted((a, b) => a.partition - b.partition || a.offset - b.offset)

describe('a reader gives what kcat reads', () => {
  test.concurrent('of the whole topic, in order, once, and of a part of it', async () => {
    await withReader(async (reader) => {
      const spans = await reader.spans()
      expect(spans.map(({ partition, first }) => [partition, first])).toEqual([
        [0, 0],
        [1, 0],
        [2, 0],
      ])
      const all = await readSpans(reader, spans)
      expect(sorted(all)).toEqual(sorted(await witnessed(TOPIC)))
      for (let partition = 0; partition < PARTITIONS; partition += 1) {
        const offsets = all.filter((one) => one.partition === partition).map(({ offset }) => offset)
        expect(offsets.length).toBeGreaterThan(4)
        expect(offsets).toEqual(offsets.map((_, at) => at))
      }
      const part = spans.map(({ partition, end }) => ({ partition, first: 2, end: end - 1 }))
      const expected = all.filter(({ partition, offset }) =>
        part.some((one) => one.partition === partition && offset >= one.first && offset < one.end),
      )
      expect(sorted(await readSpans(reader, part))).toEqual(sorted(expected))
    })
  })

  test.concurrent('of a topic whose start was deleted', async () => {
    await cluster.createTopic('long', 1)
    await send('long', 8, 'x'.repeat(900_000))
    await withReader(async (reader) => {
      const spans = await reader.spans()
      expect(spans[0]?.first).toBeGreaterThan(0)
      expect(await readSpans(reader, spans)).toEqual(await witnessed('long'))
    }, 'long')
  })
})

test.concurrent('nothing is read of nothing', async () => {
  await withReader(async (reader) => {
    expect(await readSpans(reader, [{ partition: 0, first: 3, end: 3 }])).toEqual([])
    expect(await readSpans(reader, [])).toEqual([])
  })
})

test.concurrent('a reading ends with its signal', async () => {
  await withReader(async (reader) => {
    const controller = new AbortController()
    // No message has these offsets, so that the reading waits.
    const spans = [{ partition: 0, first: 0, end: 1_000_000 }]
    const reading = readSpans(reader, spans, controller.signal)
    controller.abort(new Error('enough'))
    await expect(reading).rejects.toThrow('enough')
  })
})

test('an error of the caller is its own', async () => {
  await withReader(async (reader) => {
    const take = () => {
      throw new TypeError('a bug')
    }
    const { signal } = new AbortController()
    await expect(reader.read(await reader.spans(), take, signal)).rejects.toThrow(TypeError)
  })
})

describe('a topic cannot be read', () => {
  test.each([
    [
      'that the brokers do not know',
      () => proxy.answer({ kind: 'topic_refused', error: 'unknown_topic' }),
      'target_unreachable',
    ],
    [
      'that the client may not read',
      () => proxy.answer({ kind: 'topic_refused', error: 'topic_not_authorized' }),
      'rights_missing',
    ],
    ['whose brokers are away', () => proxy.set({ kind: 'refuse' }), 'target_unreachable'],
    [
      'whose brokers do not answer',
      () => proxy.set({ kind: 'blackhole', direction: 'both' }),
      'target_unreachable',
    ],
  ] as const)('%s', async (_what, plant, code) => {
    await plant()
    await expect(withReader((reader) => reader.spans())).rejects.toMatchObject({ code })
  })
})
