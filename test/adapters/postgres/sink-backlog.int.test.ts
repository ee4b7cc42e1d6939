import type pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openServedSchema } from '../../../src/adapters/postgres/served-schema.ts'
import { instantToMs } from '../../../src/core/rows/instant.ts'
import type { OpenServiceStore } from '../../../src/ports/store.ts'
import { addRecords } from '../../features/audit/audit-records.ts'
import { connect, migratedDatabase, type TestDatabase } from '../../support/database.ts'
import { migrations, TOOLS, VERSIONS } from '../store-contract/opened-store.ts'

const ROLE = 'backlog_svc'
let database: TestDatabase
let sql: pg.Client
let served: OpenServiceStore
beforeAll(async () => {
  database = await migratedDatabase('15')
  sql = await connect('15', database.database)
  await sql.query(
    `DO $$ BEGIN CREATE ROLE ${ROLE} LOGIN IN ROLE ff_app; EXCEPTION WHEN duplicate_object THEN NULL; END $$`,
  )
  await sql.query(`SET search_path = ff; UPDATE audit SET sink_status = 'delivered'`)
  served = await openServedSchema(
    { ...database, config: { ...database.config, user: ROLE } },
    { versions: VERSIONS, migrations: await migrations(), tools: TOOLS, environment: 'prod' },
  )
})
afterAll(async () => {
  await served.close()
  await sql.end()
  await database.drop()
})

const count = () => served.backlog?.()

test('the service of a database counts what is not delivered, and since when', async () => {
  expect(await count()).toEqual({ pending: 0, failed: 0, oldest_at: null })
  await addRecords(sql, ['flag/ff.a', 'flag/ff.b', 'flag/ff.c', 'flag/ff.b'])
  await sql.query(`UPDATE audit SET sink_status = 'failed' WHERE target = 'flag/ff.c'`)
  const backlog = await count()
  expect(backlog).toMatchObject({ pending: 3, failed: 1 })
  const { rows } = await sql.query<{ at: Date }>(
    `SELECT min(occurred_at) AS at FROM audit WHERE sink_status = 'pending'`,
  )
  const at = backlog?.oldest_at == null ? Number.NaN : instantToMs(backlog.oldest_at)
  // By the clocks of the database and of this process, which read one after the other.
  expect(Math.abs(at - Number(rows[0]?.at))).toBeLessThan(5_000)
  const { records, sinkStatus } = await served.store.audit({
    after: null,
    target: 'flag/ff.c',
    since: null,
    until: null,
    limit: 5,
  })
  expect(records.map(({ seq }) => sinkStatus(seq))).toEqual(['failed'])
})
