import { appendFile, open, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { FileTrail } from '../../../src/adapters/file-store/audit-trail.ts'
import { FileReader } from '../../../src/adapters/file-store/file-reader.ts'
import { createStore, FileStore } from '../../../src/adapters/file-store/file-store.ts'
import { listSegments } from '../../../src/adapters/file-store/segments.ts'
import { ChainWalk } from '../../../src/core/audit/walk.ts'
import { hashAuditText, walkRecords } from '../../../src/features/audit/verify.ts'
import { resealed } from '../../support/audited.ts'
import { everyNth } from '../../support/scale.ts'
import { readFormat, toFormat1 } from '../../support/store-folder.ts'
import { type AtStep, type Child, startChild } from '../store-contract/child.ts'
import { temporaryFolder, TOOLS } from '../store-contract/opened-store.ts'
import { attempt, failure, putFlag, taken } from '../store-contract/requests.ts'

let folder = ''
let stores: FileStore[] = []
let children: Child[] = []
beforeEach(async () => {
  folder = await temporaryFolder()
  await createStore(folder)
})
afterEach(async () => {
  vi.restoreAllMocks()
  for (const child of children.splice(0)) await child.kill()
  for (const store of stores.splice(0)) await store.close()
  await rm(folder, { recursive: true })
})
async function openStore(): Promise<FileStore> {
  const store = await FileStore.open(folder, TOOLS)
  stores.push(store)
  return store
}
async function startWriter(at?: AtStep): Promise<Child> {
  const child = await startChild('serve', folder, at)
  children.push(child)
  return child
}
/** Opens the store beside a process that holds its lock: without the file, that lock keeps no other process out. */
async function takeOver(): Promise<FileStore> {
  await rm(join(folder, '.lock'))
  return openStore()
}

interface Answer {
  readonly code: string
  readonly revision: number | null
}
const query = (flag_key: string) => ({ flag_key, tenant_id: null, user_id: null })
const revision = async (store: FileStore, flag_key: string): Promise<number> =>
  (await store.read(query(flag_key))).flag?.row?.revision ?? 0

/** Verifies rows and audit chain of the folder as a later start finds them. @returns the revision of a flag */
async function verifyFolder(flag: string): Promise<number> {
  const store = await openStore()
  const trail = await FileTrail.open(folder)
  await trail.read(0, async (reading) => {
    const walk = new ChainWalk(hashAuditText, { marks: [reading.said.head] })
    await walkRecords(walk, reading)
    expect([walk.fault, walk.head]).toStrictEqual([null, await store.auditHead()])
  })
  const found = await revision(store, flag)
  const pages = await store.audit({
    after: null,
    target: `flag/${flag}`,
    since: null,
    until: null,
    limit: 500,
  })
  expect(pages.records).toHaveLength(found)
  await taken(store, putFlag(flag))
  await store.compact()
  await taken(store, putFlag(flag))
  stores = stores.filter((one) => one !== store)
  await store.close()
  return found
}

test('a writer that was frozen, replaced and thawed changes nothing of its successor', async () => {
  const writer = await startWriter()
  for (const wanted of [1, 2, 3])
    expect(await writer.ask('write ff.a')).toStrictEqual({ code: 'ok', revision: wanted })
  process.kill(writer.pid, 'SIGSTOP')
  const successor = await takeOver()
  expect(await revision(successor, 'ff.a')).toBe(3)
  for (let at = 0; at < 5; at += 1) await taken(successor, putFlag('ff.b'))
  process.kill(writer.pid, 'SIGCONT')
  for (const line of ['write ff.a', 'write ff.a', 'compact', 'write ff.a'])
    expect(await writer.ask(line)).toMatchObject({ code: 'backing_unavailable' })
  await taken(successor, putFlag('ff.b'))
  await successor.compact()
  await taken(successor, putFlag('ff.b'))
  await writer.kill()
  await stores.pop()?.close()
  expect(await verifyFolder('ff.a')).toBe(3)
  expect(await verifyFolder('ff.b')).toBe(7)
})

/** What the child is asked to do; before, the store has three revisions of the flag in a segment of its own. */
const ASKED = ['write ff.a', 'write ff.a', 'compact', 'write ff.a', 'write ff.a']
/** Each step on the disk that an answer waits for, in order. */
const STEPS: readonly (readonly [step: string, nth: number, what: string])[] = [
  ['open term', 1, 'the term is claimed'],
  ['datasync segment', 1, 'the newest segment is synced'],
  ['open segment', 2, 'a segment is begun'],
  ['sync folder', 1, 'its name is synced'],
  ['write segment', 1, 'a line is written'],
  ['datasync segment', 2, 'the line is synced'],
  ['open term', 2, 'the term of the next segment is claimed'],
  ['open segment', 3, 'the next segment is begun'],
  ['sync folder', 2, 'the name of the next segment is synced'],
  ['open snapshot', 1, 'a snapshot is begun'],
  ['writeFile snapshot', 1, 'the header of the snapshot is written'],
  ['writeFile snapshot', 3, 'the footer of the snapshot is written'],
  ['sync snapshot', 1, 'the snapshot is synced'],
  ['rename snapshot', 1, 'the snapshot is renamed'],
  ['sync folder', 3, 'the new name of the snapshot is synced'],
  ['datasync segment', 4, 'a line behind the snapshot is synced'],
]

interface Stopped {
  readonly writer: Child
  /** The last revision that was acknowledged before. */
  readonly acknowledged: number
  /** What it still says. */
  readonly rest: readonly Promise<unknown>[]
}
async function stopAt(at: AtStep): Promise<Stopped> {
  const first = await openStore()
  for (let time = 0; time < 3; time += 1) await taken(first, putFlag('ff.a'))
  await stores.pop()?.close()
  const writer = await startWriter(at)
  // A line for each answer, one when it is ready, and one at the step.
  const said = [...ASKED.map((line) => writer.ask(line)), writer.next(), writer.next()]
  for (const one of said) one.catch(() => undefined) // Read below.
  let acknowledged = 3
  for (;;) {
    const line = (await said.shift()) as Partial<Answer> & { readonly reached?: string }
    if (line.reached !== undefined) return { writer, acknowledged, rest: said }
    acknowledged = Math.max(acknowledged, line.revision ?? 0)
  }
}

test.each(STEPS)(
  'a writer that is killed at %s %i, before %s, loses no acknowledged write',
  async (step, nth) => {
    const { writer, acknowledged } = await stopAt({ step, nth, signal: 'SIGKILL' })
    await writer.kill()
    // The write in flight may be there too.
    expect([acknowledged, acknowledged + 1]).toContain(await verifyFolder('ff.a'))
  },
)

// The other half of the steps has its turn with another seed.
test.each(everyNth(STEPS, 2))(
  'a writer that is frozen at %s %i, before %s, and thawed changes nothing of its successor',
  async (step, nth) => {
    const { writer, acknowledged, rest } = await stopAt({ step, nth, signal: 'SIGSTOP' })
    const successor = await takeOver()
    const found = await revision(successor, 'ff.a')
    expect([acknowledged, acknowledged + 1]).toContain(found)
    for (let at = 0; at < 2; at += 1) await taken(successor, putFlag('ff.b'))
    process.kill(writer.pid, 'SIGCONT')
    const said = (await Promise.all(
      rest.map((one) => one.catch(() => ({ code: 'ended', revision: null }))),
    )) as Answer[]
    // What it acknowledges now is what its successor has read.
    for (const one of said) expect(one.revision ?? 0).toBeLessThanOrEqual(found)
    const late = await writer.ask('write ff.a').catch(() => ({ code: 'ended' }))
    expect(late).not.toMatchObject({ code: 'ok' })
    await successor.compact()
    await taken(successor, putFlag('ff.b'))
    await writer.kill()
    await stores.pop()?.close()
    expect(await verifyFolder('ff.a')).toBe(found)
    expect(await verifyFolder('ff.b')).toBe(3)
  },
)

describe('a replaced writer', () => {
  test('refuses to write, is not ready, and still reads', async () => {
    const first = await openStore()
    await taken(first, putFlag('ff.a'))
    const second = await takeOver()
    expect(await failure(first.requireWritable())).toBe('backing_unavailable')
    // Its rows say that this is made already; those of the second may say otherwise.
    const detail = { kind: 'transition', reason: 'none', to: 'active' } as const
    const made = { ...putFlag('ff.a'), action: 'transition', body: null, detail } as const
    expect(await attempt(second, made)).toHaveProperty('taken')
    expect(await attempt(first, made)).toStrictEqual({ thrown: 'backing_unavailable' })
    expect(await attempt(first, putFlag('ff.a'))).toStrictEqual({ thrown: 'backing_unavailable' })
    expect(await revision(first, 'ff.a')).toBe(1)
    expect(await failure(second.requireWritable())).toBe('none')
    await taken(second, putFlag('ff.a'))
    expect(await revision(second, 'ff.a')).toBe(2)
  })
})

describe('a write that fails after its line is in the file', () => {
  /** Lets the next sync of a segment fail. */
  async function failNextSync(): Promise<void> {
    const handle = await open(folder)
    const prototype = Object.getPrototypeOf(handle) as typeof handle
    await handle.close()
    const error = Object.assign(new Error('EIO: i/o error'), { code: 'EIO', syscall: 'fdatasync' })
    vi.spyOn(prototype, 'datasync').mockRejectedValueOnce(error)
  }

  test.each([
    ['the process ends at once', 0],
    ['the store goes on', 2],
  ])('is not made after the next start, where %s', async (_what, more) => {
    const store = await openStore()
    await taken(store, putFlag('ff.a'))
    await failNextSync()
    expect(await attempt(store, putFlag('ff.a'))).toStrictEqual({ thrown: 'backing_unavailable' })
    expect(await revision(store, 'ff.a')).toBe(1)
    for (let at = 0; at < more; at += 1) await taken(store, putFlag('ff.a'))
    const segments = await listSegments(folder)
    expect(segments).toHaveLength(2)
    const lines = (await readFile(join(folder, segments[0]?.name ?? ''), 'utf8')).split('\n')
    expect(lines).toHaveLength(3) // The failed one is there, and the end.
    const next = await takeOver()
    expect(await revision(next, 'ff.a')).toBe(1 + more)
    await stores.pop()?.close()
    expect(await verifyFolder('ff.a')).toBe(1 + more)
  })
})

describe('an epoch', () => {
  test('begins a segment that names it, and outlives a start and a compaction', async () => {
    const store = await openStore()
    await taken(store, putFlag('ff.a'))
    await store.startEpoch(4)
    await taken(store, putFlag('ff.a'))
    expect(await failure(store.startEpoch(4))).toBe('option_invalid')
    await stores.pop()?.close()
    const again = await openStore()
    expect(await failure(again.startEpoch(4))).toBe('option_invalid')
    await again.compact()
    await taken(again, putFlag('ff.a'))
    await stores.pop()?.close()
    const segments = await listSegments(folder)
    expect(segments.map(({ epoch, first, last }) => [epoch, first, last])).toStrictEqual([
      [0, 1, 1],
      [4, 2, 2],
      [4, 3, Number.POSITIVE_INFINITY],
    ])
    expect(await verifyFolder('ff.a')).toBe(3)
  })
})

describe('a store in the form of earlier versions', () => {
  /** Renames the segments as earlier versions named them, and removes what those did not have. */
  async function toOldForm(): Promise<void> {
    for (const { name, first } of await listSegments(folder))
      await rename(
        join(folder, name),
        join(folder, `log-${String(first).padStart(20, '0')}.ndjson`),
      )
    for (const name of await readdir(folder))
      if (name.startsWith('.term-')) await rm(join(folder, name))
    await toFormat1(folder)
  }

  test.each([
    ['with a snapshot in the middle', true, 0],
    ['without a snapshot since its beginning', false, 0],
    ['with a torn last line', false, 300],
  ])('%s is read, continued and compacted', async (_what, compacted, torn) => {
    const store = await openStore()
    await taken(store, putFlag('ff.a'))
    if (compacted) await store.compact()
    for (let at = 0; at < 2; at += 1) await taken(store, putFlag('ff.a'))
    await stores.pop()?.close()
    await toOldForm()
    const names = (await listSegments(folder)).map(({ name }) => name)
    expect(names).toHaveLength(compacted ? 2 : 1)
    if (torn > 0) await appendFile(join(folder, names.at(-1) ?? ''), 'x'.repeat(torn))
    expect(await verifyFolder('ff.a')).toBe(3)
    expect(await verifyFolder('ff.a')).toBe(5)
  })

  test('is refused by them from the first start on', async () => {
    const store = await openStore()
    await taken(store, putFlag('ff.a'))
    await stores.pop()?.close()
    await toOldForm()
    // A reader changes nothing.
    expect((await (await FileReader.open(folder)).read(query('ff.a'))).flag?.row?.revision).toBe(1)
    expect(await readFormat(folder)).toBe(1)
    await openStore()
    await stores.pop()?.close()
    expect(await readFormat(folder)).toBe(2)
    expect(await verifyFolder('ff.a')).toBe(1)
  })
})

describe('what a segment holds behind the record that the next one follows', () => {
  test('is never read, also where it is longer than what a start reads of its end', async () => {
    const store = await openStore()
    for (let at = 0; at < 3; at += 1) await taken(store, putFlag('ff.a'))
    await stores.pop()?.close()
    const next = await openStore()
    await next.compact()
    const [first] = await listSegments(folder)
    const path = join(folder, first?.name ?? '')
    const whole = await readFile(path)
    const line = whole.subarray(whole.lastIndexOf(0x0a, whole.length - 2) + 1)
    const late = resealed(line.toString('utf8'), (json) => json.replace('"seq":3}', '"seq":4}'))
    for (const junk of ['garbage\n', late, late.repeat(10_000), 'torn']) {
      await writeFile(path, Buffer.concat([whole, Buffer.from(junk)]))
      const reader = await FileReader.open(folder)
      expect((await reader.read(query('ff.a'))).flag?.row?.revision).toBe(3)
    }
    await stores.pop()?.close()
    expect(await verifyFolder('ff.a')).toBe(3)
  })
})
