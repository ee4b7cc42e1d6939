import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Kafka, Partitioners } from 'kafkajs'
import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type AuditRecord, serializeRecord } from '../../src/core/audit/record.ts'
import { KafkaProxy } from '../faults/kafka-proxy.ts'
import { auditedFolder } from '../support/audited.ts'
import { appendRecords } from '../support/audit-rows.ts'
import { runDisturbed } from '../support/disturbed-shippers.ts'
import { connect, migratedDatabase, type TestDatabase } from '../support/database.ts'
import {
  type KafkaCluster,
  readTopic,
  startKafka,
  type WitnessedMessage,
} from '../support/kafka.ts'
import { runFf } from '../support/run-ff.ts'
import { FULL } from '../support/scale.ts'
import {
  ask,
  type Issuer,
  openDatabaseTarget,
  openIssuer,
  type ServiceTarget,
  startService,
  type StartedService,
} from '../support/service.ts'
import { witness } from '../support/witness.ts'
import { getCheck } from './outcome.ts'

const TOPIC = 'ptt.audit.trail'
let cluster: KafkaCluster
beforeAll(async () => {
  cluster = await startKafka()
  await cluster.createTopic(TOPIC, 4)
})
afterAll(() => cluster.stop())

/** The exit, and the codes of the items that have one. */
async function reconcile(env: Readonly<Record<string, string>>, ...args: readonly string[]) {
  const run = await runFf(['audit', 'reconcile', ...args, '--format', 'json'], { env })
  const { items } = getCheck(run)
  return [
    run.status,
    Object.fromEntries(items.flatMap(({ id, codes }) => (codes.length > 0 ? [[id, codes]] : []))),
  ]
}

describe('UC-B4-15 · audit boundary emitted on readiness path', () => {
  let target: ServiceTarget
  let issuer: Issuer
  let service: StartedService
  let sql: pg.Client
  let env: Readonly<Record<string, string>> = {}
  beforeAll(async () => {
    ;[target, issuer] = await Promise.all([openDatabaseTarget('15'), openIssuer()])
    service = await startService({ ...target.env, ...issuer.env })
    const { url: FF_DATABASE_URL, database } = target.database as TestDatabase
    sql = await connect('15', database)
    env = { FF_DATABASE_URL, FF_KAFKA_BROKERS: cluster.brokers.join(',') }
  })
  afterAll(async () => {
    await service.stop()
    await sql.end()
    await issuer.close()
    await target.remove()
  })

  interface ListedRecord {
    readonly audit_id: string
    readonly seq: number
    readonly target: string
    readonly action: string
    readonly sink_status: string
  }
  const list = async (): Promise<readonly ListedRecord[]> => {
    const { rows } = await sql.query<ListedRecord>('SELECT * FROM ff.audit ORDER BY seq')
    return rows
  }

  test.concurrent('a mutation and a boundary are recorded as pending, shipped to ptt.audit.trail, and equal there', async () => {
    const token = await issuer.token()
    const flag = {
      value_type: 'boolean',
      default_value: false,
      safe_value: false,
      sensitive: false,
      required_auth: 'any',
      state: 'active',
      description: '',
      owner: '',
    }
    const change = (path: string, body: object) =>
      ask(service.origin, path, { method: 'PUT', token, body: JSON.stringify(body) })
    expect((await change('/v1/flags/ff.a', flag)).status).toBe(201)
    expect((await change('/v1/flags/override/tenant/T1/ff.a', { value: true })).status).toBe(201)
    const invalidated = await ask(service.origin, '/v1/flags/cache/invalidate', {
      token,
      body: JSON.stringify({ kind: 'global' }),
    })
    expect(invalidated.status).toBeLessThan(300)

    const recorded = await list()
    expect(recorded.map(({ action }) => action)).toEqual(
      expect.arrayContaining(['flag.put', 'override.put', 'audit.boundary']),
    )
    expect(recorded.map(({ sink_status }) => sink_status)).toEqual(recorded.map(() => 'pending'))

    expect((await runFf(['audit', 'ship', '--once'], { env })).status).toBe(0)
    const witnessed = await readTopic(cluster, TOPIC)
    expect(
      witnessed
        .map(({ key, headers, payload }) => {
          const { audit_id, target: on } = JSON.parse(payload) as ListedRecord
          return key === on && headers[1] === audit_id
            ? audit_id
            : `${key} has ${headers.join(' ')}`
        })
        .sort(),
    ).toEqual(recorded.map(({ audit_id }) => audit_id).sort())
    expect((await list()).map(({ sink_status }) => sink_status)).toEqual(
      recorded.map(() => 'delivered'),
    )
    expect(await reconcile(env)).toEqual([0, {}])
  })

  test.concurrent('the records of a file store are shipped and equal, and a lost one is found', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'ff-delivery-'))
    const store = `file:${join(folder, 'store')}`
    const own = { FF_KAFKA_BROKERS: cluster.brokers.join(','), FF_KAFKA_TOPIC: 'from-a-file' }
    await cluster.createTopic(own.FF_KAFKA_TOPIC, 4)
    await cluster.createTopic('empty', 1)
    await auditedFolder(join(folder, 'store'))
    expect((await runFf(['audit', 'ship', '--store', store], { env: own })).status).toBe(0)
    const [equal, lost] = await Promise.all([
      reconcile(own, '--store', store),
      reconcile(own, '--store', store, '--topic', 'empty'),
    ])
    expect(equal).toEqual([0, {}])
    expect(lost).toEqual([20, { topic: ['topic_empty'], records: ['record_missing'] }])
    await rm(folder, { recursive: true })
  })
})

/** Kills, freezes and records of the crash run. */
const [KILLS, FREEZES, RECORDS] = FULL ? [24, 6, 12_000] : [3, 1, 1_200]

describe(`${KILLS} killed and ${FREEZES} frozen shippers over ${RECORDS} records`, () => {
  const topic = 'crash'
  let proxy: KafkaProxy
  let database: TestDatabase
  let sql: pg.Client
  let env: Readonly<Record<string, string>> = {}
  let records: readonly AuditRecord[] = []
  let interrupted = 0
  beforeAll(async () => {
    database = await migratedDatabase('15')
    sql = await connect('15', database.database)
    await cluster.createTopic(topic, 8)
    proxy = await KafkaProxy.to(cluster.brokers)
    // A send takes longer than a mark, so that many kills fall between the two.
    await proxy.set({ kind: 'latency', ms: 5 })
    env = {
      FF_DATABASE_URL: database.url,
      FF_KAFKA_BROKERS: proxy.brokers.join(','),
      FF_KAFKA_TOPIC: topic,
      FF_KAFKA_TIMEOUT: '0.5',
      FF_SHIP_LEASE: '1',
    }
    const done = await runDisturbed({ env, sql, kills: KILLS, freezes: FREEZES, records: RECORDS })
    records = done.written
    interrupted = done.interrupted
  }, 600_000)
  afterAll(async () => {
    await proxy.close()
    await sql.end()
    await database.drop()
  })

  test('lose no record, and keep the order of each target', async () => {
    const isChange = ({ payload }: WitnessedMessage): boolean =>
      (JSON.parse(payload) as AuditRecord).action !== 'audit.boundary'
    const messages = (await readTopic(cluster, topic)).filter(isChange)
    expect(records).toHaveLength(RECORDS)
    // Otherwise the kills and freezes met processes that were idle, and prove nothing.
    expect(interrupted).toBeGreaterThanOrEqual((KILLS + FREEZES) / 4)
    expect(witness(records, messages)).toEqual({
      lost: 0,
      disordered: 0,
      wrong: 0,
      repeated: messages.length - RECORDS,
    })
    expect(await reconcile(env)).toEqual([0, {}])
  })

  test('and ff audit reconcile finds each planted fault, and names its record', async () => {
    const kafka = new Kafka({ brokers: [...cluster.brokers], logCreator: () => () => undefined })
    const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner })
    await producer.connect()
    const send = (one: AuditRecord) =>
      producer.send({
        topic,
        messages: [
          { key: one.target, value: serializeRecord(one), headers: { audit_id: one.audit_id } },
        ],
      })
    const target = (at: number): string => (at === 2 ? 'flag/ff.missing' : 'flag/ff.swapped')
    const planted = await appendRecords(sql, 3, { target })
    const [first, second, missing] = planted as [AuditRecord, AuditRecord, AuditRecord]
    const [altered] = records as [AuditRecord]
    await send(second)
    await send(first)
    await send({ ...altered, actor: 'mallory' })
    await send({ ...missing, audit_id: '00000000-0000-7000-8000-000000000000' })
    await producer.disconnect()
    await sql.query(
      `UPDATE ff.audit SET sink_status = 'delivered', sink_topic = $1, sink_partition = 0, sink_offset = 0
       WHERE seq = ANY($2)`,
      [topic, planted.map(({ seq }) => seq)],
    )
    const run = await runFf(['audit', 'reconcile', '--format', 'json'], { env })
    const { findings } = getCheck(run)
    expect(run.status).toBe(20)
    expect(Object.fromEntries(findings.map(({ code, detail }) => [code, detail]))).toEqual({
      record_missing: `1 delivered, and not in the topic: record ${missing.seq}`,
      record_altered: expect.stringMatching(
        `^1 not as in the table: record ${altered.seq} of ${altered.target}, offset`,
      ) as unknown,
      record_reordered: `1 before an earlier record of their target: record ${second.seq} and record ${first.seq}`,
      record_unknown: expect.stringMatching(
        `^1 not in the table: record ${missing.seq} of`,
      ) as unknown,
    })
  })
})
