import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type pg from 'pg'
import { loadMigrations } from '../../../src/artefacts/migrations.ts'
import { buildShipStatements } from '../../../src/adapters/postgres/ship-statements.ts'
import { BY_INDEX, openPostgresShipStore } from '../../../src/adapters/postgres/ship-store.ts'
import type { ShipMark } from '../../../src/core/shipping/types.ts'
import type { ShipClaim, ShipStore } from '../../../src/ports/shipping.ts'
import { connect, migratedDatabase, SUPPORTED, type TestDatabase } from '../../support/database.ts'
import { ROOT } from '../../support/run-ff.ts'
import { addRecords } from '../../features/audit/audit-records.ts'

const LIMIT = 500
const TOPIC = 'ptt.audit.trail'
const delivered = (seq: number): ShipMark => ({ kind: 'delivered', seq, partition: 3, offset: 70 })

describe.each(SUPPORTED)('audit records to ship on PostgreSQL %s', (version) => {
  let database: TestDatabase
  let sql: pg.Client
  const opened: ShipStore[] = []
  beforeEach(async () => {
    database = await migratedDatabase(version)
    sql = await connect(version, database.database)
    await sql.query('SET search_path = ff')
    await sql.query("UPDATE audit SET sink_status = 'delivered'") // Those of the migrations.
  })
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((store) => store.close()))
    await sql.end()
    await database.drop()
  })
  const open = async (lease_ms = 60_000, user = 'postgres'): Promise<ShipStore> => {
    const migrations = await loadMigrations(ROOT)
    if (!migrations.ok) throw new Error('the migrations are invalid')
    const store = await openPostgresShipStore(
      { ...database, config: { ...database.config, user } },
      {
        lease_ms,
        send_ms: 100,
        versions: { oldest: 15, newest: 18 },
        migrations: migrations.loaded,
        environment: 'prod',
      },
    )
    opened.push(store)
    return store
  }
  /** Adds records of these targets. @returns the number of the first */
  const add = async (targets: readonly string[], after?: string): Promise<number> =>
    (await addRecords(sql, targets, after))[0]?.seq ?? 0
  const read = async (store: ShipStore, claim: ShipClaim, limit = LIMIT) =>
    (await store.read(claim, limit)).map(({ seq }) => seq)
  const claimed = async (store: ShipStore): Promise<ShipClaim> => {
    const claim = await store.claim()
    if (claim === null) throw new Error('no slot is free')
    return claim
  }
  const sinkOf = async (seq: number): Promise<unknown> =>
    (
      await sql.query(
        `SELECT sink_status, sink_reason, sink_attempts, sink_topic, sink_partition, sink_offset::text,
           round(extract(epoch FROM sink_next_at - sink_at) * 1000)::integer AS wait FROM audit WHERE seq = $1`,
        [seq],
      )
    ).rows[0]

  test('a slot is claimed by one process, and only where it has a record that may be sent', async () => {
    const [one, other] = [await open(), await open()]
    expect(await one.claim()).toBeNull()
    const first = await add(['flag/ff.a'])
    const claim = await claimed(one)
    expect(await other.claim()).toBeNull()
    expect(await read(one, claim)).toEqual([first])
    await one.release(claim)
    expect(await other.claim()).toEqual({ slot: claim.slot, token: claim.token + 1 })
  })

  test('twenty claims at once never give one slot to two', async () => {
    await add(Array.from({ length: 300 }, (_, at) => `flag/ff.${at}`))
    const stores = await Promise.all([open(), open(), open()])
    const claims = await Promise.all(
      Array.from({ length: 20 }, (_, at) => (stores[at % 3] as ShipStore).claim()),
    )
    const slots = claims.flatMap((claim) => (claim === null ? [] : [claim.slot]))
    // A claim that meets a row that another is claiming passes it over, and may find none.
    expect(slots.length).toBeGreaterThan(3)
    expect(new Set(slots).size).toBe(slots.length)
  })

  test('a slot is taken over when lease and send are over, and its holder can mark nothing then', async () => {
    const first = await add(['flag/ff.a'])
    const [dead, heir] = [await open(100), await open()]
    const lost = await claimed(dead)
    expect(await heir.claim()).toBeNull()
    await sql.query('SELECT pg_sleep(0.12)')
    expect(await heir.claim()).toBeNull()
    await sql.query('SELECT pg_sleep(0.12)')
    const claim = await claimed(heir)
    expect(claim).toEqual({ slot: lost.slot, token: lost.token + 1 })
    expect(await dead.mark(lost, [delivered(first)], TOPIC)).toBe(false)
    await dead.release(lost)
    expect(await sinkOf(first)).toMatchObject({ sink_status: 'pending' })
    expect(await heir.mark(claim, [delivered(first)], TOPIC)).toBe(true)
  })

  test('a mark begins the lease anew', async () => {
    const first = await add(['flag/ff.a', 'flag/ff.a'])
    const [one, other] = [await open(300), await open()]
    const claim = await claimed(one)
    await sql.query('SELECT pg_sleep(0.25)')
    expect(await one.mark(claim, [delivered(first)], TOPIC)).toBe(true)
    await sql.query('SELECT pg_sleep(0.2)')
    expect(await other.claim()).toBeNull()
  })

  test('records come in order, with all that their message needs', async () => {
    const first = await add(['flag/ff.a', 'flag/ff.a', 'flag/ff.a'])
    const store = await open()
    const claim = await claimed(store)
    expect(await read(store, claim)).toEqual([first, first + 1, first + 2])
    expect(await read(store, claim, 2)).toEqual([first, first + 1])
    const [record] = await store.read(claim, 1)
    expect(record).toMatchObject({ target: 'flag/ff.a', attempts: 0, waited_ms: null })
    expect(JSON.parse(record?.text ?? '')).toMatchObject({ seq: first, audit_id: record?.audit_id })
    expect(record?.text).toContain('"after":{"a":1},"approval_ref":null')
  })

  test('a record that was altered beyond its form is delivered as it stands', async () => {
    await add(['flag/ff.a'], '{"a":1.0}')
    const store = await open()
    const [record] = await store.read(await claimed(store), 1)
    expect(record?.text).toContain('{"a": 1.0}')
  })

  test('a reading is bounded by bytes, and gives one record at least', async () => {
    const first = await add(
      ['flag/ff.a', 'flag/ff.a', 'flag/ff.a'],
      JSON.stringify({ a: 'x'.repeat(440_000) }),
    )
    const large = await add(['flag/ff.a'], JSON.stringify({ a: 'x'.repeat(1_000_000) }))
    const store = await open()
    const claim = await claimed(store)
    expect(await read(store, claim)).toEqual([first, first + 1])
    await store.mark(claim, [first, first + 1, first + 2].map(delivered), TOPIC)
    expect(await read(store, claim)).toEqual([large])
  })

  test('a failed and a waiting record hold back the later ones of their target alone', async () => {
    // All in one slot.
    const { rows } = await sql.query<{ target: string }>(
      `SELECT 'flag/ff.' || n AS target FROM generate_series(1, 500) n
       WHERE hashtextextended('flag/ff.' || n, 0) & 15 = 7 LIMIT 3`,
    )
    const [a = '', b = '', c = ''] = rows.map(({ target }) => target)
    const first = await add([a, b, c, a, b, c])
    const store = await open()
    const claim = await claimed(store)
    const failed = { kind: 'failed', seq: first, attempts: 5, reason: 'TOO_LARGE' } as const
    const waiting = { kind: 'waiting', seq: first + 1, attempts: 1, reason: 'no' } as const
    const marks = [failed, { ...waiting, delay_ms: 300 }, delivered(first + 2)]
    expect(await store.mark(claim, marks, TOPIC)).toBe(true)
    const empty = { sink_topic: null, sink_partition: null, sink_offset: null }
    expect(await sinkOf(first)).toEqual({
      ...empty,
      sink_status: 'failed',
      sink_reason: 'TOO_LARGE',
      sink_attempts: 5,
      wait: null,
    })
    expect(await sinkOf(first + 1)).toEqual({
      ...empty,
      sink_status: 'pending',
      sink_reason: 'no',
      sink_attempts: 1,
      wait: 300,
    })
    expect(await sinkOf(first + 2)).toEqual({
      sink_status: 'delivered',
      sink_reason: null,
      sink_attempts: 0,
      sink_topic: TOPIC,
      sink_partition: 3,
      sink_offset: '70',
      wait: null,
    })
    expect(await read(store, claim)).toEqual([first + 5])
    await sql.query('SELECT pg_sleep(0.31)')
    expect(await read(store, claim)).toEqual([first + 1, first + 4, first + 5])
    expect(await store.read(claim, 1)).toMatchObject([{ attempts: 1, waited_ms: 300 }])
    const { slots, failed: count } = await store.backlog()
    expect(count).toBe(1)
    expect(slots.map(({ pending }) => pending).filter((pending) => pending > 0)).toEqual([4])
    expect(slots[7]?.oldest_seconds).toBeGreaterThanOrEqual(0.3)
    expect(slots[6]).toEqual({ slot: 6, pending: 0, oldest_seconds: null })

    expect(await store.redrive('flag/none')).toBe(0)
    expect(await store.redrive(a)).toBe(1)
    expect(await read(store, claim)).toEqual([0, 1, 3, 4, 5].map((at) => first + at))
    expect(await sinkOf(first)).toMatchObject({ sink_status: 'pending', sink_attempts: 0 })
  })

  test('a slot whose records are all held back is not claimed', async () => {
    const first = await add(['flag/ff.a', 'flag/ff.a'])
    const store = await open()
    const claim = await claimed(store)
    const failed = { kind: 'failed', seq: first, attempts: 1, reason: 'no' } as const
    await store.mark(claim, [failed], TOPIC)
    await store.release(claim)
    expect(await store.claim()).toBeNull()
    expect(await store.redrive(null)).toBe(1)
    expect(await store.claim()).not.toBeNull()
  })

  test('the role ff_ship does all of it, and nothing else to a record', async () => {
    await sql.query('CREATE ROLE ship_store_login LOGIN IN ROLE ff_ship')
    try {
      const first = await add(['flag/ff.a'])
      const store = await open(60_000, 'ship_store_login')
      const claim = await claimed(store)
      expect(await store.mark(claim, [delivered(first)], TOPIC)).toBe(true)
      await store.release(claim)
      expect(await store.redrive(null)).toBe(0)
      await store.backlog()
      await sql.query('SET ROLE ship_store_login')
      for (const what of [
        "UPDATE audit SET phase = 'db'",
        'DELETE FROM audit',
        'INSERT INTO ship_slots (slot) VALUES (3)',
        'UPDATE ship_slots SET slot = slot',
        'SELECT FROM flag_registry',
      ])
        await expect(sql.query(what)).rejects.toMatchObject({ code: '42501' })
      await sql.query('RESET ROLE')
      await Promise.all(opened.splice(0).map((one) => one.close()))
    } finally {
      await sql.query('DROP ROLE ship_store_login')
    }
  })

  test('the role of the service counts, and does nothing else', async () => {
    await sql.query('CREATE ROLE ship_store_service LOGIN IN ROLE ff_app')
    try {
      await add(['flag/ff.a'])
      const store = await open(60_000, 'ship_store_service')
      const { slots } = await store.backlog()
      expect(slots.filter(({ pending }) => pending > 0)).toHaveLength(1)
      const denied = { code: 'rights_missing' }
      await expect(store.claim()).rejects.toMatchObject(denied)
      await expect(store.redrive(null)).rejects.toMatchObject(denied)
      const forged = { slot: 0, token: 0 }
      await expect(store.mark(forged, [delivered(1)], TOPIC)).rejects.toMatchObject(denied)
      await Promise.all(opened.splice(0).map((one) => one.close()))
    } finally {
      await sql.query('DROP ROLE ship_store_service')
    }
  })

  test('no statement sorts or reads all records', async () => {
    await add(Array.from({ length: 4_000 }, (_, at) => `flag/ff.${at % 50}`))
    await sql.query('ANALYZE audit')
    await sql.query(`BEGIN${BY_INDEX}`)
    const { claim, read: reading, mark } = buildShipStatements('ff')
    const explain = async (statement: string, values: readonly unknown[]): Promise<string> => {
      const { rows } = await sql.query<{ 'QUERY PLAN': string }>(`EXPLAIN ${statement}`, [
        ...values,
      ])
      return rows.map((row) => row['QUERY PLAN']).join('\n')
    }
    const plan = await explain(reading, [3, LIMIT, 900_000])
    expect(plan).toContain('audit_pending_idx')
    expect(plan).toContain('audit_held_idx')
    expect(plan).not.toMatch(/Sort|Seq Scan/)
    // A slot at a time, and up to its first record.
    expect(await explain(claim, ['me', 1, 1])).not.toMatch(/Semi Join|Anti Join|Seq Scan on audit/)
    const marks = [[7], ['delivered'], [null], [null], [null], [1], [1]]
    expect(await explain(mark, [3, 1, 1, TOPIC, ...marks])).toContain('audit_pkey')
  })
})
