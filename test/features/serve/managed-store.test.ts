import { expect, test } from 'vitest'
import type { RowsOfFlag } from '../../../src/core/rows/rows.ts'
import { ManagedStore } from '../../../src/features/serve/managed-store.ts'
import { makeRecord } from '../../core/cutover/records.ts'

const rows = (): Promise<RowsOfFlag> => Promise.resolve({ flag: null, overrides: [] } as never)

/** A store whose instance takes the database as the authority on while the file is asked how far it is. */
function openFlipping(): { readonly store: ManagedStore; readonly asked: string[] } {
  const asked: string[] = []
  let record = makeRecord({ phase: 'shadow_read', epoch: 5 })
  const side = (kind: string) => ({
    kind,
    read: () => {
      asked.push(kind)
      return rows()
    },
  })
  const file = {
    ...side('file'),
    sync: () => Promise.resolve(),
    auditHead: () => {
      record = makeRecord({ phase: 'db_authoritative', epoch: 7 })
      return Promise.resolve({ seq: 1, hash: 'a' })
    },
  }
  const instance = {
    get record() {
      return record
    },
    databaseSeq: 1,
    assess: () => ({ stale: false, refusal: null }),
  }
  const database = { store: side('db'), lastKnown: null }
  const parts = { file: () => file, onFileHost: true, database, instance, held: () => null }
  return { store: new ManagedStore(parts as never), asked }
}

const QUERY = { flag_key: 'ff.a', tenant_id: null, user_id: null } as never

test('a decision is read anew where the authority changes before its age is known', async () => {
  const { store, asked } = openFlipping()
  const reader = store.openReader()
  await reader.read(QUERY)
  expect([asked, reader.kind]).toEqual([['file', 'db'], 'db'])
})

test('so are the rows of a request', async () => {
  const { store, asked } = openFlipping()
  await store.read(QUERY)
  expect(asked).toEqual(['file', 'db'])
})

test('a reader says the side that answered it, whatever decides by now', async () => {
  const { store } = openFlipping()
  const reader = store.openReader()
  await reader.read(QUERY)
  Object.defineProperty(store, 'authority', { value: 'file' })
  expect(reader.kind).toBe('db')
})
