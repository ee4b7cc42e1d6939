import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { RowOrBroken } from '../../../src/core/rows/rows.ts'
import { SUPPORTED } from '../../support/database.ts'
import { expectChain } from './audit-chain.ts'
import { type OpenedSchema, postgresBacking } from './opened-store.ts'
import { attempt, overrideText, put, putFlag, putTenant, refused, taken } from './requests.ts'

describe.each(SUPPORTED)('rows that are changed by SQL on PostgreSQL %s', (version) => {
  const backing = postgresBacking(version)
  const FLAG = 'ff.checkout'
  let at: OpenedSchema
  beforeEach(async () => {
    at = await backing.open()
    await taken(at.store, putFlag(FLAG))
    await taken(
      at.store,
      putFlag('ff.number', { value_type: '"number"', default_value: '1', safe_value: '1' }),
    )
    await taken(
      at.store,
      putFlag('ff.object', { value_type: '"object"', default_value: '{"a":1}', safe_value: '{}' }),
    )
  })
  afterEach(() => at.close())
  afterAll(() => backing.stop())
  const run = (text: string): Promise<unknown> =>
    at.sql.query(`SET search_path = "${at.schema}"; ${text}`)
  const toFlag = async (flag_key: string): Promise<RowOrBroken<object> | null> =>
    (await at.store.read({ flag_key, tenant_id: null, user_id: null })).flag

  test('the change shows in the next read of a store that is open', async () => {
    expect((await toFlag(FLAG))?.row).toMatchObject({ state: 'active', revision: 1 })
    await run(`UPDATE flag_registry SET state = 'killed', revision = 5 WHERE flag_key = '${FLAG}'`)
    expect((await toFlag(FLAG))?.row).toMatchObject({ state: 'killed', revision: 5 })
    await run(`DELETE FROM flag_registry WHERE flag_key = '${FLAG}'`)
    expect(await toFlag(FLAG)).toBeNull()
  })

  test('a new override shows in the next read', async () => {
    const query = { flag_key: FLAG, tenant_id: 'A1', user_id: null }
    expect((await at.store.read(query)).tenant).toBeNull()
    await run(
      `INSERT INTO tenant_override (tenant_id, flag_key, value, created_by, updated_by, revision, created_at, updated_at)
       VALUES ('A1', '${FLAG}', 'true', 'dba', 'dba', 3, now(), now())`,
    )
    expect((await at.store.read(query)).tenant?.row).toMatchObject({ value: 'true', revision: 3 })
    const write = putTenant('A1', FLAG, overrideText('false'), { expected: 3 })
    expect(await taken(at.store, write)).toMatchObject({ revision: 4, created_by: 'dba' })
  })

  test.each([
    ['1.0 for 1', 'ff.number', '1.0', 'default_value'],
    ['1.10 for 1.1', 'ff.number', '1.10', 'safe_value'],
    ['2^53 + 1', 'ff.number', '9007199254740993', 'default_value'],
    ['1e400', 'ff.number', '1e400', 'default_value'],
    ['1e-7', 'ff.number', '1e-7', 'default_value'],
    ['1e21', 'ff.number', '1e21', 'default_value'],
    ['1.0 inside an object', 'ff.object', '{"a":1.0}', 'default_value/a'],
    ['2^53 + 1 inside an object', 'ff.object', '{"a":[9007199254740993]}', 'safe_value/a/0'],
    ['an object over the bound', 'ff.object', `{"a":"${'x'.repeat(65_529)}"}`, 'default_value'],
  ])('%s in a value is a broken row, not a value', async (_situation, flag, json, place) => {
    const column = place.split('/')[0]
    await at.sql.query(
      `UPDATE "${at.schema}".flag_registry SET ${column} = $1::jsonb WHERE flag_key = $2`,
      [json, flag],
    )
    const held = await toFlag(flag)
    expect(held?.row).toBeUndefined()
    expect(held?.broken?.map(({ pointer }) => pointer)).toStrictEqual([`/${place}`])
    const write = put('tenant_override', { scope_id: 'A1', flag_key: flag }, overrideText('1'))
    expect(await attempt(at.store, write)).toStrictEqual(refused('row_broken', ''))
  })

  test('a value deeper than any reader goes is a broken row', async () => {
    const deep = `${'{"a":'.repeat(80)}1${'}'.repeat(80)}`
    await at.sql.query(
      `UPDATE "${at.schema}".flag_registry SET default_value = $1::jsonb WHERE flag_key = 'ff.object'`,
      [deep],
    )
    const held = await toFlag('ff.object')
    expect(held?.row).toBeUndefined()
    expect(held?.broken).not.toHaveLength(0)
  })

  test.each([
    ['microseconds', "'2026-01-15T09:00:00.123456Z'", '2026-01-15T09:00:00.123Z'],
    ['an offset', "'2026-01-15T14:30:00+05:30'", '2026-01-15T09:00:00.000Z'],
  ])('a time with %s is what its column holds', async (_situation, time, held) => {
    await run(`UPDATE flag_registry SET updated_at = ${time} WHERE flag_key = '${FLAG}'`)
    expect((await toFlag(FLAG))?.row).toMatchObject({ updated_at: held })
  })

  test('microseconds in a column that was made wider are a broken row', async () => {
    await run(
      `ALTER TABLE flag_registry ALTER COLUMN updated_at TYPE timestamptz(6);
       UPDATE flag_registry SET updated_at = '2026-01-15T09:00:00.123456Z'`,
    )
    const held = await toFlag(FLAG)
    expect(held?.broken).toStrictEqual([{ code: 'time_not_canonical', pointer: '/updated_at' }])
  })

  test.each([
    ["UPDATE flag_registry SET state = 'paused'", '23514'],
    ["UPDATE flag_registry SET default_value = 'null'", '23514'],
    ['UPDATE flag_registry SET default_value = \'"x"\'', '23514'],
    ["UPDATE flag_registry SET updated_at = 'infinity'", '23514'],
    ["UPDATE flag_registry SET updated_at = '10000-01-01Z'", '23514'],
    ["UPDATE flag_registry SET updated_at = '0044-03-15 BC'", '23514'],
    ['UPDATE flag_registry SET revision = 0', '23514'],
    ["UPDATE flag_registry SET flag_key = E'ff.number\\n'", '23514'],
    ['INSERT INTO flag_registry SELECT * FROM flag_registry', '23505'],
    [
      "INSERT INTO tenant_override (tenant_id, flag_key, value, created_by, updated_by, revision, created_at, updated_at) VALUES ('A1', 'ff.unknown', 'true', 'a', 'a', 1, now(), now())",
      '23503',
    ],
    [
      "INSERT INTO tenant_override (tenant_id, flag_key, created_by, updated_by, revision, created_at, updated_at) VALUES ('A1', 'ff.number', 'a', 'a', 1, now(), now())",
      '23514',
    ],
    [
      "INSERT INTO user_override (user_id, flag_key, note, created_by, updated_by, revision, created_at, updated_at, deleted_at) VALUES ('A1', 'ff.number', '', 'a', 'a', 1, now(), now(), now())",
      '23514',
    ],
  ])('the tables themselves refuse: %.90s', async (text, code) => {
    await expect(run(text)).rejects.toMatchObject({ code })
  })

  test('a flag with an override cannot be deleted, and takes its overrides along when it is renamed', async () => {
    await taken(at.store, putTenant('A1', FLAG, overrideText('true')))
    await expect(run(`DELETE FROM flag_registry WHERE flag_key = '${FLAG}'`)).rejects.toMatchObject(
      {
        // PostgreSQL 18 tells RESTRICT apart (23001) from a missing key.
        code: expect.stringMatching(/^(23001|23503)$/) as unknown,
      },
    )
    await run(`UPDATE flag_registry SET flag_key = 'ff.renamed' WHERE flag_key = '${FLAG}'`)
    const set = await at.store.read({ flag_key: 'ff.renamed', tenant_id: 'A1', user_id: null })
    expect(set.tenant?.row).toMatchObject({ flag_key: 'ff.renamed', value: 'true' })
  })

  test.each([
    ["UPDATE audit SET actor = 'another'", 'FFA01'],
    ['UPDATE audit SET seq = seq + 100', 'FFA01'],
    ["UPDATE audit SET hash = repeat('0', 64) WHERE seq = 3", 'FFA01'],
    ['UPDATE audit SET before = NULL, after = NULL', 'FFA01'],
    ["UPDATE audit SET sink_status = 'delivered', phase = 'db'", 'FFA01'],
    ["UPDATE audit SET after = jsonb_set(after, '{revision}', '1.0') WHERE seq = 3", 'FFA01'],
    ['DELETE FROM audit', 'FFA01'],
    ['DELETE FROM audit WHERE seq = 2', 'FFA01'],
    ['TRUNCATE audit', 'FFA01'],
    ["UPDATE audit SET sink_status = 'lost'", '23514'],
  ])('the audit table refuses: %s', async (text, code) => {
    const before = await at.records()
    const raw = async (): Promise<unknown> =>
      (await at.sql.query(`SELECT audit::text FROM "${at.schema}".audit ORDER BY seq`)).rows
    const held = await raw()
    await expect(run(text)).rejects.toMatchObject({ code })
    expect(await at.records()).toStrictEqual(before)
    expect(await raw()).toStrictEqual(held)
  })

  test.each(['feed', 'change_log'])(
    'the table %s refuses every change; the owner may delete rows older than a day',
    async (table) => {
      const raw = async (): Promise<readonly unknown[]> =>
        (await at.sql.query(`SELECT t::text FROM "${at.schema}".${table} t ORDER BY seq`)).rows
      const held = await raw()
      expect(held.length).toBeGreaterThan(0)
      for (const text of [
        `UPDATE ${table} SET seq = seq + 100`,
        `UPDATE ${table} SET recorded_at = now() - interval '2 days'`,
        `DELETE FROM ${table}`,
        `TRUNCATE ${table}`,
      ])
        await expect(run(text)).rejects.toMatchObject({ code: 'FFA01' })
      expect(await raw()).toStrictEqual(held)
      const aged = `(SELECT jsonb_agg(to_jsonb(t) || '{"recorded_at": "2026-01-01T00:00:00Z"}') FROM ${table} t)`
      await run(
        `CREATE TABLE old AS SELECT * FROM jsonb_populate_recordset(null::${table}, ${aged});
         UPDATE old SET seq = seq + 1000; INSERT INTO ${table} SELECT * FROM old; DROP TABLE old`,
      )
      await run(`DELETE FROM ${table} WHERE recorded_at < now() - interval '1 day'`)
      expect(await raw()).toStrictEqual(held)
    },
  )

  test('the audit table lets the sink columns be changed, and the chain holds', async () => {
    await run(
      `UPDATE audit SET sink_status = 'failed', sink_reason = 'broker', sink_attempts = 3, sink_at = now(),
         sink_topic = 't', sink_partition = 1, sink_offset = 7, sink_next_at = now()`,
    )
    const { rows } = await at.sql.query(
      `SELECT DISTINCT sink_status, sink_reason, sink_attempts FROM "${at.schema}".audit`,
    )
    expect(rows).toStrictEqual([{ sink_status: 'failed', sink_reason: 'broker', sink_attempts: 3 }])
    expectChain(await at.records(), await at.store.auditHead())
  })
})
