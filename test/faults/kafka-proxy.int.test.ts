import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Kafka, type KafkaConfig, type Producer, Partitioners } from 'kafkajs'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { makeAuthority } from '../adapters/admin/certificates.ts'
import { type KafkaCluster, readTopic, startKafka } from '../support/kafka.ts'
import { KafkaProxy } from './kafka-proxy.ts'

const TIMEOUT_MS = 1_000
let cluster: KafkaCluster
let proxy: KafkaProxy
beforeAll(async () => {
  cluster = await startKafka()
  proxy = await KafkaProxy.to(cluster.brokers)
})
afterAll(async () => {
  await proxy.close()
  await cluster.stop()
})
afterEach(async () => {
  proxy.answer({ kind: 'none' })
  await proxy.set({ kind: 'none' })
})

let topics = 0
/** A new topic of one partition, led by the first broker. */
async function createTopic(): Promise<string> {
  topics += 1
  const name = `topic-${topics}`
  await cluster.createTopic(name, 1)
  await cluster.setLeader(name, 0, 1)
  return name
}
/** A client that tries once, behind the proxy. */
const openClient = (more: Partial<KafkaConfig> = {}): Kafka =>
  new Kafka({
    brokers: [...proxy.brokers],
    connectionTimeout: TIMEOUT_MS,
    requestTimeout: TIMEOUT_MS,
    retry: { retries: 0 },
    logCreator: () => () => undefined,
    ...more,
  })
async function withProducer<T>(use: (producer: Producer) => Promise<T>): Promise<T> {
  const producer = openClient().producer({ createPartitioner: Partitioners.DefaultPartitioner })
  await producer.connect()
  try {
    return await use(producer)
  } finally {
    await producer.disconnect()
  }
}
const send = (producer: Producer, topic: string, value: string) =>
  producer.send({ topic, acks: -1, messages: [{ key: 'k', value, headers: { audit_id: 'x' } }] })
/** Bodies of a topic, as kcat reads them past the proxy. */
const bodies = async (topic: string): Promise<readonly string[]> =>
  (await readTopic(cluster, topic)).map(({ payload }) => payload)
/** The error that a client meets, as a broker or the client names it. */
async function errorOf(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => null,
    (thrown: unknown) => thrown as Error & { readonly type?: string },
  )
  const cause = error?.cause as (Error & { readonly type?: string }) | undefined
  return error === null ? 'none' : (error.type ?? cause?.type ?? error.name)
}

describe('behind the proxy', () => {
  test('a client is told no address of a broker, and what it sends is in the topic', async () => {
    const topic = await createTopic()
    const admin = openClient().admin()
    await admin.connect()
    const { brokers } = await admin.describeCluster()
    await admin.disconnect()
    expect(brokers.map(({ port }) => `127.0.0.1:${port}`).sort()).toEqual([...proxy.brokers].sort())
    await withProducer(async (producer) => {
      for (const value of ['a', 'b', 'c']) await send(producer, topic, value)
    })
    expect(await readTopic(cluster, topic)).toMatchObject(
      ['a', 'b', 'c'].map((payload, offset) => ({
        partition: 0,
        offset,
        key: 'k',
        headers: ['audit_id', 'x'],
        payload,
      })),
    )
  })

  test.each([
    ['not_leader', 'NOT_LEADER_FOR_PARTITION'],
    ['message_too_large', 'MESSAGE_TOO_LARGE'],
    ['topic_not_authorized', 'TOPIC_AUTHORIZATION_FAILED'],
    ['not_enough_replicas', 'NOT_ENOUGH_REPLICAS'],
    ['request_timed_out', 'REQUEST_TIMED_OUT'],
  ] as const)('a refused message is not in the topic: %s', async (error, type) => {
    const topic = await createTopic()
    await withProducer(async (producer) => {
      await send(producer, topic, 'before')
      proxy.answer({ kind: 'produce_refused', error }, 1)
      expect(await errorOf(send(producer, topic, 'refused'))).toBe(type)
      expect(proxy.hits).toBe(1)
      await send(producer, topic, 'after')
    })
    expect(await bodies(topic)).toEqual(['before', 'after'])
  })

  test('one poisoned message is refused, and others are not', async () => {
    const topic = await createTopic()
    proxy.answer({ kind: 'produce_refused', error: 'message_too_large', holding: 'poison' })
    await withProducer(async (producer) => {
      await send(producer, topic, 'a')
      for (let tries = 0; tries < 2; tries += 1)
        expect(await errorOf(send(producer, topic, 'some poison'))).toBe('MESSAGE_TOO_LARGE')
      await send(producer, topic, 'b')
    })
    expect([await bodies(topic), proxy.hits]).toEqual([['a', 'b'], 2])
  })

  test('a message whose response is lost is in the topic', async () => {
    const topic = await createTopic()
    proxy.answer({ kind: 'response_lost' }, 1)
    await withProducer(async (producer) => {
      expect(await errorOf(send(producer, topic, 'a'))).not.toBe('none')
    })
    expect([await bodies(topic), proxy.hits]).toEqual([['a'], 1])
  })

  test.each([
    ['unknown_topic', 'UNKNOWN_TOPIC_OR_PARTITION'],
    ['topic_not_authorized', 'TOPIC_AUTHORIZATION_FAILED'],
  ] as const)('the metadata of a topic are an error: %s', async (error, type) => {
    const topic = await createTopic()
    proxy.answer({ kind: 'topic_refused', error })
    await withProducer(async (producer) => {
      expect(await errorOf(send(producer, topic, 'a'))).toBe(type)
    })
    expect(proxy.hits).toBeGreaterThan(0)
    expect(await bodies(topic)).toEqual([])
  })

  test('a leader that changed refuses, and the client finds the new one', async () => {
    const topic = await createTopic()
    await withProducer(async (producer) => {
      await send(producer, topic, 'a')
      await cluster.setLeader(topic, 0, 2)
      expect(await errorOf(send(producer, topic, 'b'))).toBe('NOT_LEADER_FOR_PARTITION')
    })
    await withProducer((producer) => send(producer, topic, 'c'))
    expect(await bodies(topic)).toEqual(['a', 'c'])
  })

  test.each([
    ['refuses connections', { kind: 'refuse' }],
    ['swallows what is sent', { kind: 'blackhole', direction: 'both' }],
    ['is slower than the client waits', { kind: 'latency', ms: 2 * TIMEOUT_MS }],
  ] as const)('a network that %s is an error in time, and heals', async (_what, fault) => {
    const topic = await createTopic()
    await withProducer(async (producer) => {
      await send(producer, topic, 'a')
      await proxy.set(fault)
      const started = performance.now()
      expect(await errorOf(send(producer, topic, 'b'))).not.toBe('none')
      expect(performance.now() - started).toBeLessThan(5 * TIMEOUT_MS)
    })
    await proxy.set({ kind: 'none' })
    await withProducer((producer) => send(producer, topic, 'c'))
    expect((await bodies(topic)).at(-1)).toBe('c')
  })
})

describe('behind a proxy with a login over TLS', () => {
  let guarded: KafkaProxy
  let folder = ''
  const login = { username: 'ff', password: 'canary' }
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'ff-kafka-'))
    guarded = await KafkaProxy.to(cluster.brokers, { tls: makeAuthority(folder, 'kafka'), login })
  })
  afterAll(async () => {
    await guarded.close()
    await rm(folder, { recursive: true })
  })
  const connectWith = async (more: Partial<KafkaConfig>): Promise<string> => {
    const admin = openClient({
      brokers: [...guarded.brokers],
      ssl: { rejectUnauthorized: false },
      ...more,
    }).admin()
    const error = await errorOf(admin.connect().then(() => admin.listTopics()))
    await admin.disconnect()
    return error
  }

  test('the user is let in', async () => {
    expect(await connectWith({ sasl: { mechanism: 'plain', ...login } })).toBe('none')
  })
  test.each([
    ['another password', { sasl: { mechanism: 'plain', ...login, password: 'other' } }],
    ['another mechanism', { sasl: { mechanism: 'scram-sha-256', ...login } }],
    ['no login', {}],
    ['no TLS', { ssl: false, sasl: { mechanism: 'plain', ...login } }],
  ] as const)('%s is not', async (_what, more) => {
    expect(await connectWith(more)).not.toBe('none')
  })
})

test('a topic that outgrows the cluster has lost its start', async () => {
  const topic = await createTopic()
  const value = 'x'.repeat(900_000)
  await withProducer(async (producer) => {
    for (let count = 0; count < 8; count += 1) await send(producer, topic, value)
  })
  const [first] = await readTopic(cluster, topic)
  expect(first?.offset).toBeGreaterThan(0)
})
