import type pg from 'pg'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openServed, withMigrations, withSink } from '../../../src/adapters/stores.ts'
import type { PhaseRecord } from '../../../src/core/cutover/record.ts'
import type { TargetSpec } from '../../../src/core/parity/target.ts'
import { loadPersistence } from '../../../src/features/migrate/load-persistence.ts'
import type { CutoverDatabase } from '../../../src/ports/cutover.ts'
import { buildRecord, openSide } from '../../support/cutover-database.ts'
import { connect, migratedDatabase, SUPPORTED, type TestDatabase } from '../../support/database.ts'
import { ROOT } from '../../support/run-ff.ts'
import { TOOLS } from '../store-contract/opened-store.ts'
import { failure, putFlag, taken } from '../store-contract/requests.ts'

describe.each(SUPPORTED)('other programs beside a cutover on PostgreSQL %s', (version) => {
  let database: TestDatabase
  let side: CutoverDatabase
  let sql: pg.Client
  beforeEach(async () => {
    database = await migratedDatabase(version)
    side = await openSide(database)
    sql = await connect(version, database.database)
    await sql.query(`DO $$ BEGIN CREATE ROLE cutover_app LOGIN IN ROLE ff_app;
      EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$`)
  })
  afterEach(async () => {
    await side.end()
    await sql.end()
    await database.drop()
  })
  const target = (user = 'postgres'): TargetSpec => ({
    kind: 'postgres',
    url: database.url.replace('postgres@', `${user}@`),
    name: database.name,
  })
  const serve = async (writesAlone: boolean) =>
    openServed(target('cutover_app'), {
      ...(await loadPersistence(ROOT)),
      tools: TOOLS,
      environment: 'prod',
      writesAlone,
    })
  const publish = async (phase: PhaseRecord['phase'], epoch = 2): Promise<PhaseRecord> => {
    const { identity } = await side.look(0)
    const record = buildRecord({ epoch, phase, database: identity })
    expect(await side.writeRecord(record, epoch - 1)).toBe(true)
    return record
  }
  const importRows = async (): Promise<void> =>
    withSink(target(), await loadPersistence(ROOT), (sink) =>
      sink.record({ target: 'import/x', after: null, request_id: 'r' }),
    )

  test.each(['file', 'dual_write', 'shadow_read', 'db_authoritative'] as const)(
    'in %s a service of the database alone and an import write nothing',
    async (phase) => {
      const before = await serve(true)
      await taken(before.store, putFlag('ff.a'))
      await publish(phase)
      const head = await side.head()
      expect(await failure(before.store.write(putFlag('ff.b')))).toBe('phase_refused')
      const request = putFlag('ff.b')
      const refused = before.store.refuse({ request, code: 'scope_missing' })
      expect(await failure(refused)).toBe('phase_refused')
      expect(await failure(before.store.requireWritable())).toBe('phase_refused')
      const query = { flag_key: 'ff.a', tenant_id: null, user_id: null }
      expect((await before.store.read(query)).flag?.row?.flag_key).toBe('ff.a')
      expect(await failure(serve(true))).toBe('phase_refused')
      await (await serve(false)).close()
      expect(await failure(importRows())).toBe('phase_refused')
      expect(await side.head()).toStrictEqual(head)
      await before.close()
    },
  )

  test('in complete both write, and not into a database that was left', async () => {
    await publish('complete')
    const service = await serve(true)
    await taken(service.store, putFlag('ff.a'))
    await importRows()
    await side.close((await side.look(0)).identity)
    expect(await failure(service.store.write(putFlag('ff.b')))).toBe('phase_refused')
    expect(await failure(serve(true))).toBe('phase_refused')
    await service.close()
  })

  /** One more migration, up. */
  const migrate = async (): Promise<void> => {
    const inputs = await loadPersistence(ROOT)
    const migration = {
      version: 7,
      name: '0007_more',
      checksum: 'c'.repeat(64),
      up: 'CREATE TABLE more (id integer)',
      down: '',
    }
    const waits = { migrationMs: 1_000, tableMs: 100, attempts: 1, retryAfterMs: 1 }
    await withMigrations(target(), { ...inputs, waits, locked: true }, (session) =>
      session.apply(migration, 'up'),
    )
  }
  const records = async (): Promise<unknown> =>
    (await sql.query(`SELECT phase FROM ff.audit WHERE target = 'migration/0007_more'`)).rows

  test('while the file is the authority a migration leaves the chain as it is', async () => {
    await publish('dual_write')
    const head = await side.head()
    await migrate()
    expect([await side.head(), await records()]).toStrictEqual([head, []])
    const { rowCount } = await sql.query('SELECT FROM ff.migration_ledger WHERE version = 7')
    expect(rowCount).toBe(1)
  })

  test('where the database is the authority a migration is a write under the switch lock', async () => {
    await publish('db_authoritative')
    const session = await side.openSwitch(5_000)
    await session.lockExclusive()
    expect(await failure(migrate())).toBe('lock_timeout')
    await session.close()
    await migrate()
    expect(await records()).toStrictEqual([{ phase: 'db_authoritative' }])
  })
})
