import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { formatRowKey, type RowKey, type TableName } from '../../../src/core/rows/rows.ts'
import type { FeedReader, RevisionReader } from '../../../src/ports/store.ts'
import { type OpenedSchema, postgresBacking } from '../store-contract/opened-store.ts'
import {
  flagKey,
  overrideText,
  putFlag,
  putTenant,
  putUser,
  remove,
  taken,
} from '../store-contract/requests.ts'
import { SUPPORTED } from '../../support/database.ts'

describe.each(SUPPORTED)('the rows and changes of PostgreSQL %s, for a copy', (version) => {
  const backing = postgresBacking(version)
  let opened: OpenedSchema
  let feed: FeedReader
  beforeAll(async () => {
    opened = (await backing.open()) as OpenedSchema
    const { store } = opened
    feed = (store as unknown as { readonly feed: FeedReader }).feed
    for (const key of ['ff.b', 'ff.a', 'ff.a-b']) await taken(store, putFlag(key))
    for (const id of ['b', 'B', 'a:1', '~'])
      for (const key of ['ff.b', 'ff.a'])
        await taken(store, putTenant(id, key, overrideText('true')))
    await taken(store, putUser('u', 'ff.a', overrideText('true')))
    await taken(store, remove('user_override', { scope_id: 'u', flag_key: 'ff.a' }))
  })
  afterAll(async () => {
    await opened.close()
    await backing.stop()
  })
  const list = async (table: TableName): Promise<readonly string[]> => {
    const keys: RowKey[] = []
    for (let after: RowKey | null = null; ;) {
      const page = await feed.rows({ table, after, limit: 3 })
      keys.push(...page.map(({ key }) => key))
      after = page.at(-1)?.key ?? null
      if (after === null) return keys.map(formatRowKey)
    }
  }

  test('pages go through each table by key as bytes, each row once', async () => {
    expect(await list('flag_registry')).toEqual([' ff.a', ' ff.a-b', ' ff.b'])
    expect(await list('tenant_override')).toEqual(
      ['B', 'a:1', 'b', '~'].flatMap((id) => [`${id} ff.a`, `${id} ff.b`]),
    )
    expect(await list('user_override')).toEqual(['u ff.a'])
  })
  test('rows are those of an evaluation, a tombstone too', async () => {
    const [page] = await feed.rows({ table: 'user_override', after: null, limit: 9 })
    const read = await opened.store.read({ ...flagKey('ff.a'), tenant_id: null, user_id: 'u' })
    expect(page?.held).toEqual(read.user)
    expect(read.user?.row).toHaveProperty('deleted_at')
  })
  test('each change has one row in feed and change log, a refusal has none', async () => {
    const { sql, schema, store } = opened
    const select = async (text: string): Promise<readonly Record<string, string>[]> =>
      (await sql.query<Record<string, string>>(text.replaceAll('FROM ', `FROM "${schema}".`))).rows
    await store.refuse({ request: putFlag('ff.c'), code: 'forbidden' })
    expect(await store.write(putTenant('b', 'ff.missing', '{}'))).toMatchObject({ ok: false })
    await taken(store, putFlag('ff.c'))
    const applied = await select(
      `SELECT seq::text, target FROM audit WHERE outcome = 'applied' AND target NOT LIKE 'migration/%' ORDER BY audit.seq`,
    )
    const rows = await select(
      `SELECT seq::text, kind, target, prev::text FROM feed ORDER BY feed.seq`,
    )
    expect(rows.map(({ seq, target }) => ({ seq, target }))).toEqual(applied)
    expect(rows.map(({ prev }) => prev)).toEqual(['0', ...rows.slice(0, -1).map(({ seq }) => seq)])
    expect(new Set(rows.map(({ kind, target }) => `${kind} ${target?.split('/')[0]}`))).toEqual(
      new Set(['flag flag', 'tenant_override tenant', 'user_override user']),
    )
    const read = await feed.changes({ from: null, limit: 9 })
    expect(read).toMatchObject({
      epoch: { cutover: 0, operator: 0 },
      seq: Number(rows.at(-1)?.['seq']),
    })
    expect(read.database).toMatch(/^[0-9a-f]{16}$/)
    expect(read.entries).toMatchObject([await store.auditHead()])
    const all = await feed.changes({ from: 0, limit: 100 })
    expect(all.entries.map(({ seq, prev }) => [String(seq), String(prev)])).toEqual(
      rows.map(({ seq, prev }) => [seq, prev]),
    )
    const [, second, third] = all.entries
    expect((await feed.changes({ from: second?.seq ?? 0, limit: 2 })).entries).toEqual([
      second,
      third,
    ])
    expect((await feed.changes({ from: read.seq + 1, limit: 2 })).entries).toEqual([])
    const logged = await select(
      `SELECT seq::text, target, op_id FROM change_log ORDER BY change_log.seq`,
    )
    expect(logged).toEqual(applied.map((one) => ({ ...one, op_id: null })))
  })
  test('each revision of a row stays as it was, a tombstone too', async () => {
    const store = opened.store as unknown as typeof opened.store & RevisionReader
    const key = { scope_id: 'a:1', flag_key: 'ff.b' }
    const object = { value_type: '"object"', default_value: '{}', safe_value: '{}' }
    await taken(store, putFlag('ff.object', object))
    const value = '{"b":[0.1,9007199254740991],"a":"\\u00e9"}'
    const first = await taken(store, putTenant(key.scope_id, 'ff.object', overrideText(value)))
    expect(first).toMatchObject({ revision: 1 })
    const of = { scope_id: key.scope_id, flag_key: 'ff.object' }
    const second = await taken(store, remove('tenant_override', of))
    const revision = (number: number, named = of): ReturnType<RevisionReader['revision']> =>
      store.revision({ table: 'tenant_override', key: named, revision: number })
    expect(await revision(1)).toEqual({ row: first })
    expect(await revision(2)).toEqual({ row: second })
    expect(second).toHaveProperty('deleted_at')
    expect([await revision(3), await revision(2, key)]).toEqual([null, null])
    expect((await revision(1, key))?.row).toMatchObject({ flag_key: 'ff.b', revision: 1 })
  })
})
