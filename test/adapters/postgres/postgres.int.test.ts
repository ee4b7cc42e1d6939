import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type pg from 'pg'
import { withMigrations } from '../../../src/adapters/stores.ts'
import {
  buildClientConfig,
  type DatabaseConfig,
  openPool,
  withClient,
} from '../../../src/adapters/postgres/connect.ts'
import { PostgresStore } from '../../../src/adapters/postgres/postgres-store.ts'
import { openScratchSchema } from '../../../src/adapters/postgres/scratch-schema.ts'
import { EXIT_STATUSES } from '../../../src/core/exit.ts'
import { FfError } from '../../../src/errors.ts'
import type { FlagStore, OpenScratchStore } from '../../../src/ports/store.ts'
import { type Fault, FaultProxy } from '../../faults/tcp-proxy.ts'
import {
  connect,
  createDatabase,
  getSocket,
  SUPPORTED,
  type TestDatabase,
  getUrl,
  type Version,
} from '../../support/database.ts'
import { changesIn, expectChain } from '../store-contract/audit-chain.ts'
import { startChild } from '../store-contract/child.ts'
import {
  migrations,
  newestScratchSchema,
  type OpenedSchema,
  postgresBacking,
  selectedRecords,
  TOOLS,
  VERSIONS,
} from '../store-contract/opened-store.ts'
import { until } from '../../support/until.ts'
import {
  attempt,
  failure,
  overrideText,
  putFlag,
  putTenant,
  taken,
} from '../store-contract/requests.ts'

const FLAG = 'ff.checkout'
/** Milliseconds; a service waits 5 s for a connection and 10 s for a result. */
const SHORT = { connectionTimeoutMillis: 1_500, query_timeout: 2_500, statement_timeout: 2_000 }
/** More than both timeouts together on a busy machine, less than the timeouts of a service. */
const BOUND_MS = 9_000
const LOST = ['backing_unavailable', 'target_unreachable']

const socketFile = (version: Version): string => `${getSocket(version)}/.s.PGSQL.5432`
const readFlag = (store: FlagStore) =>
  store.read({ flag_key: FLAG, tenant_id: 'A1', user_id: null })
const scratchOn = async (database: DatabaseConfig): Promise<OpenScratchStore> =>
  openScratchSchema(database, { migrations: await migrations(), versions: VERSIONS, tools: TOOLS })

/** A store that connects to its schema through a proxy that injects faults. */
interface ProxiedStore {
  readonly proxy: FaultProxy
  readonly store: PostgresStore
  readonly behind: OpenedSchema
  close(): Promise<void>
}
function configThrough(proxy: Pick<FaultProxy, 'port'>, database: string): DatabaseConfig {
  return {
    config: { host: '127.0.0.1', port: proxy.port, user: 'postgres', database },
    name: 'wired',
    bounds: SHORT,
  }
}
async function openProxiedStore(behind: OpenedSchema): Promise<ProxiedStore> {
  const proxy = await FaultProxy.to({ path: socketFile(behind.database.version) })
  const pool = openPool(configThrough(proxy, behind.database.database), 4)
  const store = new PostgresStore(pool, behind.schema, { name: 'wired', tools: TOOLS })
  return {
    proxy,
    store,
    behind,
    close: async () => {
      await proxy.set({ kind: 'none' })
      await store.close()
      await proxy.close()
      await behind.close()
    },
  }
}

const FAULTS: readonly (readonly [string, Fault])[] = [
  ['swallows everything', { kind: 'blackhole', direction: 'both' }],
  ['swallows the answers', { kind: 'blackhole', direction: 'to_client' }],
  ['swallows the questions', { kind: 'blackhole', direction: 'to_server' }],
  ['resets every connection', { kind: 'reset' }],
  ['refuses connections', { kind: 'refuse' }],
  ['answers with bytes of no protocol', { kind: 'garbage' }],
]

const onEach = async (work: (version: Version) => Promise<void>): Promise<void> => {
  await Promise.all(SUPPORTED.map((version) => work(version)))
}

test('every wait on a server has a timeout by default', () => {
  const { config } = configThrough({ port: 1 }, 'd')
  expect(buildClientConfig({ config, name: 'd' })).toMatchObject({
    connectionTimeoutMillis: 5_000,
    query_timeout: 10_000,
    statement_timeout: 8_000,
    lock_timeout: 5_000,
    idle_in_transaction_session_timeout: 30_000,
  })
})

describe('a store over a connection', () => {
  const backings = SUPPORTED.map((version) => [version, postgresBacking(version)] as const)
  const stores = new Map<string, ProxiedStore>()
  const at = (version: Version, situation: string): ProxiedStore => {
    const found = stores.get(`${version} ${situation}`)
    if (found === undefined) throw new Error('no proxy was opened')
    return found
  }
  beforeAll(async () => {
    await Promise.all(
      backings.map(async ([version, backing]) => {
        for (const situation of [...FAULTS.map(([name]) => name), 'slow', 'cut', 'idle'])
          stores.set(`${version} ${situation}`, await openProxiedStore(await backing.open()))
      }),
    )
  })
  afterAll(async () => {
    await Promise.all([...stores.values()].map((one) => one.close()))
    for (const [, backing] of backings) await backing.stop()
  })

  test.concurrent.each(FAULTS)(
    'that %s: an error in time, no wrong row, and then the same store works',
    (situation, fault) =>
      onEach(async (version) => {
        const { proxy, store, behind } = at(version, situation)
        const row = await taken(store, putFlag(FLAG))
        expect((await readFlag(store)).flag).toStrictEqual({ row })
        await proxy.set(fault)
        const started = performance.now()
        const codes = await Promise.all([
          failure(readFlag(store)),
          failure(store.write(putFlag(FLAG, { owner: '"team-b"' }))),
          failure(store.auditHead()),
        ])
        expect(performance.now() - started).toBeLessThan(BOUND_MS)
        expect(codes.filter((code) => !LOST.includes(code))).toStrictEqual([])
        await proxy.set({ kind: 'none' })
        const changes = changesIn(await behind.records())
        // A write without acknowledgement is applied completely or not at all.
        expect([1, 2]).toContain(changes.length)
        const seen = (await readFlag(store)).flag?.row
        expect(seen).toStrictEqual({
          ...row,
          owner: changes.length === 1 ? 'team-a' : 'team-b',
          revision: changes.length,
        })
        expect(await taken(store, putFlag(FLAG))).toMatchObject({ revision: changes.length + 1 })
        expectChain(await behind.records(), await store.auditHead())
      }),
  )

  test.concurrent('that is slow: every answer is right', () =>
    onEach(async (version) => {
      const { proxy, store } = at(version, 'slow')
      await proxy.set({ kind: 'latency', ms: 60 })
      const row = await taken(store, putFlag(FLAG))
      const started = performance.now()
      expect((await readFlag(store)).flag).toStrictEqual({ row })
      expect(performance.now() - started).toBeGreaterThan(100)
      expect(await taken(store, putTenant('A1', FLAG, overrideText('true')))).toMatchObject({
        revision: 1,
      })
    }))

  test.concurrent('that is cut during writes: the process goes on, and each write is applied completely or not at all', () =>
    onEach(async (version) => {
      const { proxy, store, behind } = at(version, 'cut')
      const { config } = configThrough(proxy, behind.database.database)
      const writer = await startChild('database', JSON.stringify({ config, schema: behind.schema }))
      try {
        const codes: string[] = []
        for (const round of Array.from({ length: 30 }, (_, index) => index)) {
          const answer = writer.ask(`write ${FLAG}`) as Promise<{ code: string }>
          const heard = answer.then(
            ({ code }) => codes.push(code),
            (error: unknown) => codes.push(String(error)),
          )
          await sleep(round % 10)
          await proxy.set({ kind: 'reset' })
          await proxy.set({ kind: 'none' })
          await heard
        }
        const lost = codes.filter((code) => code !== 'ok')
        expect(lost.length).toBeGreaterThan(0)
        expect(lost.filter((code) => !LOST.includes(code))).toStrictEqual([])
        // The server may still commit a write whose connection is gone.
        await until(async () => {
          const { rowCount } = await behind.sql.query(
            `SELECT FROM pg_stat_activity
             WHERE state <> 'idle' AND query LIKE '%${behind.schema}%' AND pid <> pg_backend_pid()`,
          )
          return rowCount === 0
        })
        const changes = changesIn(await behind.records())
        expect(changes.length).toBeGreaterThanOrEqual(codes.length - lost.length)
        expect((await readFlag(store)).flag?.row?.revision ?? 0).toBe(changes.length)
        expectChain(await behind.records(), await store.auditHead())
      } finally {
        await writer.kill()
      }
    }))

  test.concurrent('that the server ends: the next read succeeds', () =>
    onEach(async (version) => {
      const { store, behind } = at(version, 'idle')
      const row = await taken(store, putFlag(FLAG))
      await readFlag(store)
      const { rows } = await behind.sql.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
       WHERE datname = current_database() AND application_name = 'ff' AND query LIKE '%${behind.schema}%'
         AND pid <> pg_backend_pid()`,
      )
      expect(rows.length).toBeGreaterThan(0)
      await sleep(100)
      expect((await readFlag(store)).flag).toStrictEqual({ row })
    }))
})

describe('a scratch schema over a connection', () => {
  test.concurrent.each(FAULTS)('that %s cannot be opened, and fails in time', (_situation, fault) =>
    onEach(async (version) => {
      const proxy = await FaultProxy.to({ path: socketFile(version) })
      try {
        await proxy.set(fault)
        const started = performance.now()
        expect(LOST).toContain(await failure(scratchOn(configThrough(proxy, 'postgres'))))
        expect(performance.now() - started).toBeLessThan(BOUND_MS)
      } finally {
        await proxy.close()
      }
    }),
  )
})

test.each(SUPPORTED)(
  'a connection to PostgreSQL %s that has timed out once fails at once',
  async (version) => {
    const proxy = await FaultProxy.to({ path: socketFile(version) })
    try {
      const asked = withClient(configThrough(proxy, 'postgres'), async (client) => {
        await client.query('SELECT 1')
        await proxy.set({ kind: 'blackhole', direction: 'both' })
        await expect(client.query('SELECT 2')).rejects.toThrow('Query read timeout')
        const started = performance.now()
        await expect(client.query('ROLLBACK')).rejects.toThrow()
        return performance.now() - started
      })
      expect(await asked).toBeLessThan(SHORT.query_timeout / 2)
    } finally {
      await proxy.close()
    }
  },
)

describe('a server of a version that is not supported', () => {
  let database: TestDatabase
  beforeAll(async () => void (database = await createDatabase('13')))
  afterAll(() => database.drop())

  test('is refused for a scratch schema: a usage error', async () => {
    const error = await scratchOn(database).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(FfError)
    expect(error).toMatchObject({ code: 'server_version_unsupported', exitName: 'usage' })
    expect(EXIT_STATUSES.usage[0]).toBe(2)
  })

  test('is refused for migrations, and keeps no schema', async () => {
    const needs = {
      versions: VERSIONS,
      contract: { schema: { grants: {} }, domains: {}, functions: {}, tables: {} },
      roles: [],
    }
    const spec = { kind: 'postgres', url: database.url, name: 'old' } as const
    const asked = withMigrations(spec, { ...needs, locked: true }, (session) => session.prepare())
    expect(await failure(asked)).toBe('server_version_unsupported')
    const sql = await connect('13', database.database)
    const { rows } = await sql.query(`SELECT nspname FROM pg_namespace WHERE nspname ~ '^ff'`)
    await sql.end()
    expect(rows).toStrictEqual([])
  })
})

describe.each(SUPPORTED)('an open that PostgreSQL %s refuses', (version) => {
  let database: TestDatabase
  let admin: pg.Client
  beforeEach(async () => {
    database = await createDatabase(version)
    admin = await connect(version, database.database)
  })
  afterEach(async () => {
    await admin.end()
    await database.drop()
  })

  test('a database that is read-only: target_read_only', async () => {
    await admin.query(`ALTER DATABASE ${database.database} SET default_transaction_read_only = on`)
    const error = await scratchOn(database).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'target_read_only', exitName: 'inconclusive' })
  })

  test('a role that may not create a schema: rights_missing', async () => {
    const role = `plain_${randomBytes(4).toString('hex')}`
    await admin.query(`CREATE ROLE ${role} LOGIN`)
    try {
      const plain = { ...database, config: { ...database.config, user: role } }
      expect(await failure(scratchOn(plain))).toBe('rights_missing')
    } finally {
      await admin.query(`DROP ROLE ${role}`)
    }
  })

  test('a role that does not exist: rights_missing', async () => {
    const anonymous = { ...database, config: { ...database.config, user: 'no_such_role' } }
    expect(await failure(scratchOn(anonymous))).toBe('rights_missing')
  })

  test('a database that does not exist: target_unreachable', async () => {
    const nowhere = { ...database, config: { ...database.config, database: 'not_there' } }
    expect(await failure(scratchOn(nowhere))).toBe('target_unreachable')
  })

  test('a socket that does not exist: target_unreachable, at once', async () => {
    const started = performance.now()
    const nowhere = { config: { host: '/not/there', user: 'postgres' }, name: 'nowhere' }
    expect(await failure(scratchOn(nowhere))).toBe('target_unreachable')
    expect(performance.now() - started).toBeLessThan(4_000)
  })
})

describe.each(SUPPORTED)(
  'a store on PostgreSQL %s whose database has other settings',
  (version) => {
    const SETTINGS: readonly (readonly [string, string])[] = [
      ['zone and style of dates', "SET TimeZone = 'America/New_York'; SET DateStyle = 'SQL, DMY'"],
      ['digits of doubles', 'SET extra_float_digits = 0; SET bytea_output = escape'],
      [
        'strings and identifiers',
        'SET standard_conforming_strings = off; SET quote_all_identifiers = on',
      ],
      ['the search path', "SET search_path = 'nowhere'"],
      ['isolation: repeatable read', "SET default_transaction_isolation = 'repeatable read'"],
      ['isolation: serializable', "SET default_transaction_isolation = 'serializable'"],
    ]

    test.each(SETTINGS)(
      '%s: rows, chain and concurrent writers are as usual',
      async (_what, settings) => {
        const database = await createDatabase(version)
        const admin = await connect(version)
        for (const setting of settings.split('; '))
          await admin.query(`ALTER DATABASE ${database.database} ${setting}`)
        await admin.end()
        const scratch = await scratchOn(database)
        try {
          const { store } = scratch
          const row = await taken(
            store,
            putFlag(FLAG, {
              value_type: '"number"',
              default_value: '0.30000000000000004',
              safe_value: '0',
              description: '"\\\\ \' é"',
            }),
          )
          expect((await readFlag(store)).flag).toStrictEqual({ row })
          const outcomes = await Promise.all(
            Array.from({ length: 20 }, () =>
              attempt(
                store,
                putFlag(FLAG, { value_type: '"number"', default_value: '1', safe_value: '0' }),
              ),
            ),
          )
          expect(outcomes.filter((outcome) => !('taken' in outcome))).toStrictEqual([])
          expect((await readFlag(store)).flag?.row?.revision).toBe(21)
          const sql = await connect(version, database.database)
          const records = await selectedRecords(sql, await newestScratchSchema(sql))
          await sql.end()
          expectChain(records, await store.auditHead())
        } finally {
          await scratch.close()
          await database.drop()
        }
      },
    )
  },
)

describe('a lock of another session', () => {
  test('a write ends in lock_timeout, busy, reads go on, and then it works again', () =>
    onEach(async (version) => {
      const backing = postgresBacking(version, { lock_timeout: 500 })
      const opened = await backing.open()
      const { store, sql, schema } = opened
      await taken(store, putFlag(FLAG))
      await sql.query('BEGIN')
      await sql.query(`SELECT FROM "${schema}".audit_head FOR UPDATE`)
      const started = performance.now()
      const write = store.write(putFlag(FLAG)).catch((thrown: unknown) => thrown)
      expect((await readFlag(store)).flag?.row?.revision).toBe(1)
      const error = await write
      const took = performance.now() - started
      expect(took).toBeGreaterThan(450)
      expect(took).toBeLessThan(5_000)
      expect(error).toMatchObject({ code: 'lock_timeout', exitName: 'busy' })
      await sql.query('ROLLBACK')
      expect(await taken(store, putFlag(FLAG))).toMatchObject({ revision: 2 })
      await opened.close()
      await backing.stop()
    }))
})

describe.each(SUPPORTED)('scratch schemas on PostgreSQL %s', (version) => {
  let database: TestDatabase
  let sql: pg.Client
  beforeEach(async () => {
    database = await createDatabase(version)
    sql = await connect(version, database.database)
  })
  afterEach(async () => {
    await sql.end()
    await database.drop()
  })
  const schemas = async (): Promise<readonly string[]> => {
    const { rows } = await sql.query<{ nspname: string }>(
      `SELECT nspname FROM pg_namespace WHERE nspname LIKE 'ff%' ORDER BY oid`,
    )
    return rows.map(({ nspname }) => nspname)
  }

  test('close drops the schema', async () => {
    const scratch = await scratchOn(database)
    expect(await schemas()).toHaveLength(1)
    await taken(scratch.store, putFlag(FLAG))
    await scratch.close()
    expect(await schemas()).toStrictEqual([])
  })

  test('its facts name the server and not the schema', async () => {
    const scratch = await scratchOn(database)
    expect(scratch.facts).toStrictEqual({
      target: `postgres ${version}`,
      backing: 'db',
      server: expect.stringMatching(new RegExp(`^${version}[.][0-9]+$`)) as string,
    })
    await scratch.close()
  })

  test('the next run drops the schema of a killed run, and not that of a live one', async () => {
    const child = await startChild('scratch', JSON.stringify(database.config))
    const alive = await scratchOn(database)
    await taken(alive.store, putFlag(FLAG))
    const [stale, living] = await schemas()
    expect(stale).toMatch(/^ff_scratch_[0-9a-f]{16}$/)
    await child.kill()
    await waitUntilGone()
    const next = await scratchOn(database)
    const left = await schemas()
    expect(left).not.toContain(stale)
    expect(left).toContain(living)
    expect(left).toHaveLength(2)
    expect((await readFlag(alive.store)).flag?.row).toMatchObject({ revision: 1 })
    await next.close()
    await alive.close()
    expect(await schemas()).toStrictEqual([])
  })

  /** Waits until the server notices that the killed process is gone. */
  async function waitUntilGone(): Promise<void> {
    for (let tries = 0; tries < 200; tries += 1) {
      const { rows } = await sql.query<{ locks: string }>(
        `SELECT count(DISTINCT pid)::text AS locks FROM pg_locks
         WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
      )
      if (rows[0]?.locks === '1') return
      await sleep(50)
    }
    throw new Error('the server still has the connection of the killed process')
  }

  test('several at once do not share rows, and leave nothing', async () => {
    const made = await Promise.all([1, 2, 3].map(() => scratchOn(database)))
    await Promise.all(
      made.map(({ store }, at) => taken(store, putFlag(FLAG, { owner: `"run ${at}"` }))),
    )
    const owners = await Promise.all(
      made.map(async ({ store }) => (await readFlag(store)).flag?.row?.owner),
    )
    expect(owners).toStrictEqual(['run 0', 'run 1', 'run 2'])
    await Promise.all(made.map((one) => one.close()))
    expect(await schemas()).toStrictEqual([])
  })

  test('the schema ff and schemas with similar names do not change', async () => {
    for (const name of [
      'ff',
      'ff_scratch_',
      'ff_scratch_0123456789abcdef0',
      'xff_scratch_0123456789abcdef',
    ])
      await sql.query(
        `CREATE SCHEMA "${name}"; CREATE TABLE "${name}".flag_registry (a int); INSERT INTO "${name}".flag_registry VALUES (1)`,
      )
    const before = await schemas()
    const scratch = await scratchOn(database)
    await taken(scratch.store, putFlag(FLAG))
    await scratch.store.load({ flag_registry: [], tenant_override: [], user_override: [] })
    await scratch.close()
    expect(await schemas()).toStrictEqual(before)
    const { rows } = await sql.query('SELECT a FROM ff.flag_registry')
    expect(rows).toStrictEqual([{ a: 1 }])
  })

  test('a failed migration leaves no schema', async () => {
    const broken = [{ version: 1, name: '0001_broken', checksum: 'x', up: 'SELECT 1/0', down: '' }]
    const options = { migrations: broken, versions: VERSIONS, tools: TOOLS }
    await expect(openScratchSchema(database, options)).rejects.toThrow()
    expect(await schemas()).toStrictEqual([])
  })

  test('a URL opens the same database as a configuration', async () => {
    const url = getUrl(version, database.database)
    const scratch = await scratchOn({ config: { connectionString: url }, name: 'by url' })
    expect(await schemas()).toHaveLength(1)
    await scratch.close()
  })
})
