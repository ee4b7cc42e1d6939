import { randomUUID } from 'node:crypto'
import type pg from 'pg'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { hashSha256 } from '../../../src/adapters/store-files/seal-audit.ts'
import { type AuditChainHead, appendToChain, EMPTY_HEAD } from '../../../src/core/audit/record.ts'
import type { PhaseRecord } from '../../../src/core/cutover/record.ts'
import { decodeRow } from '../../../src/core/rows/decode-row.ts'
import type { AnyRow, TableName } from '../../../src/core/rows/rows.ts'
import type { WriteRequest } from '../../../src/core/rows/write-request.ts'
import type {
  CopiedChange,
  CutoverDatabase,
  NamedResult,
  RegisteredInstance,
  SideContent,
  WriteName,
} from '../../../src/ports/cutover.ts'
import type { WriteResult } from '../../../src/ports/store.ts'
import { buildRecord, openSide, readWhole } from '../../support/cutover-database.ts'
import { connect, migratedDatabase, SUPPORTED, type TestDatabase } from '../../support/database.ts'
import { FULL } from '../../support/scale.ts'
import {
  failure,
  flagText,
  LATER,
  NOW,
  overrideText,
  putFlag,
  putTenant,
  putUser,
  remove,
  toNode,
} from '../store-contract/requests.ts'

const VALUES = [
  ['boolean', 'true'],
  ['boolean', 'false'],
  ['number', '1'],
  ['number', '-1.5'],
  ['number', '0.30000000000000004'],
  ['number', '9007199254740991'],
  ['number', '0.000001'],
  ['string', '""'],
  ['string', '"1.0"'],
  ['string', JSON.stringify('\\ \t \n \u2028 " é 🙂 \u0001')],
  ['object', '{}'],
  ['object', '{"a":[1,null,{"b":[]}],"é":"\\\\N"}'],
] as const

const LIMITS = { boundMs: 2_000, leaseMs: 5_000 }
const FACTS = { host: 'here', pid: 7, code: '1.0', schema_head: 6, configuration: 'c' }
const name = (op_id: string, request_digest: string | null = null): WriteName => ({
  op_id,
  request_digest,
})

describe.each(SUPPORTED)('the side of PostgreSQL %s', (version) => {
  let database: TestDatabase
  let side: CutoverDatabase
  let sql: pg.Client
  const sides: CutoverDatabase[] = []
  const copies: TestDatabase[] = []
  const open = async (at = database, user?: string): Promise<CutoverDatabase> => {
    const opened = await openSide(at, user)
    sides.push(opened)
    return opened
  }
  const another = async (): Promise<TestDatabase> => {
    const made = await migratedDatabase(version)
    copies.push(made)
    return made
  }
  beforeEach(async () => {
    database = await migratedDatabase(version)
    side = await open()
    sql = await connect(version, database.database)
    await sql.query('SET search_path = ff')
  })
  afterEach(async () => {
    await Promise.all(sides.splice(0).map((one) => one.end()))
    await sql.end()
    await Promise.all([database, ...copies.splice(0)].map((one) => one.drop()))
  })

  /** Publishes a record of the phase that names this database. */
  const begin = async (
    phase: PhaseRecord['phase'],
    { at = side, epoch = 2 }: { at?: CutoverDatabase; epoch?: number } = {},
  ): Promise<PhaseRecord> => {
    const { identity } = await at.look(0)
    const record = buildRecord({ epoch, phase, database: identity })
    expect(await at.writeRecord(record, epoch - 1)).toBe(true)
    return record
  }
  const write = async (
    request: WriteRequest,
    named: WriteName,
    at = side,
  ): Promise<NamedResult<WriteResult>> => (await at.share(LIMITS)).write(request, named)
  const instance = (
    change: Partial<RegisteredInstance> = {},
  ): Omit<RegisteredInstance, 'place'> => ({
    id: 'i1',
    counter: 1,
    epoch: 2,
    facts: FACTS,
    ...change,
  })

  test('a renewal registers and reads record and publication; a late one changes nothing', async () => {
    const first = await side.renew(instance())
    expect(first).toMatchObject({ record: null, publication: null })
    expect(first.identity).toMatch(/^\d+\/\d+\/ff\/[0-9a-f]+$/)
    expect(first.server).toMatch(/^\d+\/\d{16}\/[0-9A-F]{8}$/)
    const record = await begin('db_authoritative')
    const publication = { epoch: 2, server: first.server, seq: 6, counters: { i1: 1 } }
    expect(await side.publish(publication)).toBe(true)
    expect(await side.renew(instance({ counter: 3, epoch: 4 }))).toStrictEqual({
      ...first,
      record,
      publication,
    })
    await side.renew(instance({ counter: 2, epoch: 3 }))
    const look = await side.look(0)
    expect(look.instances).toStrictEqual([
      { id: 'i1', place: 'database', counter: 3, epoch: 4, facts: FACTS },
    ])
    await side.forget('i1')
    expect((await side.look(0)).instances).toStrictEqual([])
  })

  test('a look is the head, the hash at a record, the clock and the slots', async () => {
    const { rows } = await sql.query<{ seq: string; hash: string }>(
      'SELECT seq, hash FROM audit ORDER BY seq',
    )
    expect(rows.length).toBeGreaterThan(3)
    const look = await side.look(3)
    expect(look.head).toStrictEqual(await side.head())
    expect([look.head.seq, look.hash]).toStrictEqual([rows.length, rows[2]?.hash])
    expect(Math.abs(look.now - Date.now())).toBeLessThan(5_000)
    expect(look.slotsFree).toBe(true)
    await sql.query(
      "UPDATE ship_slots SET owner = 'x', lease_until = now() + interval '1 min', send_ms = 1 WHERE slot = 3",
    )
    expect((await side.look(99)).slotsFree).toBe(false)
    expect((await side.look(99)).hash).toBeNull()
    expect([await side.hashAt(0), await side.hashAt(1), await side.hashAt(99)]).toStrictEqual([
      '0'.repeat(64),
      rows[0]?.hash,
      null,
    ])
  })

  test('a record is replaced over the epoch that was seen, and over none above it', async () => {
    const { identity } = await side.look(0)
    const record = buildRecord({ epoch: 5, phase: 'dual_write', database: identity })
    expect(await side.writeRecord(record, 0)).toBe(true)
    const drill = { ...record, epoch: 7, drillEndsAt: 1_900_000_000_123, armed: true }
    expect(await side.writeRecord(drill, 4)).toBe(false)
    expect(await side.writeRecord(drill, 6)).toBe(true)
    expect((await side.look(0)).record).toStrictEqual(drill)
    // Again, as after an answer that was lost.
    expect(await side.writeRecord(drill, 6)).toBe(true)
    expect(await side.writeRecord({ ...drill, armed: !drill.armed }, 6)).toBe(false)
    expect(await side.writeRecord({ ...record, epoch: 6 }, 9)).toBe(false)
    expect(await side.writeRecord({ ...drill, epoch: 9, database: '1/2/ff/x' }, 8)).toBe(false)
    expect((await side.look(0)).record).toStrictEqual(drill)
  })

  test('the step out of the mirror needs a publication under the record and on the server', async () => {
    const record = await begin('db_authoritative')
    const next = { ...record, epoch: 3, phase: 'complete' } as const
    expect(await side.leaveMirror(next, 2)).toBe(false)
    const { server } = await side.look(0)
    expect(await side.publish({ epoch: 2, server: '1/2/3', seq: 1, counters: {} })).toBe(false)
    expect(await side.publish({ epoch: 1, server, seq: 1, counters: {} })).toBe(false)
    expect(await side.publish({ epoch: 2, server, seq: 1, counters: {} })).toBe(true)
    expect(await side.leaveMirror(next, 1)).toBe(false)
    expect(await side.leaveMirror(next, 2)).toBe(true)
    expect((await side.look(0)).record?.phase).toBe('complete')
  })

  test('a database that was left stays closed, and takes nothing', async () => {
    const record = await begin('db_authoritative')
    const { identity } = await side.look(0)
    expect(await side.close(`${identity}2`)).toBe(false)
    expect((await side.look(0)).record).toStrictEqual(record)
    expect(await side.close(identity)).toBe(true)
    expect(await side.close(identity)).toBe(true)
    expect((await side.look(0)).record).toStrictEqual({ ...record, closed: true })
    expect(await side.writeRecord({ ...record, epoch: 9 }, 8)).toBe(false)
    expect(await side.writeRecord(record, 1)).toBe(false)
    expect(await failure(side.share(LIMITS))).toBe('database_left')
    const { server, head } = await side.look(0)
    expect(await side.publish({ epoch: 2, server, seq: 1, counters: {} })).toBe(false)
    expect(await side.append(head, [], 2)).toBe(false)
  })

  test('a named write is made once, and gives its first result again', async () => {
    await begin('db_authoritative')
    const first = await write(putFlag('ff.a'), name('op1', 'd1'))
    expect(first).toMatchObject({ digest: 'd1', result: { ok: true, row: { revision: 1 } } })
    await write(putFlag('ff.a', { description: '"newer"' }), name('op2'))
    const { head } = await side.look(0)
    expect(await write(putFlag('ff.a'), name('op1', 'other'))).toStrictEqual(first)
    expect(await side.head()).toStrictEqual(head)
    const { rows } = await sql.query('SELECT phase FROM audit ORDER BY seq DESC LIMIT 1')
    expect(rows).toStrictEqual([{ phase: 'db_authoritative' }])
  })

  test('twenty writes of one name at once are one change', async () => {
    await begin('db_authoritative')
    const before = await side.head()
    const results = await Promise.all(
      Array.from({ length: 20 }, () => write(putFlag('ff.a'), name('op1', 'd1'))),
    )
    expect(new Set(results.map((one) => JSON.stringify(one))).size).toBe(1)
    expect((await side.head()).seq).toBe(before.seq + 1)
  })

  test('refusals, announcements and turns that write nothing free the lock', async () => {
    await begin('db_authoritative')
    const { seq } = await side.head()
    const request = putFlag('ff.a')
    await (await side.share(LIMITS)).refuse({ request, code: 'scope_missing' })
    const { actor, request_id, occurred_at } = request
    const caller = { actor, auth_mode: 'verified', request_id, occurred_at } as const
    await (await side.share(LIMITS)).announce({ kind: 'jwks', target: 'jwks', ...caller })
    await (await side.share(LIMITS)).free()
    await write(putTenant('A1', 'ff.none', overrideText('true')), name('op1'))
    expect((await side.head()).seq).toBe(seq + 2)
    const session = await side.openSwitch(1_000)
    await session.lockExclusive()
    await session.close()
  })

  test('changes of one side are appended to the other as they are, and both are equal then', async () => {
    const other = await open(await another())
    await side.fill(await other.content())
    await begin('dual_write')
    await begin('db_authoritative', { at: other })
    const start = await other.head()
    expect(await side.head()).toStrictEqual(start)
    await write(
      putFlag('ff.a', { value_type: '"number"', default_value: '1.5', safe_value: '0' }),
      name('op1', 'd1'),
      other,
    )
    await write(putTenant('A1', 'ff.a', overrideText('0.30000000000000004')), name('op2'), other)
    await (await other.share(LIMITS)).refuse({ request: putFlag('ff.b'), code: 'scope_missing' })
    const changes = await other.changes(start, 100)
    expect(changes.map(({ rows, name: named }) => [rows.length, named?.op_id])).toStrictEqual([
      [1, 'op1'],
      [1, 'op2'],
      [0, undefined],
    ])
    const end = await other.head()
    expect(await side.append(end, changes, 2)).toBe(false)
    expect(await side.append(start, changes, 1)).toBe(false)
    expect(await side.append(start, changes, 3)).toBe(false)
    expect(await failure(side.append(start, changes.map(alterSecond), 2))).toBe('chains_forked')
    expect(await side.head()).toStrictEqual(start)
    expect(await side.append(start, changes, 2)).toBe(true)
    expect(await side.append(start, changes, 2)).toBe(false)
    expect(await side.head()).toStrictEqual(end)
    expect(await side.changes(start, 100)).toStrictEqual(changes)
    expect(await readWhole(await side.content())).toStrictEqual(
      await readWhole(await other.content()),
    )
    expect(await write(putFlag('ff.a'), name('op1', 'x'))).toMatchObject({ digest: 'd1' })
    expect(await failure(side.changes({ seq: 2, hash: 'f'.repeat(64) }, 1))).toBe('chains_forked')
    expect(await side.changes(end, 5)).toStrictEqual([])
  })

  test('values of each type, tombstones and ids are the same on the other side', async () => {
    const other = await open(await another())
    await side.fill(await other.content())
    const start = await other.head()
    await begin('dual_write')
    await begin('complete', { at: other })
    const put = async (request: WriteRequest): Promise<void> => {
      const { result } = await write(request, name(`op${(await other.head()).seq}`), other)
      expect(result.ok ? [] : [result.problems, request.body]).toStrictEqual([])
    }
    expect(VALUES.length).toBeGreaterThan(10)
    for (const [at, [type, value]] of VALUES.entries())
      await put(
        putFlag(`ff.v${at}`, { value_type: `"${type}"`, default_value: value, safe_value: value }),
      )
    await put(putFlag('ff.secret', { sensitive: 'true', description: '"\\\\ \\t é 🙂 \\u0001"' }))
    await put(putTenant('!~"\\', 'ff.secret', overrideText('true', { note: '"tab\\t"' })))
    await put(putUser('u@1', 'ff.v0', overrideText('true', { expires_at: `"${LATER}"` })))
    await put(remove('user_override', { scope_id: 'u@1', flag_key: 'ff.v0' }))
    const changes = await other.changes(start, 1_000)
    expect(changes.length).toBe(VALUES.length + 4)
    // In pieces, as they are read within a bound.
    let head = start
    for (const change of changes) {
      expect(await side.append(head, [change], 2)).toBe(true)
      head = change.record
    }
    const whole = await readWhole(await other.content())
    expect(whole.rows.length).toBe(VALUES.length + 3)
    expect(await readWhole(await side.content())).toStrictEqual(whole)
    const third = await open(await another())
    await third.fill(await side.content())
    expect(await readWhole(await third.content())).toStrictEqual(whole)
    expect(await third.changes(start, 1_000)).toStrictEqual(changes)
  })

  test('changes come in pieces, one at least', async () => {
    await begin('complete')
    const start = await side.head()
    const large = JSON.stringify({ text: 'x'.repeat(60_000) })
    const members = { value_type: '"object"', default_value: large, safe_value: '{}' }
    for (let at = 0; at < 40; at += 1) await write(putFlag(`ff.x${at}`, members), name(`op${at}`))
    expect((await side.changes(start, 3)).map(({ record }) => record.seq - start.seq)).toEqual([
      1, 2, 3,
    ])
    const all = await side.changes(start, 1_000)
    expect(all.length).toBeLessThan(40)
    expect(all.length).toBeGreaterThan(10)
  })

  test('a change is mirrored once its number is published, and gone where another stands there', async () => {
    await begin('db_authoritative')
    await write(putFlag('ff.a'), name('op1'))
    const { head, server } = await side.look(0)
    expect(await side.isMirrored(head)).toBe('waiting')
    await side.publish({ epoch: 2, server, seq: head.seq - 1, counters: {} })
    expect(await side.isMirrored(head)).toBe('waiting')
    await side.publish({ epoch: 2, server, seq: head.seq, counters: {} })
    expect(await side.isMirrored(head)).toBe('mirrored')
    const lost: AuditChainHead = { ...head, hash: 'f'.repeat(64) }
    expect(await side.isMirrored(lost)).toBe('gone')
    expect(await side.isMirrored({ ...head, seq: head.seq + 1 })).toBe('gone')
  })

  test.each(['complete', 'shadow_read'] as const)(
    'a change needs no publication once the record says %s, unless it was left',
    async (phase) => {
      const record = await begin('db_authoritative')
      await write(putFlag('ff.a'), name('op1'))
      const { head, server } = await side.look(0)
      await side.publish({ epoch: record.epoch, server, seq: head.seq - 1, counters: {} })
      expect(await side.isMirrored(head)).toBe('waiting')
      const next = { ...record, phase, epoch: record.epoch + 1 }
      expect(await side.writeRecord(next, record.epoch)).toBe(true)
      expect(await side.isMirrored(head)).toBe('mirrored')
      expect(await side.isMirrored({ ...head, hash: 'f'.repeat(64) })).toBe('gone')
      await side.close((await side.look(0)).identity)
      expect(await side.isMirrored(head)).toBe('waiting')
    },
  )

  test('a switch shuts writes out, decides once with its boundary record, and frees them', async () => {
    const record = await begin('shadow_read')
    const turn = await side.share(LIMITS)
    const session = await side.openSwitch(300)
    expect(await failure(session.lockExclusive())).toBe('lock_timeout')
    await turn.free()
    await session.lockExclusive()
    await session.lockExclusive()
    expect(await failure(side.share({ ...LIMITS, boundMs: 100 }))).toBe('lock_timeout')
    const before = await session.check()
    expect(before).toStrictEqual({ head: await side.head(), slotsFree: true })
    const next = { ...record, epoch: 3, phase: 'db_authoritative' } as const
    expect(await session.decide(next, 1)).toBe(false)
    expect(await session.decide(next, 2)).toBe(true)
    expect(await session.decide(next, 2)).toBe(false)
    await session.free()
    const { rows } = await sql.query(
      'SELECT action, target, phase FROM audit ORDER BY seq DESC LIMIT 1',
    )
    expect(rows).toStrictEqual([
      { action: 'audit.boundary', target: 'cutover/db_authoritative', phase: 'db_authoritative' },
    ])
    expect((await side.head()).seq).toBe(before.head.seq + 1)
    const freed = await side.share(LIMITS)
    expect(freed.epoch).toBe(3)
    await freed.free()
    await session.close()
  })

  test('a turn that is silent for its lease frees the lock, and writes nothing any more', async () => {
    await begin('db_authoritative')
    const head = await side.head()
    const turn = await side.share({ boundMs: 1_000, leaseMs: 100 })
    const session = await side.openSwitch(2_000)
    await session.lockExclusive()
    await session.close()
    const late = turn.write(putFlag('ff.a'), name('op1'))
    expect(await failure(late)).toBe('backing_unavailable')
    expect(await side.head()).toStrictEqual(head)
  })

  test('a switch that is silent for its bound frees the lock, and decides nothing any more', async () => {
    const record = await begin('shadow_read')
    const session = await side.openSwitch(150)
    await session.lockExclusive()
    const turn = await side.share(LIMITS)
    await turn.free()
    const next = { ...record, epoch: 3, phase: 'db_authoritative' } as const
    expect(await failure(session.decide(next, 2))).toBe('backing_unavailable')
    expect((await side.look(0)).record).toStrictEqual(record)
    await session.close().catch(() => undefined) // The server has closed it.
  })

  test('renewals go on while every turn waits for a switch', async () => {
    await begin('db_authoritative')
    const session = await side.openSwitch(5_000)
    await session.lockExclusive()
    const waiting = Array.from({ length: 30 }, () => side.share({ ...LIMITS, boundMs: 400 }))
    const codes = Promise.all(waiting.map(failure))
    const look = side.look(0)
    await side.renew(instance())
    expect((await look).record?.epoch).toBe(2)
    expect(new Set(await codes)).toStrictEqual(new Set(['lock_timeout']))
    await session.close()
  })

  test('one process at a time may move the cutover', async () => {
    const other = await open()
    expect([await side.coordinate(), await side.coordinate()]).toStrictEqual([true, true])
    expect(await other.coordinate()).toBe(false)
    await side.end()
    sides.splice(sides.indexOf(side), 1)
    await expect.poll(() => other.coordinate()).toBe(true)
  })

  test('a database with a row, or with records of more than migrations, is not filled', async () => {
    const other = await open(await another())
    await begin('complete', { at: other })
    await write(putFlag('ff.a'), name('op1'), other)
    expect(await failure(other.fill(await side.content()))).toBe('rows_would_be_lost')
    await side.fill(await other.content())
    expect(await side.head()).toStrictEqual(await other.head())
    expect(await failure(side.fill(await other.content()))).toBe('rows_would_be_lost')
  })

  test('what an import brought is replaced, where the content has each of its rows as it is or newer', async () => {
    const other = await open(await another())
    for (const at of [side, other]) {
      await begin('complete', { at })
      for (const key of ['ff.a', 'ff.b']) await write(putFlag(key), name(key), at)
    }
    await write(putFlag('ff.a', { description: '"newer"' }), name('op2'), other)
    // As an import leaves it: rows, and a boundary record that the feed names.
    await sql.query(`ALTER TABLE audit DISABLE TRIGGER audit_rows_stay;
      ALTER TABLE change_log DISABLE TRIGGER change_log_rows_stay;
      UPDATE audit SET action = 'audit.boundary', target = 'import/0f' WHERE action = 'flag.put';
      DELETE FROM change_log;
      ALTER TABLE audit ENABLE TRIGGER audit_rows_stay;
      ALTER TABLE change_log ENABLE TRIGGER change_log_rows_stay`)
    const fill = async (): Promise<void> => side.fill(await other.content())
    await sql.query(`UPDATE flag_registry SET owner = owner || '!' WHERE flag_key = 'ff.b'`)
    expect(await failure(fill())).toBe('rows_would_be_lost')
    await sql.query(`UPDATE flag_registry SET owner = rtrim(owner, '!') WHERE flag_key = 'ff.b'`)
    await fill()
    const [own, given] = [await side.content(), await other.content()]
    expect(await readWhole(own)).toStrictEqual(await readWhole(given))
    const { rows } = await sql.query('SELECT seq::int, kind, prev::int FROM feed')
    expect(rows).toStrictEqual([{ seq: given.head.seq, kind: 'global', prev: 0 }])
  })

  test('a content without rows, of another end, or with an altered record is not taken', async () => {
    const before = await side.head()
    const content = buildContent(20)
    const short = { ...content, head: { ...content.head, seq: 21 } }
    expect(await failure(side.fill(short))).toBe('chains_forked')
    const { rows, records } = await readWhole(buildContent(20))
    const altered = { rows: listed(rows), records: listed(records.map(alterSecond)) }
    expect(await failure(side.fill({ head: content.head, ...altered }))).toBe('chains_forked')
    expect(await side.head()).toStrictEqual(before)
    await side.fill({ head: EMPTY_HEAD, rows: listed([]), records: listed([]) })
    expect(await side.head()).toStrictEqual(EMPTY_HEAD)
  })

  test(`${FILLED} rows are filled in one transaction`, async () => {
    const content = buildContent(FILLED)
    await side.fill(content)
    expect(await side.head()).toStrictEqual(content.head)
    const { rows } = await sql.query(
      `SELECT (SELECT count(*) FROM tenant_override)::int AS overrides,
         (SELECT count(*) FROM change_log)::int AS images, (SELECT count(*) FROM feed)::int AS feed`,
    )
    expect(rows).toStrictEqual([{ overrides: FILLED - 1, images: FILLED, feed: 1 }])
    expect((await side.changes({ seq: 0, hash: EMPTY_HEAD.hash }, 2)).length).toBe(2)
  })
})

const FILLED = FULL ? 100_000 : 2_000

/** A flag and overrides of it, each with its record, in batches in which an override may come before its flag. */
function buildContent(count: number): SideContent {
  const flag = decode('flag_registry', JSON.parse(flagText()) as object, { flag_key: 'ff.a' })
  const changes: CopiedChange[] = []
  let head: AuditChainHead = EMPTY_HEAD
  for (let at = 0; at < count; at += 1) {
    const table = at === 0 ? 'flag_registry' : 'tenant_override'
    const row =
      at === 0 ? flag : decode(table, { value: true }, { flag_key: 'ff.a', tenant_id: `T${at}` })
    const record = appendToChain(
      {
        audit_id: randomUUID(),
        occurred_at: NOW,
        actor: 'U-editor',
        auth_mode: 'verified',
        action: at === 0 ? 'flag.put' : 'override.put',
        outcome: 'applied',
        target: at === 0 ? 'flag/ff.a' : `tenant/T${at}/ff.a`,
        before: null,
        after: null,
        request_id: 'r',
        approval_ref: null,
        phase: 'file',
      },
      head,
      hashSha256,
    )
    head = { seq: record.seq, hash: record.hash }
    changes.push({ record, name: name(`op${at}`), rows: [{ table, row }] })
  }
  return {
    head,
    rows: listed(changes.flatMap(({ rows }) => rows).toReversed()),
    records: listed(changes),
  }
}

/** The second change with another actor than its hash was made with. */
const alterSecond = (change: CopiedChange, at: number): CopiedChange =>
  at === 1 ? { ...change, record: { ...change.record, actor: 'U-other' } } : change

async function* listed<T>(all: readonly T[]): AsyncGenerator<readonly T[]> {
  for (let at = 0; at < all.length; at += 1_000)
    yield await Promise.resolve(all.slice(at, at + 1_000))
}

/** A stored row of these members. */
function decode(table: TableName, members: object, key: object): AnyRow {
  const by = table === 'flag_registry' ? {} : { created_by: 'U', updated_by: 'U' }
  const stored = { ...members, ...key, ...by, revision: 1, created_at: NOW, updated_at: NOW }
  const { row } = decodeRow(table, toNode(JSON.stringify(stored)), 'stored')
  if (row === undefined) throw new Error('the row breaks its schema')
  return row
}
