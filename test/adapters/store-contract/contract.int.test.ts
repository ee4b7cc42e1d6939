import fc from 'fast-check'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { WriteRequest } from '../../../src/core/rows/write-request.ts'
import type { RowOrBroken } from '../../../src/core/rows/rows.ts'
import { SUPPORTED } from '../../support/database.ts'
import { expectChain } from './audit-chain.ts'
import { contractSuite, keyFor, makeFlagOfEachKind } from './contract-suite.ts'
import { FLAG_BY_KIND, HOSTILE_BODIES, type Kind } from './hostile-bodies.ts'
import {
  fileBacking,
  type OpenedSchema,
  type OpenedStore,
  postgresBacking,
} from './opened-store.ts'
import {
  attempt,
  getErrorCode,
  flagKey,
  NOW,
  type Outcome,
  overrideText,
  put,
  putFlag,
  putTenant,
  refused,
  remove,
  taken,
} from './requests.ts'
import { examples } from '../../support/scale.ts'

contractSuite(fileBacking)
for (const version of SUPPORTED) contractSuite(postgresBacking(version))

describe('a file store and both databases side by side', () => {
  const backings = [fileBacking, ...SUPPORTED.map((version) => postgresBacking(version))]
  const opened: OpenedStore[] = []
  beforeAll(async () => {
    for (const backing of backings) opened.push(await backing.open())
    for (const { store } of opened) await makeFlagOfEachKind(store)
  })
  afterAll(async () => {
    for (const one of opened) await one.close()
    for (const backing of backings) await backing.stop()
  })

  /** The outcome of the write on each store, and the rows that each then reads under its key. */
  async function answers(write: WriteRequest): Promise<readonly [Outcome, string][]> {
    const { flag_key, scope_id } = write.key
    const tenant_id = write.table === 'tenant_override' ? scope_id : null
    return Promise.all(
      opened.map(async ({ store }): Promise<[Outcome, string]> => {
        const outcome = await attempt(store, write)
        const set = await store
          .read({ flag_key, tenant_id, user_id: null })
          .catch((error: unknown) => getErrorCode(error))
        return [outcome, JSON.stringify(set)]
      }),
    )
  }
  async function expectSame(write: WriteRequest): Promise<Outcome> {
    const [first, ...others] = await answers(write)
    if (first === undefined || others.length !== 2) throw new Error('a store did not answer')
    for (const other of others) expect(other[0]).toStrictEqual(first[0])
    for (const other of others) expect(JSON.parse(other[1])).toStrictEqual(JSON.parse(first[1]))
    return first[0]
  }

  test('every hostile body has the same outcome and reads back the same', async () => {
    const seen = { taken: 0, refused: 0, thrown: 0 }
    for (const { situation, kind, text } of HOSTILE_BODIES) {
      const outcome = await expectSame(put('tenant_override', keyFor(situation, kind), text))
      seen[Object.keys(outcome)[0] as keyof typeof seen] += 1
    }
    expect(seen).toStrictEqual({
      taken: HOSTILE_BODIES.filter(({ verdict }) => 'stored' in verdict).length,
      refused: HOSTILE_BODIES.filter(({ verdict }) => 'refused' in verdict).length,
      thrown: 0,
    })
  })

  test('random bodies have the same outcome and read back the same', async () => {
    const units = fc.array(
      fc.constantFrom(
        'a',
        'Z',
        '0',
        ' ',
        '\u0000',
        '\ud800',
        '\udc00',
        '😀',
        'é',
        'e\u0301',
        '\u2028',
        '"',
        '\\',
        '/',
        '~',
        '\ufeff',
        '\u0001',
        '\uffff',
        '__proto__',
      ),
      { maxLength: 6 },
    )
    const text = units.map((parts) => JSON.stringify(parts.join('')))
    const digits = fc.tuple(
      fc.constantFrom('', '-'),
      fc.constantFrom('0', '1', '9007199254740993', '12345678901234567890', '4503599627370497'),
      fc.constantFrom(
        '',
        '.0',
        '.5',
        '.10',
        '.000001',
        '.30000000000000004',
        '.3000000000000000001',
      ),
      fc.constantFrom('', 'e0', 'E2', 'e-7', 'e21', 'e400', 'e-400'),
    )
    const number = digits.map((parts) => parts.join(''))
    const { value } = fc.letrec<{ value: string }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        fc.constantFrom('true', 'false', 'null', '{}', '[]'),
        text,
        number,
        fc.array(tie('value'), { maxLength: 3 }).map((items) => `[${items.join(',')}]`),
        fc
          .array(fc.tuple(text, tie('value')), { maxLength: 4 })
          .map((members) => `{${members.map(([name, held]) => `${name}:${held}`).join(',')}}`),
      ),
    }))
    const outcomes = new Set<string>()
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...(Object.keys(FLAG_BY_KIND) as Kind[])),
        value,
        async (kind, json) => {
          const key = { scope_id: 'T-random', flag_key: FLAG_BY_KIND[kind] }
          outcomes.add(
            Object.keys(await expectSame(put('tenant_override', key, overrideText(json))))[0] ?? '',
          )
        },
      ),
      { ...examples(400), seed: 20260115 },
    )
    expect([...outcomes].sort()).toStrictEqual(['refused', 'taken'])
  })

  const approval = (approval_ref: string): Partial<WriteRequest> => ({
    approval: {
      approval_ref,
      answer: {
        status: 'known',
        revoked: false,
        not_before: NOW,
        expires_at: '2027-01-01T00:00:00.000Z' as typeof NOW,
      },
    },
  })
  test.each<readonly [string, WriteRequest]>([
    [
      'a flag put by an actor whose id does not fit',
      putFlag('ff.by.actor', {}, { actor: 'two words' }),
    ],
    ['a flag put by an actor with U+0000', putFlag('ff.by.actor', {}, { actor: 'a\u0000' })],
    [
      'a flag archived by an actor whose id does not fit',
      remove('flag_registry', flagKey('ff.standing.archive'), { actor: 'two words' }),
    ],
    [
      'an override deleted by an actor whose id does not fit',
      remove(
        'tenant_override',
        { scope_id: 'A1', flag_key: 'ff.standing.delete' },
        { actor: 'two words' },
      ),
    ],
    ['a request id with U+0000', putFlag('ff.by.request', {}, { request_id: 'r\u0000' })],
    [
      'an approval whose ref does not fit',
      putFlag('ff.standing.killed', {}, approval('not a ref')),
    ],
    [
      'a registry key with a scope id',
      put('flag_registry', { scope_id: 'A1', flag_key: 'ff.standing.scoped' }, '{}'),
    ],
    [
      'a registry key with a scope id, deleted',
      remove('flag_registry', { scope_id: 'A1', flag_key: 'ff.standing.scoped' }),
    ],
    // Last: if it breaks the chain of a shared store, no later case fails with it.
    [
      'a request id with a lone surrogate',
      putFlag('ff.by.surrogate', {}, { request_id: 'r\ud800' }),
    ],
  ])('%s has the same outcome, and no chain breaks', async (_situation, write) => {
    for (const { store } of opened) {
      await attempt(store, putFlag('ff.standing.archive'))
      await attempt(store, putFlag('ff.standing.delete'))
      await attempt(store, putFlag('ff.standing.scoped'))
      await attempt(store, putFlag('ff.standing.killed', { state: '"killed"' }))
      await attempt(store, putTenant('A1', 'ff.standing.delete', overrideText('true')))
    }
    const outcome = await expectSame(write)
    expect(outcome).not.toHaveProperty('thrown')
    for (const one of opened) expectChain(await one.records(), await one.store.auditHead())
  })
})

describe.each(SUPPORTED)(
  'rows that an administrator changes by SQL on PostgreSQL %s',
  (version) => {
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
        putFlag('ff.object', {
          value_type: '"object"',
          default_value: '{"a":1}',
          safe_value: '{}',
        }),
      )
    })
    afterEach(() => at.close())
    afterAll(() => backing.stop())
    const run = (text: string): Promise<unknown> =>
      at.sql.query(`SET search_path = "${at.schema}"; ${text}`)
    const toFlag = async (flag_key: string): Promise<RowOrBroken<object> | null> =>
      (await at.store.read({ flag_key, tenant_id: null, user_id: null })).flag

    test('the next read of an open store shows the change', async () => {
      expect((await toFlag(FLAG))?.row).toMatchObject({ state: 'active', revision: 1 })
      await run(
        `UPDATE flag_registry SET state = 'killed', revision = 5 WHERE flag_key = '${FLAG}'`,
      )
      expect((await toFlag(FLAG))?.row).toMatchObject({ state: 'killed', revision: 5 })
      await run(`DELETE FROM flag_registry WHERE flag_key = '${FLAG}'`)
      expect(await toFlag(FLAG)).toBeNull()
    })

    test('the next read shows a new override', async () => {
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

    test('a value deeper than the parser allows is a broken row', async () => {
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
    ])('a time with %s is read as the column rounds it', async (_situation, time, held) => {
      await run(`UPDATE flag_registry SET updated_at = ${time} WHERE flag_key = '${FLAG}'`)
      expect((await toFlag(FLAG))?.row).toMatchObject({ updated_at: held })
    })

    test('microseconds in a column of type timestamptz(6) are a broken row', async () => {
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

    test('a flag with an override cannot be deleted; renaming it renames its overrides', async () => {
      await taken(at.store, putTenant('A1', FLAG, overrideText('true')))
      await expect(
        run(`DELETE FROM flag_registry WHERE flag_key = '${FLAG}'`),
      ).rejects.toMatchObject({
        // PostgreSQL 18 has a code of its own for RESTRICT: 23001.
        code: expect.stringMatching(/^(23001|23503)$/) as unknown,
      })
      await run(`UPDATE flag_registry SET flag_key = 'ff.renamed' WHERE flag_key = '${FLAG}'`)
      const set = await at.store.read({ flag_key: 'ff.renamed', tenant_id: 'A1', user_id: null })
      expect(set.tenant?.row).toMatchObject({ flag_key: 'ff.renamed', value: 'true' })
    })

    test.each([
      ["UPDATE audit SET actor = 'U-other'", 'FFA01'],
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

    test('the sink columns of the audit table can change, and the chain holds', async () => {
      await run(
        `UPDATE audit SET sink_status = 'failed', sink_reason = 'broker', sink_attempts = 3, sink_at = now()`,
      )
      const { rows } = await at.sql.query(
        `SELECT DISTINCT sink_status, sink_reason, sink_attempts FROM "${at.schema}".audit`,
      )
      expect(rows).toStrictEqual([
        { sink_status: 'failed', sink_reason: 'broker', sink_attempts: 3 },
      ])
      expectChain(await at.records(), await at.store.auditHead())
    })
  },
)
