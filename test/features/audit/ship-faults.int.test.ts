import type pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { openAuditTopic } from '../../../src/adapters/kafka/topic.ts'
import type { DatabaseConfig } from '../../../src/adapters/postgres/connect.ts'
import { openPostgresShipStore } from '../../../src/adapters/postgres/ship-store.ts'
import type { AuditRecord } from '../../../src/core/audit/record.ts'
import { shipAudit, type ShipRequest, type ShipTotals } from '../../../src/features/audit/ship.ts'
import { loadPersistence } from '../../../src/features/migrate/load-persistence.ts'
import type { AuditTopic, ShipEvent, ShipStore } from '../../../src/ports/shipping.ts'
import type { Instant } from '../../../src/core/rows/instant.ts'
import { KafkaProxy } from '../../faults/kafka-proxy.ts'
import { FaultProxy } from '../../faults/tcp-proxy.ts'
import { appendRecords, type RowsWanted } from '../../support/audit-rows.ts'
import { connect, getSocket, migratedDatabase, type TestDatabase } from '../../support/database.ts'
import { type KafkaCluster, readTopic, startKafka } from '../../support/kafka.ts'
import { ROOT } from '../../support/run-ff.ts'
import { FULL } from '../../support/scale.ts'
import { until } from '../../support/until.ts'
import { witness } from '../../support/witness.ts'

const SEND_MS = 500
const LEASE_MS = 1_000
const { versions, migrations } = await loadPersistence(ROOT)

let cluster: KafkaCluster
let proxy: KafkaProxy
let database: TestDatabase
let sql: pg.Client
beforeAll(async () => {
  cluster = await startKafka()
  proxy = await KafkaProxy.to(cluster.brokers)
  database = await migratedDatabase('15')
  sql = await connect('15', database.database)
  // The records of migrations are no part of any case.
  await sql.query(`UPDATE ff.audit SET sink_status = 'delivered'`)
})
afterAll(async () => {
  await proxy.close()
  await sql.end()
  await database.drop()
  await cluster.stop()
})

let cases = 0
let topicName = ''
const opened: { close(): Promise<void> }[] = []
beforeEach(async () => {
  cases += 1
  topicName = `faults-${cases}`
  await cluster.createTopic(topicName, 4)
})
afterEach(async () => {
  proxy.answer({ kind: 'none' })
  await proxy.set({ kind: 'none' })
  for (const one of opened.splice(0)) await one.close()
  // What a case left behind is no part of the next one.
  await sql.query(`UPDATE ff.audit SET sink_status = 'delivered' WHERE sink_status <> 'delivered'`)
  await sql.query('UPDATE ff.ship_slots SET owner = NULL, lease_until = NULL, send_ms = NULL')
})

async function openStore(given: DatabaseConfig = database): Promise<ShipStore> {
  const store = await openPostgresShipStore(given, {
    versions,
    migrations,
    environment: 'prod',
    lease_ms: LEASE_MS,
    send_ms: SEND_MS,
  })
  opened.push(store)
  return store
}
function openTopic(): AuditTopic {
  const { brokers } = proxy
  const topic = openAuditTopic({
    brokers,
    topic: topicName,
    send_ms: SEND_MS,
    tls: null,
    sasl: null,
  })
  opened.push(topic)
  return topic
}

const REAL_TIME: ShipRequest['timing'] = {
  now: () => performance.now(),
  // A test does not wait for a backoff; the store's own waits are over by `skipWaits`.
  rest: () => new Promise((resolve) => void setTimeout(resolve, 5)),
  random: Math.random,
}
const append = (count: number, wanted: Partial<RowsWanted> = {}) =>
  appendRecords(sql, count, { target: (at) => `flag/ff.n${at % 7}`, ...wanted })
/** Has every wait of a record be over, as when its time has passed. */
const skipWaits = () =>
  sql.query(`UPDATE ff.audit SET sink_next_at = now() WHERE sink_next_at IS NOT NULL`)

interface Shipped {
  readonly totals: ShipTotals
  readonly events: readonly ShipEvent[]
}
async function ship(more: Partial<ShipRequest> = {}): Promise<Shipped> {
  const events: ShipEvent[] = []
  const totals = await shipAudit({
    store: more.store ?? (await openStore()),
    topic: more.topic ?? openTopic(),
    lease_ms: LEASE_MS,
    tries: 3,
    follow: false,
    signal: new AbortController().signal,
    timing: REAL_TIME,
    observe: (event) => void events.push(event),
    ...more,
  })
  return { totals, events }
}
const judge = async (records: readonly AuditRecord[]) =>
  witness(records, await readTopic(cluster, topicName))
const countStatus = async (): Promise<Readonly<Record<string, number>>> => {
  const { rows } = await sql.query<{ status: string; count: number }>(
    `SELECT sink_status AS status, count(*)::int AS count FROM ff.audit WHERE action <> 'audit.boundary'
     AND sink_status <> 'delivered' GROUP BY 1`,
  )
  return Object.fromEntries(rows.map(({ status, count }) => [status, count]))
}
const WHOLE = { lost: 0, disordered: 0, wrong: 0 }

describe('no record is lost and no order broken', () => {
  test.each([
    [
      'a send is refused by an old leader',
      () => proxy.answer({ kind: 'produce_refused', error: 'not_leader' }, 3),
    ],
    [
      'there are not enough replicas',
      () => proxy.answer({ kind: 'produce_refused', error: 'not_enough_replicas' }, 3),
    ],
    ['responses are lost after the append', () => proxy.answer({ kind: 'response_lost' }, 3)],
    ['the topic is missing', () => proxy.answer({ kind: 'topic_refused', error: 'unknown_topic' })],
    [
      'the topic is not allowed',
      () => proxy.answer({ kind: 'topic_refused', error: 'topic_not_authorized' }),
    ],
    [
      'writing is not allowed',
      () => proxy.answer({ kind: 'produce_refused', error: 'topic_not_authorized' }),
    ],
    ['the brokers refuse connections', () => proxy.set({ kind: 'refuse' })],
    ['the network swallows everything', () => proxy.set({ kind: 'blackhole', direction: 'both' })],
    [
      'the network swallows the answers',
      () => proxy.set({ kind: 'blackhole', direction: 'to_client' }),
    ],
    [
      'the network is slower than a send may take',
      () => proxy.set({ kind: 'latency', ms: SEND_MS }),
    ],
  ] as const)('where %s', async (_what, plant) => {
    const records = await append(60)
    await plant()
    const { totals } = await ship()
    expect(totals.unavailable).not.toBeNull()
    expect(totals.failed).toBe(0)
    expect((await countStatus())['failed']).toBeUndefined()
    proxy.answer({ kind: 'none' })
    await proxy.set({ kind: 'none' })
    await skipWaits()
    await ship()
    await skipWaits()
    await ship()
    expect(await countStatus()).toEqual({})
    expect(await judge(records)).toMatchObject(WHOLE)
  })

  test('where the brokers are gone for a long time, and records wait without a count of tries', async () => {
    const longMs = FULL ? 3_600_000 : 60_000
    const records = await append(30)
    await proxy.set({ kind: 'refuse' })
    const controller = new AbortController()
    let [now, delays] = [0, 0]
    const timing = {
      now: () => now,
      random: () => 0.5,
      rest: async (ms: number) => {
        expect(ms).toBeLessThanOrEqual(30_000)
        now += ms
        delays += 1
        await skipWaits()
        if (now >= longMs) await proxy.set({ kind: 'none' })
        if (now >= longMs && (await countStatus())['pending'] === undefined) controller.abort()
      },
    }
    const { totals } = await ship({ follow: true, signal: controller.signal, timing })
    expect(totals).toMatchObject({ delivered: records.length, failed: 0 })
    // Four workers, each of whose waits grow: fewer tries than one worker would make that polls each half second.
    expect(delays).toBeLessThan(longMs / 500)
    expect(await judge(records)).toEqual({ ...WHOLE, repeated: 0 })
  })

  test('where the database goes away between a claim and its marks', async () => {
    const records = await append(60)
    const host = getSocket('15')
    const between = await FaultProxy.to({ path: `${host}/.s.PGSQL.5432` })
    opened.push(between)
    const { config } = database
    const store = await openStore({
      ...database,
      config: { ...config, host: '127.0.0.1', port: between.port },
    })
    const controller = new AbortController()
    let cut = 0
    await ship({
      store,
      follow: true,
      signal: controller.signal,
      observe: (event) => {
        if (event.kind === 'sent' && cut++ < 3) void between.set({ kind: 'refuse' })
        if (event.kind === 'store_failed') void between.set({ kind: 'none' })
      },
      timing: {
        ...REAL_TIME,
        rest: async (ms, signal) => {
          await REAL_TIME.rest(ms, signal)
          // A claim that was lost with its connection is over with its lease.
          await sql.query(
            `UPDATE ff.ship_slots SET lease_until = now() - interval '1 hour' WHERE owner IS NOT NULL`,
          )
          if ((await countStatus())['pending'] === undefined) controller.abort()
        },
      },
    })
    expect(cut).toBeGreaterThanOrEqual(3)
    expect(await countStatus()).toEqual({})
    expect(await judge(records)).toMatchObject(WHOLE)
  })

  test('where a record is larger than a send', async () => {
    const records = await append(5, {
      target: () => 'flag/ff.large',
      value: (at) => (at === 2 ? 'x'.repeat(1_000_000) : 'x'),
    })
    expect((await ship()).totals).toMatchObject({ delivered: 5, unavailable: null })
    expect(await judge(records)).toEqual({ ...WHOLE, repeated: 0 })
  })

  test('where the clock of the writers was set back', async () => {
    const times = [
      '2030-01-01T00:00:00.000Z',
      '2020-01-01T00:00:00.000Z',
      '2025-01-01T00:00:00.000Z',
    ]
    const records: AuditRecord[] = []
    for (const time of times) records.push(...(await append(10, { occurred_at: time as Instant })))
    expect((await ship()).totals.delivered).toBe(30)
    expect(await judge(records)).toEqual({ ...WHOLE, repeated: 0 })
  })
})

describe('a poisoned record', () => {
  const target = (at: number): string => `flag/ff.${at % 2 === 0 ? 'sick' : 'well'}`
  const value = (at: number): string => (at === 4 ? 'poison' : 'sound')

  test('is failed after its tries, holds back the later ones of its target alone, and goes out after a redrive', async () => {
    const records = await append(12, { target, value })
    proxy.answer({ kind: 'produce_refused', error: 'message_too_large', holding: '"poison"' })
    for (let tries = 0; tries < 3; tries += 1) {
      await ship()
      await skipWaits()
    }
    expect(proxy.hits).toBeGreaterThanOrEqual(3)
    // The poisoned one is the third of six of its target.
    expect(await countStatus()).toEqual({ failed: 1, pending: 3 })
    const isOut = (_: AuditRecord, at: number): boolean => at % 2 === 1 || at < 4
    expect(await judge(records.filter(isOut))).toEqual({ ...WHOLE, repeated: 0 })
    const { rows } = await sql.query(
      `SELECT sink_reason, sink_attempts FROM ff.audit WHERE sink_status = 'failed'`,
    )
    expect(rows).toEqual([
      { sink_reason: expect.stringContaining('MESSAGE_TOO_LARGE') as unknown, sink_attempts: 3 },
    ])
    proxy.answer({ kind: 'none' })
    expect((await ship()).totals.delivered).toBe(0)
    expect(await (await openStore()).redrive('flag/ff.sick')).toBe(1)
    expect((await ship()).totals.delivered).toBe(4)
    expect(await judge(records)).toEqual({ ...WHOLE, repeated: 0 })
  })
})

describe('two shippers', () => {
  test('never hold one slot, and a mark after a takeover is refused', async () => {
    await append(40, { target: () => 'flag/ff.one' })
    const [first, second] = [await openStore(), await openStore()]
    const claim = await first.claim()
    if (claim === null) throw new Error('no slot')
    expect(await second.claim()).toBeNull()
    const held = await first.read(claim, 500)
    expect(held).toHaveLength(40)
    // Not before the lease and the time of a send are over.
    const started = performance.now()
    let taken = null
    await until(async () => (taken = await second.claim()) !== null)
    expect(performance.now() - started).toBeGreaterThan((LEASE_MS + SEND_MS) * 0.8)
    expect(taken).toEqual({ slot: claim.slot, token: claim.token + 1 })
    const marks = held.map(
      ({ seq }) => ({ kind: 'delivered', seq, partition: 0, offset: 0 }) as const,
    )
    expect(await first.mark(claim, marks, topicName)).toBe(false)
    await first.release(claim)
    expect(await countStatus()).toEqual({ pending: 40 })
    expect(await second.read(taken as never, 500)).toHaveLength(40)
  })

  test('share the slots, and send each record once', async () => {
    const records = await append(400, { target: (at) => `flag/ff.n${at % 50}` })
    const both = await Promise.all([ship(), ship()])
    expect(both.map(({ totals }) => totals.delivered).reduce((sum, one) => sum + one)).toBe(400)
    expect(await judge(records)).toEqual({ ...WHOLE, repeated: 0 })
  })
})
