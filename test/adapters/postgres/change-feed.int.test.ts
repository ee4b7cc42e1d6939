import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { formatRowKey, type RowKey, type TableName } from '../../../src/core/rows/rows.ts'
import type { ChangeFeed } from '../../../src/ports/store.ts'
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
  let feed: ChangeFeed
  beforeAll(async () => {
    opened = (await backing.open()) as OpenedSchema
    const { store } = opened
    feed = (store as unknown as { readonly feed: ChangeFeed }).feed
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
  test('links are the audit records from a number on', async () => {
    const head = await opened.store.auditHead()
    const all = await feed.links({ from: 0, limit: 100 })
    expect(all).toHaveLength(head.seq)
    expect(all.at(-1)).toMatchObject({ ...head, outcome: 'applied', target: 'user/u/ff.a' })
    expect(all.map(({ prev_hash }) => prev_hash).slice(1)).toEqual(
      all.map(({ hash }) => hash).slice(0, -1),
    )
    expect(await feed.links({ from: head.seq, limit: 100 })).toEqual(all.slice(-1))
    expect(await feed.links({ from: 2, limit: 2 })).toEqual(all.slice(1, 3))
  })
})
