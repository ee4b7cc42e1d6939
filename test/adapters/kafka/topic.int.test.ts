import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { openAuditTopic } from '../../../src/adapters/kafka/topic.ts'
import type { SentGroup, ShipRecord } from '../../../src/core/shipping/types.ts'
import type { AuditTopic, KafkaOptions } from '../../../src/ports/shipping.ts'
import { KafkaProxy } from '../../faults/kafka-proxy.ts'
import { type KafkaCluster, readTopic, startKafka } from '../../support/kafka.ts'
import { makeAuthority, makeCertificate } from '../admin/certificates.ts'

const PARTITIONS = 3
const SEND_MS = 1_000
let cluster: KafkaCluster
let proxy: KafkaProxy
let name = ''
let made = 0
const opened: AuditTopic[] = []
beforeAll(async () => {
  cluster = await startKafka()
  proxy = await KafkaProxy.to(cluster.brokers)
})
afterAll(async () => {
  await proxy.close()
  await cluster.stop()
})
beforeEach(async () => {
  name = `ship-${(made += 1)}`
  await cluster.createTopic(name, PARTITIONS)
})
afterEach(async () => {
  proxy.answer({ kind: 'none' })
  await proxy.set({ kind: 'none' })
  await Promise.all(opened.splice(0).map((topic) => topic.close()))
})
const open = (more: Partial<KafkaOptions> = {}): AuditTopic => {
  const plain = { brokers: proxy.brokers, topic: name, send_ms: SEND_MS, tls: null, sasl: null }
  const topic = openAuditTopic({ ...plain, ...more })
  opened.push(topic)
  return topic
}
const record = (seq: number, target = `flag/ff.${seq % 7}`): ShipRecord => ({
  seq,
  target,
  audit_id: `id-${seq}`,
  text: JSON.stringify({ seq }),
  attempts: 0,
  waited_ms: null,
})
const RECORDS = Array.from({ length: 40 }, (_, at) => record(at + 1))
const outcomes = (groups: readonly SentGroup[]): readonly string[] => [
  ...new Set(
    groups.map(({ outcome }) =>
      outcome.kind === 'acked' ? 'acked' : `${outcome.kind}: ${outcome.reason}`,
    ),
  ),
]
const inTopic = async (): Promise<readonly number[]> =>
  (await readTopic(cluster, name)).map(
    ({ payload }) => (JSON.parse(payload) as { readonly seq: number }).seq,
  )

test('each record stands at the partition and offset of its outcome, a target in one partition in order', async () => {
  const topic = open()
  const groups = [
    ...(await topic.send(RECORDS.slice(0, 25))),
    ...(await topic.send(RECORDS.slice(25))),
  ]
  const placed = groups.flatMap(({ records, outcome }) =>
    records.map(({ seq, audit_id, target: key }, at) => {
      if (outcome.kind !== 'acked') throw new Error(outcome.reason)
      const { partition, offset } = outcome
      const headers = ['audit_id', audit_id]
      return { partition, offset: offset + at, key, headers, payload: JSON.stringify({ seq }) }
    }),
  )
  const messages = await readTopic(cluster, name)
  expect(messages).toHaveLength(RECORDS.length)
  for (const place of placed) expect(messages).toContainEqual(expect.objectContaining(place))
  for (const target of new Set(RECORDS.map((one) => one.target))) {
    const own = messages.filter(({ key }) => key === target)
    expect(new Set(own.map(({ partition }) => partition)).size).toBe(1)
    expect(own.map(({ payload }) => payload)).toEqual(
      RECORDS.filter((one) => one.target === target).map(({ text }) => text),
    )
  }
  expect(new Set(messages.map(({ partition }) => partition)).size).toBe(PARTITIONS)
  expect(await topic.countPartitions()).toBe(PARTITIONS)
})

test.each([
  ['message_too_large', 'refused: MESSAGE_TOO_LARGE: '],
  ['not_leader', 'unavailable: NOT_LEADER_FOR_PARTITION: '],
  ['not_enough_replicas', 'unavailable: NOT_ENOUGH_REPLICAS: '],
  ['topic_not_authorized', 'unavailable: TOPIC_AUTHORIZATION_FAILED: '],
] as const)(
  'a broker that answers %s appends nothing, and the next send works',
  async (error, outcome) => {
    const topic = open()
    await topic.countPartitions()
    proxy.answer({ kind: 'produce_refused', error })
    const groups = await topic.send(RECORDS)
    expect(proxy.hits).toBe(PARTITIONS)
    expect(outcomes(groups)).toEqual([expect.stringContaining(outcome)])
    expect(groups.flatMap(({ records }) => records)).toHaveLength(RECORDS.length)
    expect(await inTopic()).toEqual([])
    proxy.answer({ kind: 'none' })
    expect(outcomes(await topic.send(RECORDS))).toEqual(['acked'])
  },
)

test('a partition that fails hides nothing of the others', async () => {
  const topic = open()
  proxy.answer({ kind: 'produce_refused', error: 'not_leader', holding: 'flag/ff.3' })
  const groups = await topic.send(RECORDS)
  const kinds = groups.map(({ outcome }) => outcome.kind)
  expect(kinds.filter((kind) => kind === 'unavailable')).toHaveLength(1)
  expect(kinds.filter((kind) => kind === 'acked')).toHaveLength(PARTITIONS - 1)
  const acked = groups.flatMap(({ records, outcome }) => (outcome.kind === 'acked' ? records : []))
  expect((await inTopic()).toSorted((a, b) => a - b)).toEqual(
    acked.map(({ seq }) => seq).toSorted((a, b) => a - b),
  )
})

test('a broker that hangs hides nothing of the partitions of the others', async () => {
  for (const at of [0, 1, 2]) await cluster.setLeader(name, at, at + 1)
  const topic = open()
  expect(outcomes(await topic.send(RECORDS))).toEqual(['acked'])
  await proxy['fronts'][2]?.set({ kind: 'blackhole', direction: 'both' })
  const groups = await topic.send(RECORDS)
  expect(groups.map(({ outcome }) => outcome.kind).toSorted()).toEqual([
    'acked',
    'acked',
    'unavailable',
  ])
})

test('a lost response is unavailable, though the records are in the topic', async () => {
  const topic = open()
  await topic.countPartitions()
  proxy.answer({ kind: 'response_lost' }, 1)
  const [group] = await topic.send([record(1)])
  expect(group?.outcome.kind).toBe('unavailable')
  expect(await inTopic()).toEqual([1])
  expect(outcomes(await topic.send([record(1)]))).toEqual(['acked'])
  expect(await inTopic()).toEqual([1, 1])
})

test.each([
  ['refuses connections', { kind: 'refuse' }],
  ['swallows what is sent', { kind: 'blackhole', direction: 'both' }],
] as const)(
  'a network that %s: every send ends in time, and works once it heals',
  async (_, fault) => {
    const topic = open()
    expect(outcomes(await topic.send([record(1)]))).toEqual(['acked'])
    await proxy.set(fault)
    for (let sends = 0; sends < 3; sends += 1) {
      const began = performance.now()
      const groups = await topic.send([record(2), record(3)])
      expect(performance.now() - began).toBeLessThan(2 * SEND_MS)
      expect(groups.flatMap(({ records }) => records)).toHaveLength(2)
      expect(outcomes(groups).every((one) => one.startsWith('unavailable: '))).toBe(true)
    }
    await proxy.set({ kind: 'none' })
    expect(outcomes(await topic.send([record(2), record(3)]))).toEqual(['acked'])
  },
)

test.each([
  ['unknown_topic', 'target_unreachable', 'UNKNOWN_TOPIC_OR_PARTITION'],
  ['topic_not_authorized', 'rights_missing', 'TOPIC_AUTHORIZATION_FAILED'],
] as const)('a topic that is refused with %s is an error of its own', async (error, code, type) => {
  proxy.answer({ kind: 'topic_refused', error })
  const topic = open()
  expect(outcomes(await topic.send([record(1)]))).toEqual([
    expect.stringContaining(`unavailable: ${type}`),
  ])
  await expect(topic.countPartitions()).rejects.toMatchObject({ code })
  proxy.answer({ kind: 'none' })
  expect(await topic.countPartitions()).toBe(PARTITIONS)
})

test('brokers that are away are named so', async () => {
  await proxy.set({ kind: 'refuse' })
  await expect(open().countPartitions()).rejects.toMatchObject({ code: 'target_unreachable' })
})

describe('a login over TLS', () => {
  let guarded: KafkaProxy
  let folder = ''
  let ca = ''
  const login = { username: 'ff', password: 'canary' }
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'ff-kafka-'))
    ca = makeAuthority(folder, 'ca').cert
    const tls = makeCertificate(folder, 'ca', { name: 'kafka', alternative: 'IP:127.0.0.1' })
    guarded = await KafkaProxy.to(cluster.brokers, { tls, login })
  })
  afterAll(async () => {
    await guarded.close()
    await rm(folder, { recursive: true })
  })
  test('with the password of a user is let in, and with another one refused', async () => {
    const { brokers } = guarded
    const tls = { ca, cert: null, key: null }
    const user = { mechanism: 'plain', ...login } as const
    const topic = open({ brokers, tls, sasl: user })
    expect(outcomes(await topic.send([record(1)]))).toEqual(['acked'])
    const stranger = open({ brokers, tls, sasl: { ...user, password: 'other' } })
    expect((await stranger.send([record(2)]))[0]?.outcome.kind).toBe('unavailable')
    await expect(stranger.countPartitions()).rejects.toMatchObject({ code: 'rights_missing' })
  })

  test('does not trust a broker whose authority is another', async () => {
    const others = { ca: null, cert: null, key: null }
    const topic = open({ brokers: guarded.brokers, tls: others, sasl: null })
    const [group] = await topic.send([record(1)])
    expect(group?.outcome).toMatchObject({
      kind: 'unavailable',
      reason: expect.stringContaining('certificate') as string,
    })
  })
})
