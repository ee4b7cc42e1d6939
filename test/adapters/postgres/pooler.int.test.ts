import { writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  openLive,
  openRows,
  openScratch,
  openServed,
  openShipStore,
  openTrail,
  withMigrations,
  withSink,
} from '../../../src/adapters/stores.ts'
import type { Client } from '../../../src/adapters/postgres/client.ts'
import { connect as connectTo } from '../../../src/adapters/postgres/connect.ts'
import { claimSession } from '../../../src/adapters/postgres/session-claim.ts'
import type { TargetSpec } from '../../../src/core/parity/target.ts'
import {
  loadPersistence,
  type DdlContract,
} from '../../../src/features/migrate/load-persistence.ts'
import { connect, migratedDatabase, type TestDatabase } from '../../support/database.ts'
import { type Pooler, startPooler } from '../../support/pgbouncer.ts'
import { ROOT } from '../../support/run-ff.ts'
import { TOOLS } from '../store-contract/opened-store.ts'
import { failure, putFlag, taken } from '../store-contract/requests.ts'

/** One server process for all clients, so that whatever a client leaves behind meets the next one. */
const ONE = { default_pool_size: '1', auth_type: 'trust' }

let folder = ''
let database: TestDatabase
let inputs: DdlContract
const poolers: Pooler[] = []
const targets: Record<string, TargetSpec> = {}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ff-pooler-'))
  inputs = await loadPersistence(ROOT)
  database = await migratedDatabase('18')
  const admin = await connect('18', database.database)
  await admin.query('CREATE ROLE pooled_service LOGIN IN ROLE ff_app')
  await admin.end()
  const users = join(folder, 'users')
  writeFileSync(users, '"postgres" ""\n"pooled_service" ""\n')
  const ignored = 'options,statement_timeout,lock_timeout,idle_in_transaction_session_timeout'
  const settings = {
    strict: {},
    ignoring: { ignore_startup_parameters: ignored },
  }
  for (const [name, more] of Object.entries(settings)) {
    const pooler = await startPooler('18', { ...ONE, auth_file: users, ...more })
    poolers.push(pooler)
    for (const user of ['postgres', 'pooled_service'])
      targets[`${name} ${user}`] = {
        kind: 'postgres',
        url: `postgres://${user}@127.0.0.1:${pooler.port}/${database.database}`,
        name: 'pooled',
      }
  }
})
afterAll(async () => {
  await Promise.all(poolers.map((one) => one.stop()))
  await database.drop()
  const admin = await connect('18')
  await admin.query('DROP ROLE pooled_service')
  await admin.end()
  await rm(folder, { recursive: true })
})

/** What another client of the pool meets in the session that this program has used. */
async function seenByAnother(name: string): Promise<unknown> {
  const { url } = targets[name] as Extract<TargetSpec, { kind: 'postgres' }>
  const { default: pg } = await import('pg')
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    const { rows } = await client.query<object>(
      `SELECT current_setting('transaction_read_only') AS read_only, current_setting('row_security') AS security,
         current_setting('search_path') AS path, current_setting('statement_timeout') AS timeout,
         (SELECT count(*) FROM pg_prepared_statements)::int AS prepared,
         (SELECT count(*) FROM pg_listening_channels())::int AS listening,
         (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid())::int AS locks,
         (SELECT count(*) FROM pg_class WHERE relpersistence = 't')::int AS temporary`,
    )
    return rows[0]
  } finally {
    await client.end()
  }
}
const UNTOUCHED = {
  read_only: 'off',
  security: 'on',
  path: '"$user", public',
  timeout: '0',
  prepared: 0,
  listening: 0,
  locks: 0,
  temporary: 0,
}

describe.each(['strict', 'ignoring'])(
  'P1, P5 behind a transaction pooler that is %s of startup parameters',
  (name) => {
    const at = (user: string): TargetSpec => targets[`${name} ${user}`] as TargetSpec

    test('the service reads and writes, in many requests at once', async () => {
      const { versions, migrations } = inputs
      const service = await openServed(at('pooled_service'), {
        versions,
        migrations,
        tools: TOOLS,
        environment: 'prod',
      })
      const { store } = service
      const keys = Array.from({ length: 20 }, (_, index) => `ff.${name}.f${index}`)
      await Promise.all(keys.map((key) => taken(store, putFlag(key))))
      const read = await Promise.all(
        [...keys, ...keys].map((flag_key) =>
          store.read({ flag_key, tenant_id: 'A1', user_id: null }),
        ),
      )
      expect(read.map(({ flag }) => flag?.row?.flag_key)).toEqual([...keys, ...keys])
      const bulk = await store.readMany({ flag_keys: keys, tenant_id: null, user_id: null })
      expect(bulk).toHaveLength(keys.length)
      expect((await store.page({ after: null, limit: 500 })).length).toBeGreaterThanOrEqual(20)
      expect((await store.auditHead()).seq).toBeGreaterThanOrEqual(20)
      await service.close()
      expect(await seenByAnother(`${name} pooled_service`)).toEqual(UNTOUCHED)
    })

    test('a shipper claims, reads, marks and gives back', async () => {
      const needs = { ...inputs, environment: 'prod', lease_ms: 60_000, send_ms: 1_000 }
      const store = await openShipStore(at('postgres'), needs)
      const claim = await store.claim()
      if (claim === null) throw new Error('no record is pending')
      const [record] = await store.read(claim, 1)
      const seq = record?.seq ?? 0
      const mark = { kind: 'delivered', seq, partition: 0, offset: 0 } as const
      expect(await store.mark(claim, [mark], 't')).toBe(true)
      expect((await store.read(claim, 1))[0]?.seq).not.toBe(seq)
      await store.release(claim)
      await store.close()
      expect(await seenByAnother(`${name} postgres`)).toEqual(UNTOUCHED)
    })

    test('what only reads works', async () => {
      const target = at('postgres')
      const needs = { ...inputs, locked: false }
      const { applied, found } = await withMigrations(target, needs, async (session) => ({
        applied: await session.applied(),
        found: (await session.catalogue()).found,
      }))
      expect([applied.length, found.size > 50]).toEqual([inputs.migrations.length, true])
      const rows = await openRows(target, inputs)
      let bytes = 0
      for await (const batch of rows.lines()) bytes += batch.bytes.length
      expect([bytes > 0, rows.faults()]).toEqual([true, []])
      await rows.close()
      const live = await openLive(target, { ...inputs, copied: null })
      expect((await live.state()).flag_registry.length).toBeGreaterThan(0)
      await live.close()
      const trail = await openTrail(target, inputs)
      const records = await trail.read(0, async ({ records: all }) => {
        let count = 0
        for await (const record of all) count += record === null ? 0 : 1
        return count
      })
      expect(records).toBeGreaterThan(0)
      await trail.close()
      expect(await seenByAnother(`${name} postgres`)).toEqual(UNTOUCHED)
    })

    test.each([
      [
        'migrate up',
        () => withMigrations(at('postgres'), { ...inputs, locked: true }, () => Promise.resolve()),
      ],
      ['import', () => withSink(at('postgres'), inputs, () => Promise.resolve())],
      ['a scratch schema', () => openScratch(at('postgres'), inputs)],
    ])('%s needs a session and says so', async (_what, work) => {
      await expect(work()).rejects.toMatchObject({
        code: 'pooler_unsupported',
        exitName: 'usage',
        message: expect.stringContaining(
          name === 'strict' ? 'startup parameter' : 'session',
        ) as string,
      })
      expect(await failure(work())).toBe('pooler_unsupported')
      expect(await seenByAnother(`${name} postgres`)).toEqual(UNTOUCHED)
    })
  },
)

test('P1 two poolers in transaction mode: each client keeps its process, and that is no proof', async () => {
  const [first, second] = ['strict postgres', 'ignoring postgres'].map((name) => {
    const { url } = targets[name] as Extract<TargetSpec, { kind: 'postgres' }>
    return () => connectTo({ config: { connectionString: url }, name })
  })
  const client = await (first as () => Promise<Client>)()
  expect(await claimSession(client, second as () => Promise<Client>)).toBe(
    'no notification reaches it while idle',
  )
  expect(client.pooler).not.toBeNull()
  await client.end()
  expect(await seenByAnother('strict postgres')).toEqual(UNTOUCHED)
})

describe('one pooler, a database in session mode and one in transaction mode', () => {
  let kept: TestDatabase
  let pooler: Pooler
  const others: { stop(): Promise<void> }[] = []
  const at = (one: TestDatabase): TargetSpec => ({
    kind: 'postgres',
    url: `postgres://postgres@127.0.0.1:${pooler.port}/${one.database}`,
    name: 'pooled',
  })
  /** Asks again and again in a connection of its own. */
  async function keepAsking({ database: name }: TestDatabase): Promise<void> {
    const { default: pg } = await import('pg')
    const client = new pg.Client({
      connectionString: `postgres://postgres@127.0.0.1:${pooler.port}/${name}`,
    })
    await client.connect()
    let asking = true
    const loop = (async () => {
      while (asking) await client.query('SELECT pg_backend_pid()')
    })()
    const stop = async (): Promise<void> => {
      asking = false
      await loop
      await client.end()
    }
    others.push({ stop })
  }
  beforeAll(async () => {
    kept = await migratedDatabase('18')
    // A pooler whose owner switched off that sessions are cleared for the next client.
    pooler = await startPooler(
      '18',
      { default_pool_size: '20', server_reset_query: '', ignore_startup_parameters: 'options' },
      { [kept.database]: 'session', [database.database]: 'transaction' },
    )
    await Promise.all([kept, database].map(keepAsking))
  })
  afterAll(async () => {
    await Promise.all(others.map((one) => one.stop()))
    await pooler.stop()
    await kept.drop()
  })

  test('P1 in session mode what needs a session works, and leaves nothing to the next client', async () => {
    targets['kept postgres'] = at(kept)
    const locked = { ...inputs, locked: true }
    const applied = await withMigrations(at(kept), locked, (session) => session.applied())
    expect(applied).toHaveLength(inputs.migrations.length)
    expect(await withSink(at(kept), inputs, () => Promise.resolve('merged'))).toBe('merged')
    const scratch = await openScratch(at(kept), inputs)
    await scratch.close()
    // Each server connection of the pool is one of these clients' now.
    const clients = Array.from({ length: 15 }, () => seenByAnother('kept postgres'))
    for (const seen of await Promise.all(clients)) expect(seen).toEqual(UNTOUCHED)
  })

  test('P1 in transaction mode it does not, and no listener stays', async () => {
    expect(await failure(withSink(at(database), inputs, () => Promise.resolve()))).toBe(
      'pooler_unsupported',
    )
    targets['handed postgres'] = at(database)
    const clients = Array.from({ length: 15 }, () => seenByAnother('handed postgres'))
    for (const seen of await Promise.all(clients)) expect(seen).toEqual(UNTOUCHED)
  })
})
