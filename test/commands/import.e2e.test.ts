import { spawn } from 'node:child_process'
import { readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { connect, createDatabase, type TestDatabase } from '../support/database.ts'
import { finished, ROOT, type Run, runFf, startFf } from '../support/run-ff.ts'
import { flagLine, storeFolder, type StoredLine, tenantLine } from '../support/store-folder.ts'
import { getCheck, toError, until } from './outcome.ts'

const FLAGS = [flagLine('ff.a', 'number'), flagLine('ff.b', 'object'), flagLine('ff.c', 'string')]
const few: readonly StoredLine[] = [
  ...FLAGS,
  tenantLine('T1', 'ff.a', { value: '1' }),
  tenantLine('T1', 'ff.b', { value: '{"a":1,"bb":{"c":[true]}}' }),
  tenantLine('T1', 'ff.c', { value: '"tab\\t, quote \\" and \\\\"', note: '"\\u0001 ünïcode"' }),
  tenantLine('T2', 'ff.a', { deleted_at: '"2026-01-15T09:00:00.000Z"' }),
  tenantLine('T3', 'ff.a', {
    value: '-1.5',
    approval_ref: '"APP-1-a"',
    expires_at: '"9999-12-31T23:59:59.999Z"',
  }),
]
const many = (count: number): readonly StoredLine[] => [
  ...FLAGS,
  ...Array.from({ length: count }, (_, at) =>
    tenantLine(`T${String(at).padStart(6, '0')}`, 'ff.a', { value: String(at) }),
  ),
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
const one = async <T>(sql: string): Promise<T> =>
  ((await client.query(sql)).rows[0] as { one: T }).one
const rowsThere = (): Promise<string> =>
  one(
    `SELECT ((SELECT count(*) FROM ff.flag_registry) + (SELECT count(*) FROM ff.tenant_override))::text AS one`,
  )
const getTitle = (run: Run, id: string): string =>
  getCheck(run).items.find((item) => item.id === id)?.title ?? ''

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
})
afterEach(() => client.query('DROP SCHEMA IF EXISTS ff CASCADE'))

describe('an import', () => {
  test('followed by an export gives the same bytes', async () => {
    const from = await store(few)
    const done = await ff('import', from)
    expect([done.status, getTitle(done, 'tenant_override')]).toStrictEqual([
      0,
      '5 rows, 5 inserted, 0 updated, 0 as they were',
    ])
    const to = join(await store([]), 'again')
    const written = await ff('export', to)
    expect(written.status).toBe(0)
    const lines = async (folder: string): Promise<readonly string[]> =>
      (await readFile(join(folder, 'snapshot.ndjson'), 'utf8')).split('\n').slice(1, -2)
    expect(await lines(to)).toStrictEqual(await lines(from))
    const footer = (await readFile(join(to, 'snapshot.ndjson'), 'utf8')).split('\n').at(-2) ?? ''
    expect(getTitle(written, 'store')).toContain((JSON.parse(footer) as { sha256: string }).sha256)
    expect((await ff('parity', 'diff', '--baseline', `file:${to}`)).status).toBe(0)
    const again = await ff('export', to)
    expect([again.status, toError(again).code]).toStrictEqual([2, 'option_invalid'])
  })

  test('that is run again changes nothing, and has one audit record', async () => {
    const from = await store(few)
    const dry = await ff('import', from, '--dry-run')
    expect([dry.status, await rowsThere()]).toStrictEqual([0, '0'])
    await ff('import', from)
    const again = await ff('import', from)
    expect([again.status, getTitle(again, 'tenant_override')]).toStrictEqual([
      0,
      '5 rows, 0 inserted, 0 updated, 5 as they were',
    ])
    expect((await ff('import', from, '--dry-run')).status).toBe(0)
    expect(
      await one(`SELECT count(*)::text AS one FROM ff.audit WHERE target LIKE 'import/%'`),
    ).toBe('1')
  })

  test('of a store without rows is inconclusive, and leaves no audit record', async () => {
    expect((await ff('import', await store([]))).status).toBe(22)
    expect(
      await one(`SELECT count(*)::text AS one FROM ff.audit WHERE target LIKE 'import/%'`),
    ).toBe('0')
  })

  test('keeps newer rows, and reports a different row of the same revision', async () => {
    await ff('import', await store(few))
    await client.query(
      `UPDATE ff.tenant_override SET revision = 4, value = '9' WHERE tenant_id = 'T1' AND flag_key = 'ff.a'`,
    )
    await client.query(
      `UPDATE ff.tenant_override SET revision = 2, value = '9' WHERE tenant_id = 'T3'`,
    )
    await client.query(
      `INSERT INTO ff.user_override SELECT 'U1', flag_key, value, NULL, NULL, NULL, created_by, updated_by, 1, created_at, updated_at FROM ff.tenant_override WHERE tenant_id = 'T1' AND flag_key = 'ff.a'`,
    )
    const run = await ff('import', await store(few))
    expect([run.status, getTitle(run, 'tenant_override')]).toStrictEqual([
      0,
      '5 rows, 0 inserted, 1 updated, 3 as they were, 1 newer in the database',
    ])
    expect(getTitle(run, 'user_override')).toContain('1 only in the database')
    expect(
      await one(
        `SELECT value::text AS one FROM ff.tenant_override WHERE tenant_id = 'T1' AND flag_key = 'ff.a'`,
      ),
    ).toBe('9')
    expect(
      await one(`SELECT value::text AS one FROM ff.tenant_override WHERE tenant_id = 'T3'`),
    ).toBe('-1.5')
    await client.query(`UPDATE ff.tenant_override SET value = '{"a": 2}' WHERE flag_key = 'ff.b'`)
    const conflict = await ff('import', await store(few))
    expect(conflict.status).toBe(20)
    expect(getCheck(conflict).findings.map(({ code, pointer }) => `${pointer} ${code}`)).toContain(
      '/T1/ff.b/value/a revision_conflict',
    )
  })

  test('lists every refused row before it writes any', async () => {
    const run = await ff(
      'import',
      await store([
        ...FLAGS,
        flagLine('ff.d', 'number', { safe_value: '"0"' }),
        tenantLine('T1', 'ff.a', { value: '1.0' }),
        tenantLine('T1', 'ff.b', { value: '{"a":"\\u0000"}' }),
        tenantLine('T1', 'ff.c', { value: '1' }),
        tenantLine('T1', 'ff.none', { value: '1' }),
        tenantLine('T2', 'ff.a', { value: '9007199254740993' }),
        tenantLine('T3', 'ff.a', { value: '1', expires_at: '"2026-01-15T09:00:00Z"' }),
        tenantLine('T4', 'ff.a', { value: '1', colour: '"red"' }),
      ]),
    )
    expect([run.status, await rowsThere()]).toStrictEqual([20, '0'])
    expect(getCheck(run).findings.map(({ code, pointer }) => `${pointer} ${code}`)).toStrictEqual([
      '/ff.d/safe_value value_type_mismatch',
      '/T1/ff.a/value number_not_canonical',
      '/T1/ff.b/value/a nul_character',
      '/T1/ff.c/value value_type_mismatch',
      '/T1/ff.none/flag_key flag_unknown',
      '/T2/ff.a/value number_not_canonical',
      '/T3/ff.a/expires_at time_not_canonical',
      '/T4/ff.a/colour member_unknown',
    ])
  })

  test('accepts an override of a flag that only the database has, by its type there', async () => {
    await ff('import', await store(FLAGS))
    const alone = await ff('import', await store([tenantLine('T1', 'ff.a', { value: '5' })]))
    expect([alone.status, await rowsThere()]).toStrictEqual([0, '4'])
    expect(
      (await ff('import', await store([tenantLine('T2', 'ff.a', { value: 'true' })]))).status,
    ).toBe(20)
  })

  test('that was killed and run again gives the same result', async () => {
    const from = await store(many(20_000))
    const child = startFf(['import', from], { env })
    const ended = finished(child)
    await until('some rows, and not all', async () => Number(await rowsThere()) > 1_000)
    child.kill('SIGKILL')
    expect((await ended).signal).toBe('SIGKILL')
    expect(Number(await rowsThere())).toBeLessThan(20_003)
    expect(
      await one(`SELECT count(*)::text AS one FROM ff.audit WHERE target LIKE 'import/%'`),
    ).toBe('0')
    const before = await ff('parity', 'diff', '--baseline', `file:${from}`, '--max-diffs', '5')
    expect(before.status).toBe(20)
    await until('the lock is free', async () => {
      const run = await ff('import', from)
      return run.status === 0
    })
    expect((await ff('parity', 'diff', '--baseline', `file:${from}`)).status).toBe(0)
  })

  test('during another import ends 24', async () => {
    // The advisory lock of an import (advisory-lock.ts).
    await client.query("SELECT pg_advisory_lock(hashtextextended('ff import ff', 0))")
    const second = await ff('import', await store(few))
    await client.query("SELECT pg_advisory_unlock(hashtextextended('ff import ff', 0))")
    expect([second.status, toError(second).code, await rowsThere()]).toStrictEqual([
      24,
      'import_locked',
      '0',
    ])
  })

  test('that is ended by Ctrl-C keeps its finished rows', async () => {
    const child = startFf(['import', await store(many(20_000))], { env })
    const ended = finished(child)
    await until('it writes', async () => Number(await rowsThere()) > 1_000)
    child.kill('SIGINT')
    expect((await ended).status).toBe(130)
    expect(Number(await rowsThere())).toBeLessThan(20_003)
  })

  test('during concurrent writes loses none of them', async () => {
    const from = await store(many(12_000))
    const child = startFf(['import', from], { env })
    const ended = finished(child)
    await until('it writes', async () => Number(await rowsThere()) > 3)
    const raced: string[] = []
    for (let at = 0; at < 200 && child.exitCode === null; at += 1) {
      const tenant = `T${String((at * 59) % 12_000).padStart(6, '0')}`
      const { rowCount } = await client.query(
        `INSERT INTO ff.tenant_override AS held SELECT $1, 'ff.a', '-7', NULL, NULL, NULL, 'U2', 'U2', 9, now(), now()
         WHERE EXISTS (SELECT FROM ff.flag_registry) ON CONFLICT (tenant_id, flag_key) DO UPDATE SET value = '-7', revision = 9`,
        [tenant],
      )
      if (rowCount === 1) raced.push(tenant)
      await sleep(2)
    }
    expect((await ended).status).toBe(0)
    expect(raced.length).toBeGreaterThan(20)
    const kept = await client.query(
      `SELECT FROM ff.tenant_override WHERE tenant_id = ANY ($1) AND revision = 9 AND value = '-7'`,
      [raced],
    )
    expect(kept.rowCount).toBe(new Set(raced).size)
    expect(await rowsThere()).toBe('12003')
  })

  test.each([
    ['a missing folder', ['import', '/nowhere'], 22, 'target_unreachable'],
    ['no database to come from', ['import', 'embedded'], 2, 'target_invalid'],
    ['a file to export', ['export', '/tmp/x', '--database', 'file:/tmp'], 2, 'target_invalid'],
  ] as const)('%s ends %s', async (_, args, status, code) => {
    const run = await ff(...args)
    expect([run.status, toError(run).code]).toStrictEqual([status, code])
  })

  test('into a database of another environment ends 2 and writes nothing', async () => {
    const from = await store(few)
    const other = { env: { ...env, FF_ENV: 'staging' } }
    for (const more of [[], ['--dry-run']]) {
      const done = await runFf(['import', from, '--format', 'json', ...more], other)
      expect([done.status, toError(done).code]).toEqual([2, 'place_refused'])
    }
    expect(await rowsThere()).toBe('0')
  })

  test('into a database without tables names the command to run', async () => {
    await client.query('DROP SCHEMA ff CASCADE')
    const run = await ff('import', await store(few))
    expect([run.status, toError(run).hint]).toStrictEqual([22, 'Run `ff migrate up` first.'])
  })
})

describe('an export', () => {
  test('of a row that a file store cannot hold writes no store', async () => {
    await ff('import', await store(few))
    await client.query(
      `UPDATE ff.tenant_override SET value = '1.0' WHERE tenant_id = 'T1' AND flag_key = 'ff.a'`,
    )
    const to = join(await store([]), 'new')
    const run = await ff('export', to)
    expect(run.status).toBe(20)
    expect(getCheck(run).findings).toMatchObject([
      { code: 'number_not_canonical', pointer: '/T1/ff.a/value' },
    ])
    expect((await readdir(to)).filter((name) => name.includes('snapshot'))).toStrictEqual([])
  })

  test('to a full disk ends 22, and leaves no store', async () => {
    await ff('import', await store(many(2_000)))
    const to = join(await store([]), 'new')
    const child = spawn(
      'sh',
      ['-c', `ulimit -f 64; exec node ${ROOT}/dist/bin/ff.js export ${to} --format json`],
      { env: { ...process.env, ...env } },
    )
    const run = await finished(child)
    expect([run.status, toError(run).code]).toStrictEqual([22, 'disk_full'])
    expect((await readdir(to)).filter((name) => name.includes('snapshot'))).toStrictEqual([])
  })
})
