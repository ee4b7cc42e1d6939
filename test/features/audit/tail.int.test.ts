import { rm } from 'node:fs/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { FileTrail } from '../../../src/adapters/file-store/audit-trail.ts'
import type { AuditRecord } from '../../../src/core/audit/record.ts'
import { tailRecords } from '../../../src/features/audit/tail.ts'
import { temporaryFolder } from '../../adapters/store-contract/opened-store.ts'
import { putFlag } from '../../adapters/store-contract/requests.ts'
import { auditedFolder, inStore } from '../../support/audited.ts'

let folder = ''
beforeEach(async () => {
  folder = await temporaryFolder()
  await auditedFolder(folder)
})
afterEach(() => rm(folder, { recursive: true }))

const toNumbers = (records: readonly AuditRecord[]): readonly number[] =>
  records.map(({ seq }) => seq)

test.each([
  [0, []],
  [2, [9, 10]],
  [100, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]],
])('the last %i records, then new ones alone', async (lines, expected) => {
  const trail = await FileTrail.open(folder)
  const end = new AbortController()
  const lists = tailRecords(trail, { lines, follow: true, signal: end.signal })
  expect(toNumbers((await lists.next()).value ?? [])).toStrictEqual(expected)
  await inStore(folder, (store) => store.refuse({ request: putFlag('ff.late'), code: 'forbidden' }))
  expect(toNumbers((await lists.next()).value ?? [])).toStrictEqual([11])
  end.abort()
  expect(await lists.next()).toMatchObject({ done: true })
})
