import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { connect, migratedDatabase, type TestDatabase } from '../../support/database.ts'
import { type KafkaCluster, readTopic, startKafka } from '../../support/kafka.ts'
import { addRecords } from './audit-records.ts'

const CHILD = fileURLToPath(new URL('./ship-child.mjs', import.meta.url))
const TARGETS = Array.from({ length: 12 }, (_, at) => `flag/ff.crash.${at}`)
const REFUSED = 'flag/ff.refused'

let kafka: KafkaCluster
let database: TestDatabase
let sql: pg.Client
let topic = ''
let made = 0
beforeAll(async () => {
  kafka = await startKafka(1)
})
afterAll(() => kafka.stop())
beforeEach(async () => {
  database = await migratedDatabase('15')
  sql = await connect('15', database.database)
  await sql.query("SET search_path = ff; UPDATE audit SET sink_status = 'delivered'")
  topic = `crash-${(made += 1)}`
  await kafka.createTopic(topic, 3)
})
afterEach(async () => {
  await sql.end()
  await database.drop()
})

/** Runs a shipper once. @returns the signal that killed it; null where it ended by itself */
async function ship(point: string | null, refused: string | null): Promise<string | null> {
  const given = { config: database.config, brokers: kafka.brokers, topic, point, refused }
  const argument = JSON.stringify({ ...given, lease_ms: 60_000, send_ms: 10_000 })
  try {
    await promisify(execFile)(process.execPath, [CHILD, argument])
    return null
  } catch (error) {
    const { signal } = error as { readonly signal?: string | null }
    if (signal == null) throw error
    return signal
  }
}

/** Lets the leases of the dead run out. */
const expire = (): Promise<unknown> =>
  sql.query("UPDATE ship_slots SET lease_until = lease_until - interval '1 hour'")

test.each(['claimed', 'sent', 'marked', 'failed-marked', 'released'] as const)(
  'a shipper killed when it has %s loses nothing',
  async (point) => {
    const fails = point === 'failed-marked'
    const targets = Array.from({ length: 20 }, () =>
      fails ? [REFUSED, ...TARGETS] : TARGETS,
    ).flat()
    const records = await addRecords(sql, targets)

    expect(await ship(point, fails ? REFUSED : null)).toBe('SIGKILL')
    await expire()
    expect(await ship(null, fails ? REFUSED : null)).toBeNull()
    if (fails) {
      const { rows } = await sql.query(
        `SELECT target, count(*)::integer FROM audit WHERE sink_status = 'failed' GROUP BY 1`,
      )
      expect(rows).toEqual([{ target: REFUSED, count: 1 }])
      await sql.query(
        `UPDATE audit SET sink_status = 'pending', sink_attempts = 0 WHERE sink_status = 'failed'`,
      )
      expect(await ship(null, null)).toBeNull()
    }

    const messages = await readTopic(kafka, topic)
    const ids = messages.map(({ headers }) => headers[1] ?? '')
    for (const target of new Set(targets)) {
      const own = records
        .filter((record) => record.target === target)
        .map(({ audit_id }) => audit_id)
      const seen = messages.flatMap(({ key }, at) => (key === target ? [ids[at] ?? ''] : []))
      expect([...new Set(seen)]).toEqual(own)
    }
    expect(new Set(ids).size).toBe(records.length)
    // What was acknowledged and not marked comes again.
    if (point === 'sent') expect(ids.length).toBeGreaterThan(records.length)
    const { rows: open } = await sql.query(
      `SELECT FROM audit WHERE sink_status <> 'delivered' OR (sink_topic IS NULL AND seq >= ${records[0]?.seq})`,
    )
    expect(open).toEqual([])
  },
)
