import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { connect, createDatabase, type TestDatabase, urlOf } from '../support/database.ts'
import { type Run, runFf } from '../support/run-ff.ts'
import { flagLine, storeFolder, type StoredLine, tenantLine } from '../support/store-folder.ts'
import { errorOf } from './outcome.ts'

const FLAGS = [flagLine('ff.a', 'number'), flagLine('ff.b', 'object'), flagLine('ff.c', 'string')]
const LAST = tenantLine('T1', 'ff.c', { value: '"x"', note: '"n"' })
const ROWS: readonly StoredLine[] = [
  ...FLAGS,
  tenantLine('T1', 'ff.a', { value: '1' }),
  tenantLine('T1', 'ff.b', { value: '{"a":1,"bb":{"c":[true]}}' }),
  LAST,
]

let database: TestDatabase
let client: pg.Client
let env: Record<string, string>
const stores: string[] = []
const store = async (lines: readonly StoredLine[]): Promise<string> => {
  const folder = await storeFolder(lines)
  stores.push(folder)
  return folder
}
const ff = (...args: readonly string[]): Promise<Run> =>
  runFf([...args, '--format', 'json'], { env })
const diff = (folder: string, ...more: readonly string[]): Promise<Run> =>
  ff('parity', 'diff', '--baseline', `file:${folder}`, ...more)
const sql = (text: string): Promise<unknown> => client.query(`SET search_path = ff; ${text}`)

beforeAll(async () => {
  database = await createDatabase('18')
  client = await connect('18', database.database)
  env = { FF_DATABASE_URL: database.url }
})
afterAll(async () => {
  await client.end()
  await database.drop()
  await Promise.all(stores.map((folder) => rm(folder, { recursive: true, force: true })))
})
beforeEach(async () => {
  expect((await ff('migrate', 'up')).status).toBe(0)
  expect((await ff('import', await store(ROWS))).status).toBe(0)
})
afterEach(() => client.query('DROP SCHEMA IF EXISTS ff CASCADE'))

describe('tables that somebody changed', () => {
  test('rows that a policy hides from the role are no equal rows', async () => {
    const role = `role_${database.database}`
    await sql(
      `CREATE ROLE ${role} LOGIN; GRANT USAGE ON SCHEMA ff TO ${role}; GRANT SELECT ON ALL TABLES IN SCHEMA ff TO ${role};
       ALTER TABLE tenant_override ENABLE ROW LEVEL SECURITY; CREATE POLICY most ON tenant_override USING (flag_key <> 'ff.c')`,
    )
    try {
      const url = urlOf('18', database.database, role)
      const less = await store(ROWS.slice(0, -1))
      const run = await diff(less, '--candidate', url)
      expect([run.status, errorOf(run).code]).toStrictEqual([22, 'rights_missing'])
      const out = await ff('export', join(less, 'out'), '--database', url)
      expect([out.status, errorOf(out).code]).toStrictEqual([22, 'rights_missing'])
    } finally {
      await sql(`DROP OWNED BY ${role}; DROP ROLE ${role}`)
    }
  })
})
