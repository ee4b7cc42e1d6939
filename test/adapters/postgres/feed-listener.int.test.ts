import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type pg from 'pg'
import { listenToFeed } from '../../../src/adapters/postgres/feed-listener.ts'
import { connect, migratedDatabase, type TestDatabase } from '../../support/database.ts'

let database: TestDatabase
let sql: pg.Client
beforeAll(async () => {
  database = await migratedDatabase('18')
  sql = await connect('18', database.database)
  await sql.query(`DO $$ BEGIN CREATE ROLE listener_svc LOGIN;
    EXCEPTION WHEN duplicate_object THEN NULL; END $$`)
})
afterAll(async () => {
  await sql.end()
  await database.drop()
})

test('a database that refuses to listen is left before it is asked again', async () => {
  await sql.query('REVOKE EXECUTE ON FUNCTION pg_catalog.pg_notify(text, text) FROM PUBLIC')
  const config = { ...database.config, user: 'listener_svc' }
  let heard = 0
  const listener = listenToFeed({ ...database, config }, () => {
    heard += 1
  })
  const seen = new Set<number>()
  const count = async (): Promise<number> => {
    const { rows } = await sql.query<{ pid: number }>(
      `SELECT pid FROM pg_stat_activity WHERE usename = 'listener_svc'`,
    )
    for (const { pid } of rows) seen.add(pid)
    return rows.length
  }
  let most = 0
  for (const until = performance.now() + 20_000; seen.size < 3 && performance.now() < until;) {
    most = Math.max(most, await count())
    await sleep(2)
  }
  expect(most).toBe(1)
  expect(seen.size).toBe(3)
  expect(heard).toBe(0)
  await listener.close()
  await expect.poll(count).toBe(0)
})
