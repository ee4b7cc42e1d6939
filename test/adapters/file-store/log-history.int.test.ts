import { appendFile, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { findRevision, readAuditPage } from '../../../src/adapters/file-store/log-history.ts'
import type { AuditQuery } from '../../../src/core/audit/audit-page.ts'
import { createStore } from '../../../src/adapters/file-store/file-store.ts'
import { flagKey, putFlag, taken } from '../store-contract/requests.ts'
import { inStore } from '../../support/audited.ts'

const ALL: AuditQuery = { after: null, target: null, since: null, until: null, limit: 500 }
const LONG = `"${'x'.repeat(50_000)}"`

let root = ''
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'ff-test-history-'))
})
afterAll(() => rm(root, { recursive: true, force: true }))

/** A store of 24 records in three segments and an empty one, of lines that are longer than what is read at once in part. */
async function segmented(): Promise<{
  readonly folder: string
  readonly head: { seq: number; hash: string }
}> {
  const folder = join(await mkdtemp(join(root, 'store-')), 'store')
  await createStore(folder)
  const head = await inStore(folder, async (store) => {
    for (const value of ['"a"', LONG, '"b"']) {
      for (let at = 0; at < 8; at += 1) {
        const members = { value_type: '"string"', default_value: value, safe_value: LONG }
        await taken(store, putFlag(`ff.n${at % 2}`, members))
      }
      await store.compact()
    }
    return store.auditHead()
  })
  return { folder, head }
}
const listSegments = async (folder: string): Promise<readonly string[]> =>
  (await readdir(folder)).filter((name) => name.startsWith('log-')).sort()

test('pages go over segments and lines of any length, and leave out what is not acknowledged', async () => {
  const { folder, head } = await segmented()
  expect((await listSegments(folder)).length).toBe(4)
  const seqs = async (query: Partial<AuditQuery>, to = head) =>
    (await readAuditPage(folder, to, { ...ALL, ...query })).records.map(({ seq }) => seq)
  const down = Array.from({ length: 24 }, (_, at) => 24 - at)
  expect(await seqs({})).toEqual(down)
  expect(await seqs({ after: 17 })).toEqual(down.slice(8))
  expect(await seqs({ target: 'flag/ff.n1' })).toEqual(down.filter((seq) => seq % 2 === 0))
  // A later record is being written.
  expect(await seqs({}, { ...head, seq: 20 })).toEqual(down.slice(4))
  for (const name of (await listSegments(folder)).slice(-2)) {
    await appendFile(join(folder, name), `01234567 {"audit":{},"seq":25`)
    expect(await seqs({})).toEqual(down)
  }
})

test('an earlier revision is found in the log, and no other', async () => {
  const { folder, head } = await segmented()
  const find = (flag: string, revision: number) =>
    findRevision(folder, head, { table: 'flag_registry', key: flagKey(flag), revision })
  for (const revision of [1, 4, 5, 12])
    expect(await find('ff.n0', revision)).toMatchObject({ row: { flag_key: 'ff.n0', revision } })
  expect(await find('ff.n0', 13)).toBeNull()
  expect(await find('ff.n2', 1)).toBeNull()
  expect(
    await findRevision(folder, head, {
      table: 'tenant_override',
      key: { scope_id: 'T1', flag_key: 'ff.n0' },
      revision: 1,
    }),
  ).toBeNull()
})

test.each([
  ['a changed byte', (text: string) => text.replace('"actor":"U', '"actor":"V')],
  ['a missing line', (text: string) => text.slice(text.indexOf('\n') + 1)],
  [
    'a missing last line',
    (text: string) => text.slice(0, text.lastIndexOf('\n', text.length - 2) + 1),
  ],
  ['a line without its number', (text: string) => text.replace('"seq":9}\n', '"seq":x}\n')],
])('%s in the log is damage', async (_what, spoil) => {
  const { folder, head } = await segmented()
  const [, second = ''] = await listSegments(folder)
  const path = join(folder, second)
  const text = await readFile(path, 'utf8')
  expect(spoil(text)).not.toBe(text)
  await writeFile(path, spoil(text))
  await expect(readAuditPage(folder, head, ALL)).rejects.toThrow(/segment|record|line/)
  // What stands behind the damage is listed.
  expect((await readAuditPage(folder, head, { ...ALL, limit: 8 })).records.length).toBe(8)
})
