import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import {
  connect,
  copyDatabase,
  createDatabase,
  type TestDatabase,
  getUrl,
} from '../support/database.ts'
import { type Run, runFf } from '../support/run-ff.ts'
import { flagLine, storeFolder, type StoredLine, tenantLine } from '../support/store-folder.ts'
import { getCheck, toError } from './outcome.ts'

const FLAGS = [flagLine('ff.a', 'number'), flagLine('ff.b', 'object'), flagLine('ff.c', 'string')]
const LAST = tenantLine('T1', 'ff.c', { value: '"x"', note: '"n"' })
const ROWS: readonly StoredLine[] = [
  ...FLAGS,
  tenantLine('T1', 'ff.a', { value: '1' }),
  tenantLine('T1', 'ff.b', { value: '{"a":1,"bb":{"c":[true]}}' }),
  LAST,
]

const DEEP = `{"a":${'['.repeat(56)}${']'.repeat(56)}}`

/** The database with the rows; each test uses a copy of it. */
let filled: TestDatabase
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
const found = (run: Run): readonly string[] =>
  getCheck(run).findings.map(({ pointer, code }) => `${pointer} ${code}`)

beforeAll(async () => {
  filled = await createDatabase('18')
  env = { FF_DATABASE_URL: filled.url }
  expect((await ff('migrate', 'up')).status).toBe(0)
  expect((await ff('import', await store(ROWS))).status).toBe(0)
})
afterAll(async () => {
  await filled.drop()
  await Promise.all(stores.map((folder) => rm(folder, { recursive: true, force: true })))
})
beforeEach(async () => {
  database = await copyDatabase(filled)
  client = await connect('18', database.database)
  env = { FF_DATABASE_URL: database.url }
})
afterEach(async () => {
  await client.end()
  await database.drop()
})

describe('tables that were changed by hand', () => {
  test('rows that a policy hides from the role do not count as equal', async () => {
    const role = `role_${database.database}`
    await sql(
      `CREATE ROLE ${role} LOGIN; GRANT USAGE ON SCHEMA ff TO ${role}; GRANT SELECT ON ALL TABLES IN SCHEMA ff TO ${role};
       ALTER TABLE tenant_override ENABLE ROW LEVEL SECURITY; CREATE POLICY most ON tenant_override USING (flag_key <> 'ff.c')`,
    )
    try {
      const url = getUrl('18', database.database, role)
      const less = await store(ROWS.slice(0, -1))
      const run = await diff(less, '--candidate', url)
      expect([run.status, toError(run).code]).toStrictEqual([22, 'rights_missing'])
      const out = await ff('export', join(less, 'out'), '--database', url)
      expect([out.status, toError(out).code]).toStrictEqual([22, 'rights_missing'])
    } finally {
      await sql(`DROP OWNED BY ${role}; DROP ROLE ${role}`)
    }
  })

  const EXPIRING = [
    ...FLAGS,
    tenantLine('T1', 'ff.a', { value: '1', expires_at: '"2027-01-01T00:00:00.000Z"' }),
    ...ROWS.slice(4),
  ]
  const LONG = `"${'x'.repeat(65_535)}"`
  test.each([
    [
      'a text that contains the members of another row',
      `ALTER DOMAIN scope_id DROP CONSTRAINT scope_id_form;
       UPDATE tenant_override SET created_by = 'U1","expires_at":"2027-01-01T00:00:00.000Z' WHERE flag_key = 'ff.a'`,
      EXPIRING,
      '/T1/ff.a/expires_at member_absent',
    ],
    [
      'a text with a line break',
      `ALTER DOMAIN scope_id DROP CONSTRAINT scope_id_form;
       UPDATE tenant_override SET created_by = E'U\n1' WHERE flag_key = 'ff.a'`,
      ROWS,
      '/T1/ff.a/created_by form_wrong',
    ],
    [
      'a json column with line breaks',
      `ALTER TABLE tenant_override ALTER value TYPE json;
       UPDATE tenant_override SET value = E'{"a":2,\r\n "bb":{"c":[true]}}' WHERE flag_key = 'ff.b'`,
      ROWS,
      '/T1/ff.b/value/a number_differs',
    ],
    [
      'a time that Date cannot hold',
      `ALTER DOMAIN instant DROP CONSTRAINT instant_range;
       UPDATE tenant_override SET updated_at = '294276-12-31 23:59:59' WHERE flag_key = 'ff.a'`,
      ROWS,
      '/T1/ff.a/updated_at time_not_canonical',
    ],
    [
      'a value over the size limit, on both sides',
      `UPDATE tenant_override SET value = '${LONG}' WHERE flag_key = 'ff.c'`,
      [...ROWS.slice(0, -1), tenantLine('T1', 'ff.c', { value: LONG, note: '"n"' })],
      '/T1/ff.c/value value_too_large',
    ],
    [
      'a value over the depth limit, on both sides',
      `UPDATE tenant_override SET value = '${DEEP}' WHERE flag_key = 'ff.b'`,
      [...ROWS.slice(0, -2), tenantLine('T1', 'ff.b', { value: DEEP }), LAST],
      '/T1/ff.b/value json_too_deep',
    ],
  ])('%s is a finding', async (_, change, rows, expected) => {
    await sql(change)
    const run = await diff(await store(rows))
    expect([run.status, found(run)]).toStrictEqual([20, expect.arrayContaining([expected])])
  })

  const NO_PRIMARY_KEY = `ALTER TABLE tenant_override DROP CONSTRAINT tenant_override_pkey, ALTER tenant_id DROP NOT NULL;
    INSERT INTO tenant_override `
  test.each([
    [
      'has no key',
      `SELECT NULL, flag_key, value, NULL, NULL, NULL, created_by, updated_by, 1, created_at, updated_at FROM tenant_override LIMIT 1`,
      '/ form_wrong',
    ],
    [
      'exists twice',
      `SELECT * FROM tenant_override WHERE flag_key = 'ff.a'`,
      '/T1/ff.a row_repeated',
    ],
  ])('a row that %s is not exported', async (_, rows, expected) => {
    await sql(NO_PRIMARY_KEY + rows)
    const run = await ff('export', join(await store([]), 'out'))
    expect([run.status, found(run)]).toStrictEqual([20, [expected]])
  })
})

test('H11: a second heap row that a damaged unique index hides is found, and is not exported', async () => {
  const folder = await store(ROWS)
  const index = `indexrelid = 'ff.tenant_override_pkey'::regclass`
  await sql(`UPDATE pg_index SET indisready = false WHERE ${index}`)
  await sql(`INSERT INTO tenant_override SELECT * FROM tenant_override WHERE flag_key = 'ff.a'`)
  await sql(`UPDATE pg_index SET indisready = true WHERE ${index}`)
  // As in a large table: the rows are read in the order of the index, and counted in the heap.
  await sql(`ALTER DATABASE ${database.database} SET enable_sort = off`)
  const compared = await diff(folder)
  expect(compared.status).toBe(20)
  expect(getCheck(compared).findings).toMatchObject([{ subject: 'candidate', code: 'count_wrong' }])
  const target = join(folder, 'exported')
  const exported = await ff('export', target)
  expect(exported.status, exported.stderr).toBe(20)
  expect(getCheck(exported).findings).toMatchObject([{ subject: 'source', code: 'count_wrong' }])
  expect((await readdir(target)).filter((name) => name !== '.lock')).toEqual([])
})

describe('store files that were edited by hand', () => {
  const [A, B, C] = ['T1', 'T2', 'T3'].map((tenant) =>
    tenantLine(tenant, 'ff.a', { value: '1' }),
  ) as [StoredLine, StoredLine, StoredLine]
  const keyless: StoredLine = ['tenant_override', '{"value":1}']
  test.each([
    ['a line without a key', [A, keyless, B], '/ form_wrong'],
    ['a row twice', [A, B, B, C], '/T2/ff.a row_repeated'],
    ['rows out of order', [A, C, B], '/T2/ff.a row_unsorted'],
  ])('with %s on both sides are not equal', async (_, lines, expected) => {
    const [one, other] = [await store([...FLAGS, ...lines]), await store([...FLAGS, ...lines])]
    const run = await diff(one, '--candidate', `file:${other}`)
    expect([run.status, found(run)]).toStrictEqual([20, [expected]])
  })

  test('with a row twice are refused by an import', async () => {
    const twice = await store([
      ...FLAGS,
      A,
      B,
      tenantLine('T2', 'ff.a', { value: '2', revision: '4' }),
    ])
    const run = await ff('import', twice)
    expect([run.status, found(run)]).toStrictEqual([20, ['/T2/ff.a row_repeated']])
  })

  test('with a fault in every row end the comparison at --max-diffs', async () => {
    const lines = Array.from({ length: 50 }, (_, at) =>
      tenantLine(`T${100 + at}`, 'ff.a', { value: '1.0' }),
    )
    const run = await diff(
      await store(lines),
      '--candidate',
      `file:${await store(lines)}`,
      '--max-diffs',
      '3',
    )
    expect([run.status, found(run).length]).toStrictEqual([20, 3])
  })
})

test.each([
  ['ALTER TABLE tenant_override RENAME flag_key TO key', '42703'],
  ['ALTER TABLE tenant_override DROP CONSTRAINT tenant_override_pkey', '42P10'],
])('an import after "%s" says what to run (%s)', async (change) => {
  await sql(change)
  const run = await ff('import', await store([...ROWS, tenantLine('T2', 'ff.a', { value: '1' })]))
  expect([run.status, toError(run).hint]).toStrictEqual([22, 'Run `ff migrate verify`.'])
})

describe('an import', () => {
  test('does not treat a broken row of the same revision as newer', async () => {
    await sql(`UPDATE tenant_override SET value = '1.0' WHERE flag_key = 'ff.a'`)
    const run = await ff('import', await store(ROWS))
    expect([run.status, found(run)]).toStrictEqual([20, ['/T1/ff.a/value revision_conflict']])
  })

  test('keeps the type of a flag that has overrides only in the database', async () => {
    const changed = [flagLine('ff.a', 'string', { revision: '2' }), ...FLAGS.slice(1)]
    const run = await ff('import', await store(changed))
    expect([run.status, found(run)]).toStrictEqual([20, ['/T1/ff.a/value type_in_use']])
  })
})

test('a store under another name is the same store', async () => {
  const folder = await store(ROWS)
  const pairs = [
    [`file:${folder}`, `file:${folder}/`],
    [database.url, database.url.replace('postgres:', 'postgresql:')],
  ] as const
  for (const [baseline, candidate] of pairs) {
    const run = await ff('parity', 'diff', '--baseline', baseline, '--candidate', candidate)
    expect([run.status, toError(run).code]).toStrictEqual([2, 'target_invalid'])
  }
})
