import { appendFile, cp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { FileStore } from '../../src/adapters/file-store/file-store.ts'
import { NOW, overrideText, putTenant } from '../adapters/store-contract/requests.ts'
import { FaultProxy } from '../faults/tcp-proxy.ts'
import {
  copyDatabase,
  connect,
  createDatabase,
  SUPPORTED,
  type TestDatabase,
  type Version,
} from '../support/database.ts'
import { type Run, runFf as runNow } from '../support/run-ff.ts'
import { flagLine, storeFolder, type StoredLine, tenantLine } from '../support/store-folder.ts'
import { getCheck, edit, toError, inTurns } from './outcome.ts'

const runFf = inTurns(runNow)

/** The values of one tenant, one of each kind to corrupt. */
const VALUES = {
  'ff.big': ['number', '9007199254740992'],
  'ff.bool': ['boolean', 'true'],
  'ff.double': ['number', '0.30000000000000004'],
  'ff.fourth': ['number', '0.12345'],
  'ff.int': ['number', '1'],
  'ff.object': ['object', '{"a":{},"b":[1,2,3],"c":{"d":1}}'],
  'ff.text': ['string', '"caf\u00e9"'],
} as const
type Flag = keyof typeof VALUES
const FLAGS = Object.keys(VALUES) as Flag[]
const flagLines = FLAGS.map((flag) => flagLine(flag, VALUES[flag][0]))
const rows = (changes: Partial<Record<Flag, Record<string, string>>>): readonly StoredLine[] => [
  ...flagLines,
  ...FLAGS.map((flag) =>
    tenantLine('T1', flag, {
      ...(flag === 'ff.bool' ? { note: '"<null>"' } : {}),
      value: VALUES[flag][1],
      ...changes[flag],
    }),
  ),
]
const BASE = rows({})
const spoiled = (flag: Flag, changes: Record<string, string>): readonly StoredLine[] =>
  rows({ [flag]: changes })
const without = (line: (row: string) => boolean): readonly StoredLine[] =>
  BASE.filter(([table, row]) => table === 'flag_registry' || !line(row))

const AT = '/T1/ff'
/** Each known way in which two seemingly equal stores differ. */
const FAULTS: readonly (readonly [
  name: string,
  lines: readonly StoredLine[],
  pointer: string,
  code: string,
])[] = [
  [
    'a boolean flipped',
    spoiled('ff.bool', { value: 'false' }),
    `${AT}.bool/value`,
    'truth_flipped',
  ],
  ['null for absent', spoiled('ff.int', { note: 'null' }), `${AT}.int/note`, 'null_for_absent'],
  [
    '[] for {}',
    spoiled('ff.object', { value: '{"a":[],"b":[1,2,3],"c":{"d":1}}' }),
    `${AT}.object/value/a`,
    'list_for_object',
  ],
  [
    '+1 microsecond',
    spoiled('ff.int', { updated_at: '"2026-01-15T09:00:00.000001Z"' }),
    `${AT}.int/updated_at`,
    'time_truncated',
  ],
  ['NFC for NFD', spoiled('ff.text', { value: '"cafe\u0301"' }), `${AT}.text/value`, 'normal_form'],
  ['a trailing space', spoiled('ff.text', { value: '"caf\u00e9 "' }), `${AT}.text/value`, 'blanks'],
  ['case', spoiled('ff.text', { value: '"CAF\u00c9"' }), `${AT}.text/value`, 'letter_case'],
  [
    'the fourth decimal',
    spoiled('ff.fourth', { value: '0.12335' }),
    `${AT}.fourth/value`,
    'number_close',
  ],
  ['a row missing', without((row) => row.includes('ff.text')), `${AT}.text`, 'row_extra'],
  [
    'a row extra',
    [...BASE, tenantLine('T2', 'ff.int', { value: '1' })],
    '/T2/ff.int',
    'row_missing',
  ],
  [
    '2^53+1 for 2^53',
    spoiled('ff.big', { value: '9007199254740993' }),
    `${AT}.big/value`,
    'integer_past_doubles',
  ],
  [
    'array order',
    spoiled('ff.object', { value: '{"a":{},"b":[2,1,3],"c":{"d":1}}' }),
    `${AT}.object/value/b`,
    'list_order',
  ],
  [
    'an empty string for null',
    spoiled('ff.int', { note: '""' }),
    `${AT}.int/note`,
    'empty_for_absent',
  ],
  ['"1" for 1', spoiled('ff.int', { value: '"1"' }), `${AT}.int/value`, 'text_for_number'],
  ['true for 1', spoiled('ff.int', { value: 'true' }), `${AT}.int/value`, 'truth_for_number'],
  ['1.0 for 1', spoiled('ff.int', { value: '1.0' }), `${AT}.int/value`, 'number_spelled'],
  [
    'a duplicate member lost',
    spoiled('ff.object', { value: '{"a":{},"b":[1,2,3],"c":{"d":1,"d":1}}' }),
    `${AT}.object/value/c`,
    'duplicate_member_lost',
  ],
  [
    'the last digit of a double',
    spoiled('ff.double', { value: '0.3' }),
    `${AT}.double/value`,
    'number_rounded',
  ],
  [
    'null for the text <null>',
    without((row) => row.includes('ff.bool')).toSpliced(
      FLAGS.length + 1,
      0,
      tenantLine('T1', 'ff.bool', { value: 'true' }),
    ),
    `${AT}.bool/note`,
    'marker_for_absent',
  ],
  [
    'a shifted separator',
    BASE.map(([table, row]): StoredLine => [
      table,
      row.replace(
        '"flag_key":"ff.text","revision":3,"tenant_id":"T1"',
        '"flag_key":"ff.tex","revision":3,"tenant_id":"T1t"',
      ),
    ]),
    '/T1t/ff.tex',
    'row_missing',
  ],
  [
    'a revision not advanced',
    spoiled('ff.bool', { revision: '2' }),
    `${AT}.bool/revision`,
    'revision_behind',
  ],
]

interface Side {
  readonly database: TestDatabase
  readonly store: string
  readonly diff: (baseline: string, ...more: readonly string[]) => Promise<Run>
}

interface Opened extends Side {
  readonly requireStore: (lines: readonly StoredLine[]) => Promise<string>
  readonly sql: (text: string) => Promise<void>
  close(): Promise<void>
}
/** A database with the base rows, and matching stores. */
async function openSide(version: Version): Promise<Opened> {
  const made: string[] = []
  const requireStore = async (lines: readonly StoredLine[]): Promise<string> => {
    const folder = await storeFolder(lines)
    made.push(folder)
    return folder
  }
  const database = await createDatabase(version)
  const env = { FF_DATABASE_URL: database.url }
  const store = await requireStore(BASE)
  expect((await runFf(['migrate', 'up'], { env })).status).toBe(0)
  expect((await runFf(['import', store], { env })).status).toBe(0)
  return {
    database,
    store,
    requireStore,
    diff: (baseline, ...more) =>
      runFf(['parity', 'diff', '--baseline', `file:${baseline}`, '--format', 'json', ...more], {
        env,
      }),
    sql: async (text) => {
      const client = await connect(version, database.database)
      await client.query(`SET search_path = ff; ${text}`)
      await client.end()
    },
    close: async () => {
      await database.drop()
      await Promise.all(made.map((folder) => rm(folder, { recursive: true })))
    },
  }
}

describe('a diff of stored rows', () => {
  let side: Opened
  beforeAll(async () => {
    side = await openSide('18')
  })
  afterAll(() => side.close())

  test('imported rows are equal in every field', async () => {
    const run = await side.diff(side.store)
    expect([run.status, getCheck(run).findings]).toStrictEqual([0, []])
    expect(getCheck(run).items.find(({ id }) => id === 'tenant_override')?.title).toContain(
      '7 rows, 84 fields compared',
    )
  })

  test('there are 21 faults to plant', () => expect(FAULTS).toHaveLength(21))
  test.each(FAULTS)('%s in the file is found', async (_, lines, pointer, code) => {
    const run = await side.diff(await side.requireStore(lines))
    expect(run.status).toBe(20)
    const found = getCheck(run).findings.map((one) => `${one.pointer} ${one.code}`)
    expect(found).toContain(`${pointer} ${code}`)
  })

  test('the log of a store overrides its snapshot', async () => {
    const folder = await side.requireStore(spoiled('ff.bool', { revision: '2', value: 'false' }))
    expect((await side.diff(folder)).status).toBe(20)
    const written = await FileStore.open(folder, { digestKey: Buffer.alloc(32, 1), phase: 'file' })
    const body = overrideText('true', { note: '"<null>"' })
    const result = await written.write(
      putTenant('T1', 'ff.bool', body, { actor: 'U1', occurred_at: NOW }),
    )
    expect(result.ok).toBe(true)
    // The writer still holds the lock.
    const run = await side.diff(folder)
    await written.close()
    expect([run.status, getCheck(run).findings]).toStrictEqual([0, []])
  })

  test.each([
    [
      'is cut in the middle',
      async (path: string) => writeFile(path, (await readFile(path)).subarray(0, 2000)),
      22,
      'store_corrupt',
    ],
    [
      'begins with a byte order mark',
      async (path: string) =>
        writeFile(path, Buffer.concat([Buffer.from('\ufeff'), await readFile(path)])),
      22,
      'store_corrupt',
    ],
    [
      'is not UTF-8',
      async (path: string) =>
        writeFile(
          path,
          Buffer.from(
            (await readFile(path)).toString('latin1').replace('"revision":3', '"revision":\xff'),
            'latin1',
          ),
        ),
      22,
      'store_corrupt',
    ],
    [
      'has bytes after its footer',
      async (path: string) => appendFile(path, '{}'),
      22,
      'store_corrupt',
    ],
    ['is empty', async (path: string) => writeFile(path, ''), 22, 'store_corrupt'],
    ['does not exist', async (path: string) => rm(path), 22, 'target_unreachable'],
  ] as const)('a snapshot that %s ends %s', async (_, damage, status, code) => {
    const folder = await side.requireStore(BASE)
    await damage(join(folder, 'snapshot.ndjson'))
    const run = await side.diff(folder)
    expect([run.status, toError(run).code]).toStrictEqual([status, code])
  })

  test('rows out of order are damage, and differing rows are shown despite a wrong footer', async () => {
    const [first, ...rest] = BASE.slice(FLAGS.length)
    const swapped = await side.diff(
      await side.requireStore([...flagLines, ...rest, first as StoredLine]),
    )
    expect([swapped.status, toError(swapped).code]).toStrictEqual([22, 'store_corrupt'])
    const folder = await side.requireStore(BASE)
    await edit(
      join(folder, 'snapshot.ndjson'),
      '"value":true',
      '"value":fals'.replace('fals', 'null'),
    )
    const run = await side.diff(folder)
    const codes = getCheck(run).findings.map(({ code }) => code)
    expect([
      run.status,
      codes.includes('digest_wrong'),
      codes.includes('type_differs'),
    ]).toStrictEqual([20, true, true])
  })

  test('hostile rows are findings with their places', async () => {
    const hostile = [
      ...flagLines,
      tenantLine('T1', 'ff.text', { value: '"\\u0000"' }),
      tenantLine('T2', 'ff.text', { value: '"\\ud800"' }),
      tenantLine('T3', `ff.${'k'.repeat(8192)}`, { value: '1' }),
      tenantLine('T4', 'ff.int', { value: '1e400' }),
    ]
    const run = await side.diff(await side.requireStore(hostile))
    const codes = getCheck(run).findings.map(({ code }) => code)
    expect(run.status).toBe(20)
    expect(codes).toEqual(
      expect.arrayContaining([
        'nul_character',
        'lone_surrogate',
        'form_wrong',
        'number_not_canonical',
        'row_missing',
      ]),
    )
    expect(run.stdout.length).toBeLessThan(20_000)
  })

  test('--max-diffs ends the comparison without a pass', async () => {
    const none = await side.requireStore(flagLines)
    const run = await side.diff(none, '--max-diffs', '2')
    expect([run.status, getCheck(run).findings.length]).toStrictEqual([20, 2])
    const left = getCheck(run).items.find(({ id }) => id === 'user_override')
    expect([left?.state, left?.next]).toEqual([
      'inconclusive',
      expect.stringContaining('--max-diffs'),
    ])
    expect((await side.diff(none, '--max-diffs', '0')).status).toBe(2)
  })

  test('--sample compares a part, finds its differences, and never passes', async () => {
    const clean = await side.diff(side.store, '--sample', '0.999999')
    expect([clean.status, getCheck(clean).findings]).toStrictEqual([22, []])
    const found = await side.diff(
      await side.requireStore(spoiled('ff.int', { value: '2' })),
      '--sample',
      '0.999999',
    )
    expect(found.status).toBe(20)
    const none = await side.diff(side.store, '--sample', '0.000001')
    expect(none.status).toBe(22)
    expect((await side.diff(side.store, '--sample', '2')).status).toBe(2)
  })

  test('a side with itself, a missing folder and two empty stores prove nothing', async () => {
    const same = await side.diff(side.store, '--candidate', `file:${side.store}`)
    expect([same.status, toError(same).code]).toStrictEqual([2, 'target_invalid'])
    const empty = await side.diff(
      await side.requireStore([]),
      '--candidate',
      `file:${await side.requireStore([])}`,
    )
    expect(empty.status).toBe(22)
    const temporary = await runFf(['parity', 'diff', '--candidate', 'embedded', '--format', 'json'])
    expect([temporary.status, toError(temporary).code]).toStrictEqual([2, 'target_invalid'])
  })

  test('two files are compared, and a row that is broken in both is a finding', async () => {
    const copy = await side.requireStore([])
    await cp(side.store, copy, { recursive: true, force: true })
    expect((await side.diff(side.store, '--candidate', `file:${copy}`)).status).toBe(0)
    const broken = spoiled('ff.int', { value: '1.0' })
    const both = await side.diff(
      await side.requireStore(broken),
      '--candidate',
      `file:${await side.requireStore(broken)}`,
    )
    expect([both.status, getCheck(both).findings.map(({ code }) => code)]).toStrictEqual([
      20,
      ['number_not_canonical'],
    ])
  })

  test('a database that goes away in the middle ends 22 without a partial report', async () => {
    const proxy = await FaultProxy.to({ path: `${side.database.config.host}/.s.PGSQL.5432` })
    const url = `postgres://postgres@127.0.0.1:${proxy.port}/${side.database.database}`
    try {
      const many = Array.from({ length: 3_000 }, (_, at) =>
        tenantLine(`T9${String(at).padStart(5, '0')}`, 'ff.int', { value: '1' }),
      )
      const folder = await side.requireStore([...BASE, ...many])
      await runFf(['import', folder], { env: { FF_DATABASE_URL: side.database.url } })
      await proxy.set({ kind: 'cut_after', bytes: 200_000 })
      const run = await side.diff(folder, '--candidate', url)
      expect([run.status, toError(run).code]).toStrictEqual([22, 'backing_unavailable'])
    } finally {
      await proxy.close()
      await side.sql(`DELETE FROM tenant_override WHERE tenant_id LIKE 'T9%'`)
    }
  })
})

describe.each(SUPPORTED)('what is planted in PostgreSQL %s', (version) => {
  let side: Opened
  beforeAll(async () => {
    side = await openSide(version)
  })
  afterAll(() => side.close())

  test.each([
    [
      'a boolean flipped',
      `UPDATE tenant_override SET value = 'false' WHERE flag_key = 'ff.bool'`,
      `${AT}.bool/value truth_flipped`,
    ],
    [
      '1.0 for 1',
      `UPDATE tenant_override SET value = '1.0' WHERE flag_key = 'ff.int'`,
      `${AT}.int/value number_spelled`,
    ],
    [
      '2^53+1',
      `UPDATE tenant_override SET value = '9007199254740993' WHERE flag_key = 'ff.big'`,
      `${AT}.big/value integer_past_doubles`,
    ],
    [
      'an empty note',
      `UPDATE tenant_override SET note = '' WHERE flag_key = 'ff.int'`,
      `${AT}.int/note empty_for_absent`,
    ],
    [
      'a row deleted',
      `DELETE FROM tenant_override WHERE flag_key = 'ff.int'`,
      `${AT}.int row_missing`,
    ],
    [
      'a row added',
      `INSERT INTO user_override SELECT 'U9', flag_key, value, NULL, NULL, NULL, created_by, updated_by, 1, created_at, updated_at FROM tenant_override WHERE flag_key = 'ff.int'`,
      '/U9/ff.int row_extra',
    ],
    [
      'two neighbours swapped',
      `UPDATE tenant_override SET value = CASE flag_key WHEN 'ff.int' THEN '0.12345'::jsonb ELSE '1' END WHERE flag_key IN ('ff.int', 'ff.fourth')`,
      `${AT}.int/value number_differs`,
    ],
    [
      'a microsecond in a wider column',
      `ALTER DOMAIN instant DROP CONSTRAINT instant_range; ALTER TABLE tenant_override ALTER COLUMN updated_at TYPE timestamptz(6); UPDATE tenant_override SET updated_at = updated_at + interval '1 microsecond' WHERE flag_key = 'ff.int'`,
      `${AT}.int/updated_at time_truncated`,
    ],
    [
      'a boolean column that became a number',
      `ALTER TABLE flag_registry ALTER COLUMN sensitive TYPE integer USING sensitive::integer`,
      '/ff.int/sensitive truth_for_number',
    ],
    [
      'a key column padded',
      `ALTER TABLE tenant_override ALTER COLUMN updated_by TYPE char(4)`,
      `${AT}.int/updated_by blanks`,
    ],
    [
      'a json column that keeps a member twice',
      `ALTER TABLE tenant_override ALTER COLUMN value TYPE json; UPDATE tenant_override SET value = '{"a":{},"b":[1,2,3],"c":{"d":1,"d":1}}' WHERE flag_key = 'ff.object'`,
      `${AT}.object/value/c duplicate_member_lost`,
    ],
    [
      'a column that is not in the contract',
      `ALTER TABLE tenant_override ADD COLUMN colour text`,
      'null column_unknown',
    ],
    ['a missing column', `ALTER TABLE tenant_override DROP COLUMN note`, 'null column_missing'],
  ])('%s in the database is found, and undone it is equal', async (_, change, found) => {
    // A separate database: some changes alter the tables.
    const database = await copyDatabase(side.database)
    const env = { FF_DATABASE_URL: database.url }
    const client = await connect(version, database.database)
    try {
      const args = ['parity', 'diff', '--baseline', `file:${side.store}`, '--format', 'json']
      expect((await runFf(args, { env })).status).toBe(0)
      await client.query(`SET search_path = ff; ${change}`)
      const run = await runFf(args, { env })
      expect(run.status).toBe(20)
      expect(getCheck(run).findings.map((one) => `${one.pointer} ${one.code}`)).toContain(found)
    } finally {
      await client.end()
      await database.drop()
    }
  })

  test.each([
    ["ALTER DATABASE %s SET TimeZone = 'Asia/Kathmandu'"],
    ["ALTER DATABASE %s SET DateStyle = 'German, DMY'"],
    ['ALTER DATABASE %s SET extra_float_digits = -15'],
    ['ALTER DATABASE %s SET standard_conforming_strings = off'],
    ["ALTER DATABASE %s SET bytea_output = 'escape'"],
  ])('%s changes nothing', async (setting) => {
    await side.sql(setting.replace('%s', side.database.database))
    const run = await side.diff(side.store)
    await side.sql(`ALTER DATABASE ${side.database.database} RESET ALL`)
    expect([run.status, getCheck(run).findings]).toStrictEqual([0, []])
  })
})
