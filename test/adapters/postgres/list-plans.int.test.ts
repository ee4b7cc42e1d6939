import type pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { buildStatements } from '../../../src/adapters/postgres/statements.ts'
import { connect, migratedDatabase, type TestDatabase } from '../../support/database.ts'

const ROWS = 5_000
const LOOKED = 1_000
const OVERRIDE = `'true'::jsonb, 'U', 'U', 1, now(), now()`
const COLUMNS = 'value, created_by, updated_by, revision, created_at, updated_at'
let database: TestDatabase
let sql: pg.Client
beforeAll(async () => {
  database = await migratedDatabase('15')
  sql = await connect('15', database.database)
  await sql.query(`INSERT INTO ff.flag_registry SELECT 'ff.n' || n, 'boolean', 'true', 'false', false, 'any', 'active',
    '', '', 1, now(), now() FROM generate_series(0, 99) n`)
  for (const table of ['tenant_override', 'user_override'])
    await sql.query(`INSERT INTO ff.${table} (${table === 'user_override' ? 'user_id' : 'tenant_id'}, flag_key, ${COLUMNS})
      SELECT 'S' || n, 'ff.n0', ${OVERRIDE} FROM generate_series(1, ${ROWS}) n
      UNION ALL SELECT 'S0', 'ff.n' || n, ${OVERRIDE} FROM generate_series(0, 99) n`)
  await sql.query(`INSERT INTO ff.audit (seq, audit_id, occurred_at, actor, action, outcome, target, request_id, phase, prev_hash, hash)
    SELECT 1000 + n, gen_random_uuid(), now(), 'U', 'flag.put', 'applied', 'flag/ff.n' || n % 100, 'r', 'file',
    repeat('0', 64), repeat('0', 64) FROM generate_series(1, ${ROWS}) n`)
  await sql.query('ANALYZE')
})
afterAll(async () => {
  await sql.end()
  await database.drop()
})

const { list, audit } = buildStatements('ff')
const RECORDS = [6_000, LOOKED, '-infinity', 'infinity', 100]
test.each([
  ['the overrides of a flag by tenant', list.tenant_override.flag_key, ['ff.n0', 'S10', 100]],
  ['the overrides of a flag by user', list.user_override.flag_key, ['ff.n0', 'S10', 100]],
  ['the overrides of a tenant', list.tenant_override.scope_id, ['S0', 'ff.n5', 10]],
  ['the overrides of a user', list.user_override.scope_id, ['S0', 'ff.n5', 10]],
  ['audit records', audit.any, RECORDS],
  ['audit records of a target', audit.target, [...RECORDS, 'flag/ff.n7']],
])('a page of %s follows an index and sorts no table', async (_what, text, values) => {
  const { rows } = await sql.query<{ 'QUERY PLAN': string }>(
    `EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) ${text}`,
    values,
  )
  const plan = rows.map((row) => row['QUERY PLAN']).join('\n')
  expect(plan).toMatch(/Index (Only )?Scan/)
  expect(plan).not.toMatch(/Seq Scan/)
  // A sort is of the records that are looked at, never of all that match.
  for (const [, sorted] of plan.matchAll(/Sort \(actual rows=(\d+)/g))
    expect(Number(sorted)).toBeLessThanOrEqual(LOOKED)
})
