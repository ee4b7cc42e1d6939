import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { PhaseRecord } from '../../../src/core/cutover/record.ts'
import type { CutoverDatabase } from '../../../src/ports/cutover.ts'
import { buildRecord, openSide } from '../../support/cutover-database.ts'
import { connect, migratedDatabase, SUPPORTED, type TestDatabase } from '../../support/database.ts'
import { failure, putFlag } from '../store-contract/requests.ts'

const LIMITS = { boundMs: 2_000, leaseMs: 5_000 }
const USER = 'cutover_app'

describe.each(SUPPORTED)('the role of the service on PostgreSQL %s', (version) => {
  let database: TestDatabase
  let owner: CutoverDatabase
  let service: CutoverDatabase
  let sql: pg.Client
  let record: PhaseRecord
  beforeAll(async () => {
    database = await migratedDatabase(version)
    const admin = await connect(version, database.database)
    await admin.query(`DO $$ BEGIN CREATE ROLE ${USER} LOGIN IN ROLE ff_app;
      EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$`)
    await admin.end()
    owner = await openSide(database)
    service = await openSide(database, USER)
    sql = await connect(version, database.database, USER)
    await sql.query('SET search_path = ff')
    const { identity } = await owner.look(0)
    record = buildRecord({ epoch: 2, phase: 'db_authoritative', database: identity })
    await owner.writeRecord(record, 1)
  })
  afterAll(async () => {
    await Promise.all([owner.end(), service.end(), sql.end()])
    await database.drop()
  })

  test('it registers, reads, writes, publishes, and brings the copies of the record together', async () => {
    const facts = { host: 'h', pid: 1, code: 'c', schema_head: 6, configuration: 'x' }
    const { server } = await service.renew({ id: 'i', counter: 1, epoch: 2, facts })
    await service.forget('i')
    const turn = await service.share(LIMITS)
    await turn.write(putFlag('ff.a'), { op_id: 'op1', request_digest: null })
    const { head } = await service.look(0)
    expect(await service.publish({ epoch: 2, server, seq: head.seq, counters: {} })).toBe(true)
    expect(await service.isMirrored(head)).toBe('mirrored')
    record = { ...record, epoch: 3 }
    expect(await service.writeRecord(record, 2)).toBe(true)
  })

  test.each([
    ['lowers the epoch', 'UPDATE phase SET epoch = 1', 'FFC01'],
    ['changes the phase of an epoch', "UPDATE phase SET phase = 'complete'", 'FFC01'],
    ['makes a scratch copy of it', 'UPDATE phase SET epoch = 9, scratch = true', 'FFC01'],
    ['deletes the record', 'DELETE FROM phase', '42501'],
    ['empties its table', 'TRUNCATE phase', '42501'],
    ['adds a second record', 'INSERT INTO phase SELECT * FROM phase', '23505'],
    ['claims a shipping slot', "UPDATE ship_slots SET owner = 'me'", '42501'],
    ['changes the name of a write', "UPDATE change_log SET op_id = 'x'", '42501'],
    ['deletes the publication', 'DELETE FROM cutover_mirror', '42501'],
  ])('it never %s', async (_what, text, code) => {
    await expect(sql.query(text)).rejects.toMatchObject({ code })
    expect((await owner.look(0)).record).toStrictEqual(record)
  })

  test('nor does the owner lower or delete the record', async () => {
    const admin = await connect(version, database.database)
    for (const text of [
      'UPDATE ff.phase SET epoch = 1',
      'DELETE FROM ff.phase',
      'TRUNCATE ff.phase',
    ])
      await expect(admin.query(text)).rejects.toMatchObject({ code: 'FFC01' })
    await admin.end()
  })

  test('it cannot fill a database, whose migration records leave the chain', async () => {
    const empty = await migratedDatabase(version)
    const side = await openSide(empty, USER)
    expect(await failure(side.fill(await owner.content()))).toBe('rights_missing')
    const admin = await openSide(empty)
    await admin.fill(await owner.content())
    expect(await side.head()).toStrictEqual(await owner.head())
    await Promise.all([side.end(), admin.end()])
    await empty.drop()
  })

  test('it closes a record, and opens none again', async () => {
    expect(await service.close((await service.look(0)).identity)).toBe(true)
    await expect(sql.query('UPDATE phase SET epoch = 9, closed = false')).rejects.toMatchObject({
      code: 'FFC01',
    })
  })
})
