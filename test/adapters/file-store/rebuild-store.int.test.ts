import { readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { FileTrail } from '../../../src/adapters/file-store/audit-trail.ts'
import { openFileChain, openFileWriter } from '../../../src/adapters/file-store/file-side.ts'
import { createStore, FileStore } from '../../../src/adapters/file-store/file-store.ts'
import { createFileWriter } from '../../../src/adapters/file-store/file-writer.ts'
import { rebuildStore } from '../../../src/adapters/file-store/rebuild-store.ts'
import { EMPTY_HEAD } from '../../../src/core/audit/record.ts'
import { ChainWalk } from '../../../src/core/audit/walk.ts'
import { hashAuditText, walkRecords } from '../../../src/features/audit/verify.ts'
import type { ChainReader, CopiedChange, SideContent } from '../../../src/ports/cutover.ts'
import { startChild } from '../store-contract/child.ts'
import { temporaryFolder, TOOLS } from '../store-contract/opened-store.ts'
import {
  failure,
  flagKey,
  overrideText,
  putFlag,
  putTenant,
  remove,
  taken,
} from '../store-contract/requests.ts'

let [from, to] = ['', '']
let source: ChainReader
beforeEach(async () => {
  ;[from, to] = [await temporaryFolder(), await temporaryFolder()]
  await createStore(from)
  await write(from, async (store) => {
    for (const flag of ['ff.a', 'ff.b', 'ff.c']) await taken(store, putFlag(flag))
    await taken(store, putTenant('T1', 'ff.a', overrideText('true')))
    await store.compact()
    await taken(store, remove('flag_registry', flagKey('ff.b')))
  })
  source = await openFileChain(from)
})
afterEach(async () => {
  for (const folder of [from, to]) await rm(folder, { recursive: true })
})
async function write(folder: string, use: (store: FileStore) => Promise<void>): Promise<void> {
  const store = await FileStore.open(folder, TOOLS)
  await use(store)
  await store.close()
}
async function drain<T>(batches: AsyncIterable<readonly T[]>): Promise<readonly T[]> {
  const all: T[] = []
  for await (const batch of batches) all.push(...batch)
  return all
}
const readWhole = async (reader: ChainReader) => {
  const { head, rows, records } = await reader.content()
  return { head, rows: await drain(rows), records: await drain(records) }
}
async function* once<T>(batch: T): AsyncGenerator<T> {
  yield await Promise.resolve(batch)
}
/** As a database that has pruned its row images says it. */
async function withoutImages(): Promise<SideContent> {
  const { head, rows, records } = await readWhole(source)
  const pruned = records.map((one): CopiedChange => ({ ...one, rows: [] }))
  return { head, rows: once(rows), records: once(pruned) }
}
async function copyPart(count: number): Promise<void> {
  await createStore(to)
  await write(to, async (store) => {
    const writer = createFileWriter(store)
    await writer.append(EMPTY_HEAD, await source.changes(EMPTY_HEAD, count))
  })
}

/** Opens the folder as a start does, verifies its chain, and writes to it. */
async function verifyStore(): Promise<Awaited<ReturnType<typeof readWhole>>> {
  const opened = await FileStore.open(to, TOOLS)
  const trail = await FileTrail.open(to)
  await trail.read(0, async (reading) => {
    const walk = new ChainWalk(hashAuditText, { marks: [reading.said.head] })
    await walkRecords(walk, reading)
    expect([walk.fault, walk.head]).toStrictEqual([null, await opened.auditHead()])
  })
  const found = await readWhole(createFileWriter(opened))
  await opened.close()
  expect((await readdir(to)).filter((name) => name.startsWith('.rebuilt'))).toEqual([])
  return found
}
const rowsOf = ({ head, rows }: { readonly head: object; readonly rows: readonly object[] }) => ({
  head,
  rows,
})

describe('a store is rebuilt', () => {
  test.each([
    ['in an empty folder', () => Promise.resolve()],
    ['over an empty store', () => createStore(to)],
    ['over one that has the first records', () => copyPart(2)],
    ['over one that has all of them', () => copyPart(9)],
  ])('%s, and goes on from there', async (_where, prepare) => {
    await prepare()
    await rebuildStore(to, await withoutImages(), 5)
    const whole = await readWhole(source)
    const rebuilt = await verifyStore()
    expect(rowsOf(rebuilt)).toStrictEqual(rowsOf(whole))
    expect(rebuilt.records.map(({ record }) => record)).toStrictEqual(
      whole.records.map(({ record }) => record),
    )
    await write(from, async (store) => void (await taken(store, putFlag('ff.d'))))
    const held = await openFileWriter(to, TOOLS, { end: false, boundMs: 0 })
    expect(held?.writer.epoch).toBe(5)
    const next = await source.changes(whole.head, 9)
    expect(await held?.writer.append(whole.head, next)).toBe(true)
    await held?.close()
    expect(rowsOf(await verifyStore())).toStrictEqual(rowsOf(await readWhole(source)))
  })

  test('again over one that was rebuilt before', async () => {
    for (const epoch of [5, 6]) await rebuildStore(to, await source.content(), epoch)
    expect(rowsOf(await verifyStore())).toStrictEqual(rowsOf(await readWhole(source)))
  })
})

describe('a store stays as it is', () => {
  test('where it has records of its own', async () => {
    await copyPart(2)
    await write(to, async (store) => void (await taken(store, putFlag('ff.x'))))
    const before = await verifyStore()
    expect(await failure(rebuildStore(to, await source.content(), 5))).toBe('chains_forked')
    expect(await verifyStore()).toStrictEqual(before)
  })
  test('where it has more records than the content', async () => {
    await copyPart(9)
    await write(to, async (store) => void (await taken(store, putFlag('ff.x'))))
    expect(await failure(rebuildStore(to, await source.content(), 5))).toBe('chains_forked')
  })
  test('while another process holds its lock', async () => {
    await copyPart(2)
    const store = await FileStore.open(to, TOOLS)
    expect(await failure(rebuildStore(to, await source.content(), 5))).toBe('store_locked')
    await store.close()
  })
  test('where the content does not continue itself, or ends early', async () => {
    await copyPart(2)
    const before = await verifyStore()
    const { head, rows, records } = await readWhole(source)
    const broken = [records.slice(1), records.slice(0, 3)]
    for (const part of broken)
      expect(
        await failure(rebuildStore(to, { head, rows: once(rows), records: once(part) }, 5)),
      ).toBe('chains_forked')
    expect(await verifyStore()).toStrictEqual(before)
  })
})

test.each([
  ['open term', 1, 'old'],
  ['datasync segment', 1, 'old'],
  ['writeFile segment', 1, 'old'],
  ['sync segment', 1, 'old'],
  ['rename snapshot', 1, 'old'],
  ['rename snapshot', 2, 'old'],
  ['rename other', 1, 'new'],
  ['rename segment', 1, 'new'],
] as const)('killed before %s %i, it is the %s store', async (step, nth, which) => {
  await copyPart(2)
  const before = await verifyStore()
  const child = await startChild('rebuild', `${from}\n${to}`, { step, nth, signal: 'SIGKILL' })
  expect(await child.next()).toStrictEqual({ reached: step })
  await child.kill()
  const whole = await readWhole(source)
  expect(rowsOf(await verifyStore())).toStrictEqual(rowsOf(which === 'old' ? before : whole))
  // The command runs again.
  await rebuildStore(to, await source.content(), 6)
  expect(rowsOf(await verifyStore())).toStrictEqual(rowsOf(whole))
})

test('what an unfinished rebuild has left is removed, and not used', async () => {
  await copyPart(2)
  const before = await verifyStore()
  await rebuildStore(to, await source.content(), 5)
  await rm(to, { recursive: true })
  await copyPart(2)
  await writeFile(join(to, '.rebuilt.new'), 'half')
  expect(rowsOf(await verifyStore())).toStrictEqual(rowsOf(before))
})
