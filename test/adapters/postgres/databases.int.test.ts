import { rm } from 'node:fs/promises'
import type pg from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { createStore } from '../../../src/adapters/file-store/file-store.ts'
import { mapPgError } from '../../../src/adapters/postgres/pg-error.ts'
import { openServedSchema } from '../../../src/adapters/postgres/served-schema.ts'
import {
  openLive,
  openRows,
  openServed,
  openTrail,
  withSink,
} from '../../../src/adapters/stores.ts'
import type { TargetSpec } from '../../../src/core/parity/target.ts'
import {
  type DdlContract,
  loadPersistence,
} from '../../../src/features/migrate/load-persistence.ts'
import { parityDiff } from '../../../src/features/parity/parity-diff.ts'
import { migrateDown, migrateUp } from '../../../src/features/migrate/migrate.ts'
import { adapters } from '../../../src/composition.ts'
import { FaultProxy } from '../../faults/tcp-proxy.ts'
import {
  connect,
  getSocket,
  getUrl,
  migratedDatabase,
  type TestDatabase,
} from '../../support/database.ts'
import { ROOT } from '../../support/run-ff.ts'
import { until } from '../../commands/outcome.ts'
import { temporaryFolder, TOOLS } from '../store-contract/opened-store.ts'
import { failure, overrideText, putFlag, putTenant, taken } from '../store-contract/requests.ts'

const ROLE = 'databases_service'
const FLAG = 'ff.a'
const query = { flag_key: FLAG, tenant_id: 'T2', user_id: null }

let inputs: DdlContract
let database: TestDatabase
let sql: pg.Client
let target: TargetSpec
const toTarget = (url: string): TargetSpec => ({ kind: 'postgres', url, name: 'a database' })
const undo: string[] = []
/** Changes the database for one test. */
async function change(text: string, back: string): Promise<void> {
  undo.push(back)
  await sql.query(text)
}

beforeAll(async () => {
  inputs = await loadPersistence(ROOT)
  database = await migratedDatabase('18')
  sql = await connect('18', database.database)
  await sql.query(`CREATE ROLE ${ROLE} LOGIN IN ROLE ff_app`)
  target = toTarget(getUrl('18', database.database, ROLE))
  const service = await openServed(target, { ...inputs, tools: TOOLS, environment: 'prod' })
  await taken(service.store, putFlag(FLAG))
  await taken(service.store, putTenant('T2', FLAG, overrideText('true')))
  await service.close()
})
afterEach(async () => {
  for (const text of undo.splice(0).toReversed()) await sql.query(text)
})
afterAll(async () => {
  await sql.end()
  await database.drop()
  const admin = await connect('18')
  await admin.query(`DROP ROLE ${ROLE}`)
  await admin.end()
})

describe('P2 tables that do not show all their rows', () => {
  const HIDE = `ALTER TABLE ff.tenant_override ENABLE ROW LEVEL SECURITY;
    CREATE POLICY hide ON ff.tenant_override USING (tenant_id <> 'T2')`
  const SHOW = `ALTER TABLE ff.tenant_override DISABLE ROW LEVEL SECURITY; DROP POLICY hide ON ff.tenant_override`

  test('row level security that hides an override: the service does not start', async () => {
    await change(HIDE, SHOW)
    expect(
      await failure(openServed(target, { ...inputs, tools: TOOLS, environment: 'prod' })),
    ).toBe('rights_missing')
  })

  test('row level security that comes later: rights_missing, and gone with it', async () => {
    const service = await openServed(target, { ...inputs, tools: TOOLS, environment: 'prod' })
    await change(HIDE, SHOW)
    expect(await failure(service.store.read(query))).toBe('rights_missing')
    await sql.query('ALTER TABLE ff.tenant_override DISABLE ROW LEVEL SECURITY')
    expect((await service.store.read(query)).tenant?.row?.tenant_id).toBe('T2')
    await service.close()
  })

  test('row level security: a comparison does not read past it', async () => {
    await change(HIDE, SHOW)
    const read = async (): Promise<void> => {
      const rows = await openRows(target, inputs)
      try {
        for await (const batch of rows.lines()) void batch
      } finally {
        await rows.close()
      }
    }
    expect(await failure(read())).toBe('rights_missing')
  })

  test.each([
    [
      'a view in place of a table',
      `ALTER TABLE ff.user_override RENAME TO kept; CREATE VIEW ff.user_override AS SELECT * FROM ff.kept;
       GRANT SELECT, INSERT, UPDATE ON ff.user_override TO ff_app`,
      'DROP VIEW ff.user_override; ALTER TABLE ff.kept RENAME TO user_override',
    ],
    [
      'a rule',
      'CREATE RULE away AS ON INSERT TO ff.user_override DO INSTEAD NOTHING',
      'DROP RULE away ON ff.user_override',
    ],
    [
      'a table that inherits',
      'CREATE TABLE ff.more () INHERITS (ff.user_override)',
      'DROP TABLE ff.more',
    ],
  ])('%s: found at the start, and while it serves', async (_what, text, back) => {
    const own = { config: { connectionString: getUrl('18', database.database, ROLE) }, name: 'own' }
    const serving = await openServedSchema(own, {
      ...inputs,
      tools: TOOLS,
      environment: 'prod',
      checkEveryMs: 20,
    })
    await change(text, back)
    expect(
      await failure(openServed(target, { ...inputs, tools: TOOLS, environment: 'prod' })),
    ).toBe('target_unreachable')
    await until('the service notices', async () =>
      serving.store.read(query).then(
        () => false,
        () => true,
      ),
    )
    expect(await failure(serving.store.auditHead())).toBe('target_unreachable')
    expect(await failure(serving.store.write(putFlag(FLAG)))).toBe('target_unreachable')
    await serving.close()
  })

  test('rows of a table that inherits are no rows of the store', async () => {
    await change(
      `CREATE TABLE ff.more () INHERITS (ff.flag_registry);
       INSERT INTO ff.more SELECT * FROM ONLY ff.flag_registry`,
      'DROP TABLE ff.more',
    )
    const rows = await openRows(toTarget(database.url), inputs)
    expect(rows.counts.flag_registry).toBe(1)
    await rows.close()
  })
})

test('settings of the database do not change what is read', async () => {
  const name = `"${database.database}"`
  const settings = {
    standard_conforming_strings: 'off',
    quote_all_identifiers: 'on',
    DateStyle: `'SQL, DMY'`,
    TimeZone: `'Asia/Kathmandu'`,
    IntervalStyle: 'sql_standard',
    bytea_output: 'escape',
    extra_float_digits: '-15',
    search_path: 'nowhere',
    transform_null_equals: 'on',
  }
  const read = async (): Promise<string> => {
    const rows = await openRows(toTarget(database.url), inputs)
    const found: Buffer[] = []
    for await (const { bytes } of rows.lines()) found.push(bytes)
    expect(rows.faults()).toEqual([])
    await rows.close()
    return Buffer.concat(found).toString()
  }
  const before = await read()
  for (const [setting, value] of Object.entries(settings))
    await change(
      `ALTER DATABASE ${name} SET ${setting} = ${value}`,
      `ALTER DATABASE ${name} RESET ${setting}`,
    )
  expect(await read()).toBe(before)
})

test('sessions that run without triggers are refused', async () => {
  const name = `"${database.database}"`
  await change(
    `ALTER ROLE ${ROLE} IN DATABASE ${name} SET session_replication_role = replica`,
    `ALTER ROLE ${ROLE} IN DATABASE ${name} RESET session_replication_role`,
  )
  expect(await failure(openServed(target, { ...inputs, tools: TOOLS, environment: 'prod' }))).toBe(
    'rights_missing',
  )
})

describe('P4 an error of a trigger is decided by its class', () => {
  test.each([
    ['0A000', 'target_unreachable'],
    ['42883', 'target_unreachable'],
    ['XX000', 'backing_unavailable'],
    ['54000', 'row_refused'],
    ['P0001', 'row_refused'],
    ['40P01', 'backing_unavailable'],
    ['55006', 'backing_unavailable'],
    ['53200', 'backing_unavailable'],
    ['57P05', 'backing_unavailable'],
    ['08006', 'backing_unavailable'],
    ['28000', 'rights_missing'],
    ['ZZ123', 'backing_unavailable'],
  ])('%s: %s, and the message quotes it', async (sqlstate, code) => {
    await change(
      `CREATE FUNCTION ff.fails() RETURNS trigger LANGUAGE plpgsql AS
         $$ BEGIN RAISE EXCEPTION 'raised here' USING ERRCODE = '${sqlstate}'; END $$;
       CREATE TRIGGER fails BEFORE INSERT ON ff.audit FOR EACH ROW EXECUTE FUNCTION ff.fails()`,
      'DROP TRIGGER fails ON ff.audit; DROP FUNCTION ff.fails()',
    )
    const event = {
      target: 'import/x',
      after: null,
      request_id: 'r',
    }
    const importing = withSink(toTarget(database.url), inputs, (sink) => sink.record(event))
    await expect(importing).rejects.toMatchObject({
      code,
      message: expect.stringContaining('raised here') as string,
    })
  })
})

test('P7 a comparison opens the folder first, so that no transaction waits for it', async () => {
  const folder = await temporaryFolder()
  await createStore(folder)
  const order: string[] = []
  const openRowsInOrder: typeof adapters.openRows = async (spec, needs) => {
    order.push(`opening ${spec.kind}`)
    const opened = await adapters.openRows(spec, needs)
    order.push(`opened ${spec.kind}`)
    return opened
  }
  for (const sides of [
    { baseline: { kind: 'file', folder }, candidate: toTarget(database.url) },
    { baseline: toTarget(database.url), candidate: { kind: 'file', folder } },
  ] as const) {
    order.length = 0
    const { exitName } = await parityDiff({
      root: ROOT,
      ...sides,
      maxDiffs: 10,
      sample: null,
      signal: new AbortController().signal,
      now: () => new Date(),
      adapters: { ...adapters, openRows: openRowsInOrder },
      progress: () => undefined,
    })
    expect(exitName).toBe('no_go')
    expect(order).toEqual(['opening file', 'opened file', 'opening postgres', 'opened postgres'])
  }
  await rm(folder, { recursive: true })
})

describe('P10 a migration that fails', () => {
  const MORE = { version: 7, name: '0007_more', checksum: 'c'.repeat(64) }
  const runWith = async (up: string): Promise<unknown> => {
    const migration = { ...MORE, up, down: '' }
    return adapters.withMigrationSession(
      toTarget(database.url),
      { ...inputs, locked: true },
      (session) => session.apply(migration, 'up'),
    )
  }
  test.each([
    ['a syntax error', 'CREATE TABLE one (a int); SELEC 1', 'migration_invalid', 'SELEC 1'],
    [
      'CONCURRENTLY',
      'CREATE TABLE one (a int); CREATE INDEX CONCURRENTLY i ON audit (seq)',
      'migration_invalid',
      'CONCURRENTLY',
    ],
    [
      'something that exists already',
      'CREATE TABLE one (a int); CREATE TABLE audit (a int)',
      'migration_failed',
      'TABLE audit',
    ],
    ['a division by zero', 'CREATE TABLE one (a int); SELECT 1/0', 'migration_failed', '1/0'],
    [
      'a COMMIT that only the server sees',
      `CREATE TABLE one (a int); DO $$ BEGIN COMMIT; END $$`,
      'migration_invalid',
      'COMMIT',
    ],
  ])(
    '%s: the error names file and statement, and nothing is kept',
    async (_what, up, code, text) => {
      await expect(runWith(up)).rejects.toMatchObject({
        code,
        message: expect.stringMatching(/^Statement 2 of .*0007_more\.sql/) as string,
        details: [expect.stringContaining(text) as string],
      })
      const { rows } = await sql.query<{ one: string | null }>(
        `SELECT to_regclass('ff.one') AS one`,
      )
      expect(rows[0]?.one).toBeNull()
    },
  )
})

test('P10 a migration that leaves another role behind: the error names its file', async () => {
  const up = 'CREATE TABLE one (a int); SET LOCAL ROLE ff_ship'
  const migration = { version: 7, name: '0007_more', checksum: 'c'.repeat(64), up, down: '' }
  const running = adapters.withMigrationSession(
    toTarget(database.url),
    { ...inputs, locked: true },
    (session) => session.apply(migration, 'up'),
  )
  await expect(running).rejects.toMatchObject({
    code: 'rights_missing',
    message: expect.stringMatching(/0007_more\.sql.*permission denied/) as string,
  })
})

describe('the server is quoted, without a value of a row', () => {
  test.each([
    [`SELECT '{"secret"'::jsonb`, 'invalid input syntax for type json, SQLSTATE 22P02'],
    [`SELECT 'secret'::int`, 'invalid input syntax for type integer, SQLSTATE 22P02'],
    [`SELECT jsonb_build_object('a', 1)::text::varchar(3)::int`, 'SQLSTATE 22P02'],
    [`SET ROLE missing`, 'role "missing" does not exist, SQLSTATE 22023'],
    [
      `DO $$ BEGIN RAISE 'secret' USING ERRCODE = '22000'; END $$`,
      'refuses a row that breaks its schema: SQLSTATE 22000',
    ],
  ])('%s', async (text, said) => {
    const error = mapPgError(await sql.query(text).catch((caught: unknown) => caught), 'd')
    expect(error).toMatchObject({ message: expect.stringContaining(said) as string })
    expect(String(error)).not.toContain('secret')
  })
})

describe('P11 a schema that a newer version of ff migrated', () => {
  beforeAll(() =>
    sql.query(
      `INSERT INTO ff.migration_ledger (version, name, checksum) VALUES (7, '0007_later', 'x')`,
    ),
  )
  afterAll(() => sql.query('DELETE FROM ff.migration_ledger WHERE version = 7'))
  const request = () => ({
    root: ROOT,
    database: toTarget(database.url),
    adapters,
    signal: new AbortController().signal,
    to: null,
    dryRun: false,
    environment: 'prod',
    adopt: false,
  })
  test.each([
    [
      'comparing and exporting',
      () => openRows(toTarget(database.url), inputs),
      'migration_unknown',
    ],
    [
      'reading the audit trail',
      () => openTrail(toTarget(database.url), inputs),
      'migration_unknown',
    ],
    [
      'importing',
      () => withSink(toTarget(database.url), inputs, () => Promise.resolve()),
      'migration_unknown',
    ],
    [
      'replaying',
      () => openLive(toTarget(database.url), { ...inputs, copied: null }),
      'migration_unknown',
    ],
    [
      'serving',
      () => openServed(target, { ...inputs, tools: TOOLS, environment: 'prod' }),
      'schema_drift',
    ],
    ['migrating up', () => migrateUp(request()), 'migration_unknown'],
    ['migrating down', () => migrateDown(request()), 'migration_unknown'],
  ])('%s is refused', async (_what, work, code) => {
    expect(await failure(work())).toBe(code)
  })
})

describe('several hosts', () => {
  let proxies: readonly FaultProxy[] = []
  let standby: TestDatabase
  beforeAll(async () => {
    standby = await migratedDatabase('15')
    const other = await connect('15', standby.database)
    await other.query(`CREATE ROLE ${ROLE} LOGIN IN ROLE ff_app`)
    await other.end()
    const admin = await connect('15')
    await admin.query(`ALTER DATABASE ${standby.database} RENAME TO ${database.database}`)
    await admin.query(`ALTER DATABASE ${database.database} SET default_transaction_read_only = on`)
    await admin.end()
    proxies = await Promise.all(
      (['18', '15'] as const).map((version) =>
        FaultProxy.to({ path: `${getSocket(version)}/.s.PGSQL.5432` }),
      ),
    )
  })
  afterAll(async () => {
    await Promise.all(proxies.map((one) => one.close()))
    const admin = await connect('15')
    await admin.query(`DROP DATABASE ${database.database} WITH (FORCE)`)
    await admin.query(`DROP ROLE ${ROLE}`)
    await admin.end()
  })
  const url = (order: readonly number[], attrs: string): string =>
    `postgres://${ROLE}@${order.map((at) => `127.0.0.1:${proxies[at]?.port}`).join(',')}/${database.database}?target_session_attrs=${attrs}`
  const serverOf = async (text: string): Promise<string | null> => {
    const live = await openLive(toTarget(text), { ...inputs, copied: null })
    await live.close()
    return live.facts.server?.split('.')[0] ?? null
  }

  test.each([
    ['read-write', [1, 0], '18'],
    ['primary', [1, 0], '15'],
    ['any', [1, 0], '15'],
    ['read-only', [0, 1], '15'],
    ['prefer-standby', [0, 1], '18'],
  ])('target_session_attrs=%s', async (attrs, order, version) => {
    expect(await serverOf(url(order, attrs))).toBe(version)
  })

  test('none that will do: each is named', async () => {
    const opening = openLive(toTarget(url([0, 1], 'standby')), { ...inputs, copied: null })
    await expect(opening).rejects.toMatchObject({
      code: 'target_unreachable',
      details: [expect.stringContaining('no standby') as string, expect.any(String) as string],
    })
  })

  test('the service does not take a server that is read-only on purpose', async () => {
    const opening = openServed(toTarget(url([0, 1], 'read-only')), {
      ...inputs,
      tools: TOOLS,
      environment: 'prod',
    })
    expect(await failure(opening)).toBe('target_invalid')
  })

  test('the service finds the new primary after a failover', async () => {
    const service = await openServed(toTarget(url([0, 1], 'any')), {
      ...inputs,
      tools: TOOLS,
      environment: 'prod',
    })
    expect((await service.store.read(query)).flag?.row?.flag_key).toBe(FLAG)
    const admin = await connect('15')
    await admin.query(`ALTER DATABASE ${database.database} RESET default_transaction_read_only`)
    await admin.end()
    await proxies[0]?.set({ kind: 'refuse' })
    await until('it reads from the other server', async () =>
      service.store.read(query).then(
        ({ flag }) => flag === null,
        () => false,
      ),
    )
    await taken(service.store, putFlag('ff.after'))
    expect((await service.store.read({ ...query, flag_key: 'ff.after' })).flag?.row?.revision).toBe(
      1,
    )
    await service.close()
    await proxies[0]?.set({ kind: 'none' })
  })
})
