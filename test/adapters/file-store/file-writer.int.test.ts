import { open, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import {
  findLockHolder,
  openFileChain,
  openFileWriter,
} from '../../../src/adapters/file-store/file-side.ts'
import { createStore, FileStore } from '../../../src/adapters/file-store/file-store.ts'
import { createFileWriter } from '../../../src/adapters/file-store/file-writer.ts'
import { listSegments } from '../../../src/adapters/file-store/segments.ts'
import { EMPTY_HEAD } from '../../../src/core/audit/record.ts'
import type { CopiedChange, FileWriter, WriteName } from '../../../src/ports/cutover.ts'
import { startChild } from '../store-contract/child.ts'
import { temporaryFolder, TOOLS } from '../store-contract/opened-store.ts'
import {
  failure,
  putFlag,
  putTenant,
  remove,
  flagKey,
  overrideText,
  taken,
} from '../store-contract/requests.ts'

let folders: string[] = []
let stores: FileStore[] = []
beforeEach(async () => {
  folders = [await temporaryFolder(), await temporaryFolder()]
  for (const folder of folders) await createStore(folder)
})
afterEach(async () => {
  vi.restoreAllMocks()
  for (const store of stores.splice(0)) await store.close()
  for (const folder of folders) await rm(folder, { recursive: true })
})
async function openStore(at = 0): Promise<FileStore> {
  const store = await FileStore.open(folders[at] as string, TOOLS)
  stores.push(store)
  return store
}
async function closeStore(store: FileStore): Promise<void> {
  stores = stores.filter((one) => one !== store)
  await store.close()
}

const name = (op_id: string, request_digest: string | null = null): WriteName => ({
  op_id,
  request_digest,
})
const seqs = (changes: readonly CopiedChange[]): readonly number[] =>
  changes.map(({ record }) => record.seq)
async function drain<T>(batches: AsyncIterable<readonly T[]>): Promise<readonly T[]> {
  const all: T[] = []
  for await (const batch of batches) all.push(...batch)
  return all
}
const readWhole = async (reader: Pick<FileWriter, 'content'>) => {
  const { head, rows, records } = await reader.content()
  return { head, rows: await drain(rows), records: await drain(records) }
}
const query = { flag_key: 'ff.a', tenant_id: 'T1', user_id: null }

describe('a name', () => {
  test.each([
    ['at once', () => Promise.resolve()],
    ['after a restart', async (store: FileStore) => closeStore(store)],
    [
      'after a compaction and a restart',
      async (store: FileStore) => {
        await taken(store, putFlag('ff.b'))
        await store.compact()
        await closeStore(store)
      },
    ],
  ])('that is written again %s gives the first result, and writes nothing', async (_when, then) => {
    const first = await openStore()
    const writer = createFileWriter(first)
    const written = await writer.write(putFlag('ff.a'), name('one', 'd1'))
    const plain = await writer.write(putFlag('ff.a'), name('two'))
    const refused = await writer.refuse({ request: putFlag('ff.a'), code: 'forbidden' }, name('no'))
    expect([written.digest, plain.digest]).toEqual(['d1', null])
    await then(first)
    const store = stores.length > 0 ? first : await openStore()
    const again = createFileWriter(store)
    const before = await again.head()
    expect(await again.write(putFlag('ff.c'), name('one', 'd2'))).toStrictEqual(written)
    expect(await again.write(putFlag('ff.c'), name('two'))).toStrictEqual(plain)
    expect(
      await again.refuse({ request: putFlag('ff.a'), code: 'forbidden' }, name('no')),
    ).toStrictEqual(refused)
    expect(await again.head()).toStrictEqual(before)
  })

  test('that comes ten times at once is written once', async () => {
    const writer = createFileWriter(await openStore())
    const all = await Promise.all(
      Array.from({ length: 10 }, () => writer.write(putFlag('ff.a'), name('one', 'd1'))),
    )
    for (const one of all) expect(one).toStrictEqual(all[0])
    expect(await writer.head()).toMatchObject({ seq: 1 })
  })

  test('with a key that may have been given up is refused, and writes nothing', async () => {
    const store = await openStore()
    const writer = createFileWriter(store)
    const written = await writer.write(putFlag('ff.a'), name('one', 'd1'))
    for (let seq = 0; seq < 200_000; seq += 1) store.names.add(name(`other ${seq}`, 'd'), 1)
    await expect(writer.write(putFlag('ff.a'), name('one', 'd1'))).rejects.toMatchObject({
      code: 'outcome_unknown',
    })
    expect((await writer.write(putFlag('ff.b'), name('two'))).result.ok).toBe(true)
    expect(await writer.head()).toMatchObject({ seq: 2 })
    expect(written.result.ok).toBe(true)
  })

  test('of a refused request is judged anew', async () => {
    const writer = createFileWriter(await openStore())
    const stale = { ...putFlag('ff.a'), expected: 7 }
    expect((await writer.write(stale, name('one', 'd1'))).result.ok).toBe(false)
    expect((await writer.write(putFlag('ff.a'), name('one', 'd1'))).result.ok).toBe(true)
  })

  test('of an announcement within the limit of its actor gives the first result', async () => {
    const writer = createFileWriter(await openStore())
    const { actor, request_id, occurred_at } = putFlag('ff.a')
    const request = {
      kind: 'global',
      target: 'global',
      actor,
      auth_mode: 'verified',
      request_id,
      occurred_at,
    } as const
    const first = await writer.announce(request, name('one'))
    expect(await writer.announce(request, name('one'))).toStrictEqual(first)
    expect((await writer.announce(request, name('two'))).result.ok).toBe(false)
  })
})

/** Writes of every kind to the first store. */
async function fillFirst(): Promise<FileWriter> {
  const store = await openStore()
  const writer = createFileWriter(store)
  await writer.write(putFlag('ff.a'), name('a', 'd1'))
  await writer.write(putTenant('T1', 'ff.a', overrideText('true')), name('b'))
  await writer.refuse({ request: putFlag('ff.a'), code: 'forbidden' }, name('c'))
  await store.compact()
  await writer.write(putFlag('ff.b'), name('d'))
  await writer.write(remove('flag_registry', flagKey('ff.b')), name('e'))
  return writer
}

describe('changes that are copied', () => {
  test.each([
    ['from memory', false],
    ['from the disk', true],
  ])('%s give the same chain, rows and lines but for the epoch', async (_from, fromDisk) => {
    const source = await fillFirst()
    const reader = fromDisk ? await openFileChain(folders[0] as string) : source
    const store = await openStore(1)
    const target = createFileWriter(store)
    await target.startEpoch(3)
    for (let head = await target.head(); ; head = await target.head()) {
      const changes = await reader.changes(head, 2)
      if (changes.length === 0) break
      expect(changes.length).toBeLessThanOrEqual(2)
      expect(await target.append(head, changes)).toBe(true)
    }
    expect(await target.head()).toStrictEqual(await source.head())
    expect(await readWhole(target)).toStrictEqual(await readWhole(source))
    expect(await store.read(query)).toMatchObject({ tenant: { row: { value: 'true' } } })
    const [lines, copies] = await Promise.all(folders.map(readLines))
    expect(copies?.map((line) => line.replace('"epoch":3', '"epoch":0'))).toStrictEqual(lines)
    // A name that was copied is known.
    expect((await target.write(putFlag('ff.z'), name('a', 'd1'))).result).toMatchObject({
      head: { seq: 1 },
    })
  })

  test('are not appended behind another record than the head', async () => {
    const source = await fillFirst()
    const target = createFileWriter(await openStore(1))
    const changes = await source.changes(EMPTY_HEAD, 3)
    const second = (await source.changes(EMPTY_HEAD, 1))[0]?.record
    if (second === undefined) throw new Error('no change')
    expect(await target.append(second, changes.slice(1))).toBe(false)
    expect(await failure(target.append(EMPTY_HEAD, changes.slice(1)))).toBe('chains_forked')
    const altered = changes.map((one) => ({ ...one, record: { ...one.record, actor: 'x' } }))
    expect(await failure(target.append(EMPTY_HEAD, altered))).toBe('chains_forked')
    expect(await target.head()).toStrictEqual(EMPTY_HEAD)
    expect(await target.append(EMPTY_HEAD, changes)).toBe(true)
    expect(await target.append(EMPTY_HEAD, changes)).toBe(false)
  })

  test('without a name stand in a line without one', async () => {
    const source = await fillFirst()
    const target = createFileWriter(await openStore(1))
    const changes = (await source.changes(EMPTY_HEAD, 9)).map((one) => ({ ...one, name: null }))
    expect(await target.append(EMPTY_HEAD, changes)).toBe(true)
    const chain = await openFileChain(folders[1] as string)
    expect(await chain.changes(EMPTY_HEAD, 9)).toStrictEqual(changes)
  })
})

describe('an append', () => {
  test('of a writer that was replaced is refused, and what it wrote late is not part of the log', async () => {
    const source = await fillFirst()
    const changes = await source.changes(EMPTY_HEAD, 9)
    const frozen = createFileWriter(await openStore(1))
    expect(await frozen.append(EMPTY_HEAD, changes.slice(0, 2))).toBe(true)
    const head = await frozen.head()
    const folder = folders[1] as string
    const next = await FileStore.open(folder, TOOLS, { durable: true, lock: false })
    stores.push(next)
    expect(await failure(frozen.append(head, changes.slice(2)))).toBe('backing_unavailable')
    expect(await createFileWriter(next).append(head, changes.slice(2, 3))).toBe(true)
    const chain = await openFileChain(folder)
    expect(await chain.changes(EMPTY_HEAD, 9)).toStrictEqual(changes.slice(0, 3))
  })

  test('on a full disk changes nothing, and goes on once there is room', async () => {
    const source = await fillFirst()
    const changes = await source.changes(EMPTY_HEAD, 9)
    const target = createFileWriter(await openStore(1))
    const handle = await open(folders[1] as string)
    const prototype = Object.getPrototypeOf(handle) as typeof handle
    await handle.close()
    const full = Object.assign(new Error('full'), { code: 'ENOSPC', syscall: 'fdatasync' })
    vi.spyOn(prototype, 'datasync').mockRejectedValueOnce(full)
    expect(await failure(target.append(EMPTY_HEAD, changes))).toBe('disk_full')
    expect(await target.head()).toStrictEqual(EMPTY_HEAD)
    expect(await target.append(EMPTY_HEAD, changes)).toBe(true)
    const chain = await openFileChain(folders[1] as string)
    expect(await chain.changes(EMPTY_HEAD, 9)).toStrictEqual(changes)
  })
})

test('a writer of the lock that another process holds is null, and ends that process on demand', async () => {
  const folder = folders[0] as string
  const child = await startChild('shared', folder)
  try {
    await child.ask('write ff.a')
    expect(await findLockHolder(folder)).toStrictEqual({ pid: child.pid })
    expect(await openFileWriter(folder, TOOLS, { end: false, boundMs: 0 })).toBeNull()
    const held = await openFileWriter(folder, TOOLS, { end: true, boundMs: 10_000 })
    expect(await held?.writer.head()).toMatchObject({ seq: 1 })
    await held?.close()
  } finally {
    await child.kill()
  }
  expect(await findLockHolder(folder)).toBeNull()
  expect(
    await failure(openFileWriter(join(folder, 'none'), TOOLS, { end: true, boundMs: 0 })),
  ).toBe('target_unreachable')
})

test('the processes that follow a writer outlive its end by force', async () => {
  const folder = folders[0] as string
  const [child, ...others] = [
    await startChild('shared', folder),
    await startChild('shared', folder),
    await startChild('shared', folder),
  ]
  try {
    await child?.ask('write ff.a')
    const held = await openFileWriter(folder, TOOLS, { end: true, boundMs: 10_000 })
    await held?.close()
    for (const other of others) expect(await other.ask('write ff.b')).toMatchObject({ code: 'ok' })
  } finally {
    for (const one of [child, ...others]) await one?.kill()
  }
})

test('a lock whose holder has no socket is not taken by force', async () => {
  const folder = folders[0] as string
  await openStore()
  expect(await failure(openFileWriter(folder, TOOLS, { end: true, boundMs: 30 }))).toBe(
    'store_locked',
  )
})

async function readLines(folder: string): Promise<readonly string[]> {
  const texts = await Promise.all(
    (await listSegments(folder)).map(({ name: file }) => readFile(join(folder, file), 'utf8')),
  )
  // Without the checksum, which covers the epoch.
  return texts.flatMap((text) => text.split('\n').slice(0, -1)).map((line) => line.slice(9))
}

describe('a chain', () => {
  test('is read without the lock, up to what its writer has announced', async () => {
    const source = await fillFirst()
    const chain = await openFileChain(folders[0] as string)
    const head = await source.head()
    expect(await chain.head()).toStrictEqual(head)
    for (let seq = 0; seq <= head.seq; seq += 1)
      expect(await chain.hashAt(seq)).toBe(await source.hashAt(seq))
    expect([await chain.hashAt(head.seq + 1), await source.hashAt(head.seq + 1)]).toEqual([
      null,
      null,
    ])
    expect(seqs(await chain.changes(EMPTY_HEAD, 3))).toEqual([1, 2, 3])
    const third = { seq: 3, hash: (await chain.hashAt(3)) ?? '' }
    expect(seqs(await chain.changes(third, 9))).toEqual([4, 5])
    expect(await chain.changes(head, 9)).toEqual([])
    const other = { seq: 3, hash: 'f'.repeat(64) }
    for (const reader of [chain, source]) {
      expect(await failure(reader.changes(other, 9))).toBe('chains_forked')
      expect(await failure(reader.changes({ ...head, seq: head.seq + 1 }, 9))).toBe('chains_forked')
    }
  })

  test('of at least one change comes in parts of 4 MiB', async () => {
    const writer = createFileWriter(await openStore())
    const value = JSON.stringify('v'.repeat(60_000))
    for (let at = 0; at < 40; at += 1)
      await writer.write(
        putFlag('ff.a', { value_type: '"string"', default_value: value, safe_value: '""' }),
        name(`w${at}`),
      )
    const chain = await openFileChain(folders[0] as string)
    for (const reader of [writer, chain]) {
      const part = await reader.changes(EMPTY_HEAD, 100)
      expect(part.length).toBeGreaterThan(5)
      expect(part.length).toBeLessThan(40)
    }
  })
})
