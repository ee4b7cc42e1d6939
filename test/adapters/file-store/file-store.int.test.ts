import { execFileSync } from 'node:child_process'
import {
  cp,
  mkdtemp,
  open as openHandle,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { FileReader } from '../../../src/adapters/file-store/file-reader.ts'
import { createStore, FileStore } from '../../../src/adapters/file-store/file-store.ts'
import { replayStore } from '../../../src/adapters/file-store/replay-store.ts'
import { LineTooLong } from '../../../src/adapters/file-store/lines.ts'
import { openFileRows } from '../../../src/adapters/file-store/row-source.ts'
import { formatSegmentName } from '../../../src/adapters/file-store/segments.ts'
import { StoreDamage } from '../../../src/adapters/file-store/snapshot.ts'
import type { Instant } from '../../../src/core/rows/instant.ts'
import type { AnyRow, RowsOfFlag, TenantOverrideRow } from '../../../src/core/rows/rows.ts'
import { EXIT_STATUSES } from '../../../src/core/exit.ts'
import { FfError } from '../../../src/errors.ts'
import type { FlagStore } from '../../../src/ports/store.ts'
import { expectChain } from '../store-contract/audit-chain.ts'
import { type Child, startChild } from '../store-contract/child.ts'
import { everyNth, FULL } from '../../support/scale.ts'
import { loggedRecords, temporaryFolder, TOOLS } from '../store-contract/opened-store.ts'
import {
  attempt,
  failure,
  NOW,
  overrideText,
  putFlag,
  putTenant,
  taken,
} from '../store-contract/requests.ts'

let folder: string
let open: FileStore[]
let children: Child[]
beforeEach(async () => {
  folder = await temporaryFolder()
  open = []
  children = []
  await createStore(folder)
})
afterEach(async () => {
  for (const child of children) await child.kill()
  for (const store of open) await store.close().catch(() => undefined) // Some tests close it themselves.
  await rm(folder, { recursive: true, force: true })
})

async function openStore(where = folder): Promise<FileStore> {
  const store = await FileStore.open(where, TOOLS)
  open.push(store)
  return store
}
async function startStoreChild(mode: 'serve' | 'stream'): Promise<Child> {
  const started = await startChild(mode, folder)
  children.push(started)
  return started
}
async function closeStore(store: FileStore): Promise<void> {
  open = open.filter((one) => one !== store)
  await store.close()
}

const FLAG = 'ff.checkout'
const toRows = (store: FlagStore, flag_key = FLAG): Promise<RowsOfFlag> =>
  store.read({ flag_key, tenant_id: 'A1', user_id: null })

/** The segments of a store, oldest first. */
const listSegments = async (where = folder): Promise<readonly string[]> =>
  (await readdir(where)).filter((name) => name.startsWith('log-')).sort()
async function findLastSegment(): Promise<string> {
  const last = (await listSegments()).at(-1)
  if (last === undefined) throw new Error('the store has no log')
  return join(folder, last)
}

/** Creates a snapshot with a flag and an override, and a log with a change of each. */
async function createSmallStore(): Promise<{
  readonly rows: RowsOfFlag
  readonly before: RowsOfFlag
}> {
  const store = await openStore()
  await taken(store, putFlag(FLAG))
  await taken(store, putTenant('A1', FLAG, overrideText('true', { note: '"é"' })))
  await store.compact()
  await taken(store, putFlag(FLAG, { owner: '"team-b"' }))
  const before = await toRows(store)
  await taken(store, putTenant('A1', FLAG, overrideText('false')))
  const rows = await toRows(store)
  await closeStore(store)
  return { rows, before }
}

describe('a folder that is gone while its store is open', () => {
  test.each<readonly [string, () => Promise<unknown>]>([
    ['deleted', () => rm(folder, { recursive: true })],
    ['moved', () => rename(folder, `${folder}-moved`)],
    [
      'replaced by a copy',
      async () => {
        await rename(folder, `${folder}-moved`)
        await cp(`${folder}-moved`, folder, { recursive: true })
      },
    ],
  ])('%s: no write is acknowledged', async (_name, lose) => {
    const store = await openStore()
    await taken(store, putFlag(FLAG))
    await lose()
    for (let time = 0; time < 2; time += 1)
      expect(await failure(store.write(putFlag(FLAG, { owner: '"team-b"' })))).toBe(
        'target_unreachable',
      )
    await rm(`${folder}-moved`, { recursive: true, force: true })
  })

  test('an announcement that fails does not count for the limit of a minute', async () => {
    const store = await openStore()
    await taken(store, putFlag(FLAG))
    await rename(folder, `${folder}-moved`)
    const { actor, request_id, occurred_at } = putFlag(FLAG)
    const caller = { actor, auth_mode: 'verified', request_id, occurred_at } as const
    const announcement = { kind: 'global', target: 'global', ...caller } as const
    for (let time = 0; time < 2; time += 1)
      expect(await failure(store.announce(announcement))).toBe('target_unreachable')
    await rename(`${folder}-moved`, folder)
    expect(await store.announce(announcement)).toMatchObject({ ok: true })
    expect(await store.announce(announcement)).toMatchObject({ ok: false })
  })
})

describe('a torn last line', () => {
  test('at any length is dropped, and the store continues after the line before', async () => {
    const { before } = await createSmallStore()
    const path = await findLastSegment()
    const whole = await readFile(path)
    const start = whole.lastIndexOf(0x0a, whole.length - 2) + 1
    const lengths = Array.from({ length: whole.length - start }, (_, at) => start + at)
    expect(lengths.length).toBeGreaterThan(500)
    const cuts = new Set([start, ...everyNth(lengths, 6), whole.length - 1])
    await forEachOnCopy([...cuts], async (copy, length) => {
      await writeFile(join(copy, (await listSegments()).at(-1) ?? ''), whole.subarray(0, length))
      const { snapshot, tail } = await replayStore(copy)
      const query = { flag_key: FLAG, tenant_id: 'A1', user_id: null }
      expect(snapshot.index.read(query), `cut after ${length} bytes`).toStrictEqual(before)
      expect([tail.head.seq, tail.size]).toStrictEqual([3, start])
      // Opening takes a lock besides, so it is not done at each byte.
      if (length % 10 !== 0) return
      const store = await FileStore.open(copy, TOOLS)
      expect(await toRows(store)).toStrictEqual(before)
      await store.close()
      await rm(copy, { recursive: true })
      await cp(folder, copy, { recursive: true })
    })
  })

  test.each([1, 9, 10, 400])('of %i bytes: the next write replaces it', async (bytes) => {
    await createSmallStore()
    const path = await findLastSegment()
    const whole = await readFile(path)
    await truncate(path, whole.lastIndexOf(0x0a, whole.length - 2) + 1 + bytes)
    const store = await openStore()
    const row = await taken(store, putTenant('A1', FLAG, overrideText('true', { note: '"new"' })))
    await closeStore(store)
    const again = await openStore()
    expect((await toRows(again)).tenant).toStrictEqual({ row })
    expectChain(await loggedRecords(folder), await again.auditHead())
  })

  test('that is the first of its segment: the store can be compacted and written to', async () => {
    await createSmallStore()
    const path = await findLastSegment()
    await truncate(path, 20)
    const store = await openStore()
    expect((await store.auditHead()).seq).toBe(2)
    await store.compact()
    expect(await attempt(store, putFlag(FLAG))).toHaveProperty('taken')
  })

  test('in a segment that is not the last is damage', async () => {
    await createSmallStore()
    const path = await findLastSegment()
    const text = await readFile(path, 'utf8')
    const last = (await loggedRecords(folder)).at(-1)
    if (last === undefined) throw new Error('the log has no record')
    await writeFile(join(folder, formatSegmentName(9, 0, last)), '')
    expect(await failure(openStore().then(closeStore))).toBe('none')
    await truncate(path, text.length - 40)
    expect(await failure(openStore())).toBe('store_corrupt')
  })
})

/** Runs `work` for each item on copies of the folder, several at a time. */
async function forEachOnCopy<T>(
  items: readonly T[],
  work: (copy: string, item: T) => Promise<void>,
): Promise<void> {
  const parent = await temporaryFolder()
  const waiting = [...items]
  const worker = async (): Promise<void> => {
    const copy = await mkdtemp(join(parent, 'copy-'))
    await cp(folder, copy, { recursive: true })
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift())
      await work(copy, item)
  }
  try {
    await Promise.all(Array.from({ length: 6 }, worker))
  } finally {
    await rm(parent, { recursive: true })
  }
}

/** How a byte changes. */
const CHANGES: readonly (readonly [string, (byte: number, at: number) => number])[] = [
  ['with one bit flipped', (byte, at) => byte ^ (1 << (at % 8))],
  ['replaced by a line feed', () => 0x0a],
]

describe('a byte that changed', () => {
  test.each(CHANGES)('%s is found, in the snapshot and in the log', async (_situation, turn) => {
    const { rows } = await createSmallStore()
    const places = await listBytes(['snapshot.ndjson', (await listSegments()).at(-1) ?? ''])
    expect(places.length).toBeGreaterThan(2_000)
    const unnoticed: string[] = []
    let found = 0
    const changed = everyNth(places, 6).filter(
      ({ at, whole }) => turn(whole.readUInt8(at), at) !== whole.readUInt8(at),
    )
    const opened = new Set(changed.filter((_, index) => index % 12 === 0))
    await forEachOnCopy(changed, async (copy, place) => {
      const { name, at, whole } = place
      const bytes = Buffer.from(whole)
      bytes.writeUInt8(turn(bytes.readUInt8(at), at), at)
      await writeFile(join(copy, name), bytes)
      if (await isDamaged(copy)) found += 1
      else unnoticed.push(`${name}, byte ${at}`)
      // Opening takes a lock besides, so it is not done at each byte.
      if (opened.has(place)) {
        const store = await FileStore.open(copy, TOOLS).catch((error: unknown) => error)
        expect(store).toMatchObject({ code: 'store_corrupt' })
      }
      await writeFile(join(copy, name), whole)
      if (opened.has(place)) expect(await isDamaged(copy)).toBe(false)
    })
    expect(unnoticed).toStrictEqual([])
    expect(found).toBe(changed.length)
    expect(found).toBeGreaterThan(places.length / 8)
    expect(await toRows(await openStore())).toStrictEqual(rows)
  })

  test.each([
    ['the snapshot is missing', 'snapshot.ndjson', null, 'target_unreachable'],
    ['the snapshot is empty', 'snapshot.ndjson', '', 'store_corrupt'],
    ['the snapshot has only empty lines', 'snapshot.ndjson', '\n\n\n', 'store_corrupt'],
    ['the log is 4 KiB of zeros', 'log', '\u0000'.repeat(4_096) + '\n', 'store_corrupt'],
    ['a line of the log is too long', 'log', 'x'.repeat(1_100_000), 'store_corrupt'],
  ])('%s', async (_situation, name, text, code) => {
    await createSmallStore()
    const path = name === 'log' ? await findLastSegment() : join(folder, name)
    if (text === null) await rm(path)
    else await writeFile(path, text)
    expect(await failure(openStore())).toBe(code)
  })

  test('a line that is missing, doubled or out of order is damage', async () => {
    const store = await openStore()
    for (const owner of ['"a"', '"b"', '"c"', '"d"']) await taken(store, putFlag(FLAG, { owner }))
    await closeStore(store)
    const path = await findLastSegment()
    const [a, b, c, d] = (await readFile(path, 'utf8')).split('\n')
    for (const lines of [
      [b, c, d],
      [a, c, d],
      [a, b, b, c, d],
      [a, c, b, d],
      [a, b, d],
    ]) {
      await writeFile(path, `${lines.join('\n')}\n`)
      expect(await failure(openStore())).toBe('store_corrupt')
    }
  })
})

interface Place {
  readonly name: string
  readonly at: number
  readonly whole: Buffer
}
async function listBytes(names: readonly string[]): Promise<readonly Place[]> {
  const files = await Promise.all(
    names.map(async (name) => ({ name, whole: await readFile(join(folder, name)) })),
  )
  return files.flatMap(({ name, whole }) => Array.from(whole, (_, at) => ({ name, at, whole })))
}

async function isDamaged(where: string): Promise<boolean> {
  try {
    await replayStore(where)
    return false
  } catch (error) {
    if (error instanceof StoreDamage || error instanceof LineTooLong) return true
    throw error
  }
}

describe('one writer', () => {
  test('a second open fails: the store is locked, exit busy', async () => {
    await openStore()
    const error = await FileStore.open(folder, TOOLS).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(FfError)
    expect(error).toMatchObject({ code: 'store_locked', exitName: 'busy' })
    expect(EXIT_STATUSES.busy[0]).toBe(24)
  })

  test('a store that was closed can be opened again', async () => {
    await closeStore(await openStore())
    expect(await failure(openStore())).toBe('none')
  })

  test('a store that another process holds is locked until that process is killed', async () => {
    const holder = await startStoreChild('serve')
    expect(await failure(openStore())).toBe('store_locked')
    await holder.kill()
    expect(await failure(openStore())).toBe('none')
  })

  test('a store whose opening failed is not locked', async () => {
    await createSmallStore()
    const path = await findLastSegment()
    const whole = await readFile(path)
    await writeFile(path, whole.subarray(10))
    expect(await failure(openStore())).toBe('store_corrupt')
    await writeFile(path, whole)
    expect(await failure(openStore())).toBe('none')
  })

  test('a closed store refuses writes, because another process may have it open', async () => {
    const store = await openStore()
    await taken(store, putFlag(FLAG))
    await closeStore(store)
    expect(await attempt(store, putFlag(FLAG, { owner: '"late"' }))).not.toHaveProperty('taken')
    const next = await openStore()
    expect((await toRows(next)).flag?.row).toMatchObject({ owner: 'team-a', revision: 1 })
  })

  test.each([
    ['a folder without a store', '', 'target_unreachable'],
    ['a file instead of a folder', '/snapshot.ndjson', 'target_unreachable'],
  ])('%s cannot be opened', async (_situation, below, code) => {
    const where = below === '' ? await temporaryFolder() : folder + below
    expect(await failure(FileStore.open(where, TOOLS))).toBe(code)
    if (below === '') await rm(where, { recursive: true })
  })
})

describe('kill -9', () => {
  test.each([5, 40, 120])(
    'after %i batches of writes: every acknowledged write is there',
    async (batches) => {
      const writer = await startStoreChild('stream')
      let last: readonly number[] = []
      for (const _ of Array.from({ length: batches })) last = (await writer.next()) as number[]
      const rest = (await writer.kill()) as number[][]
      last = rest.at(-1) ?? last
      const store = await openStore()
      for (const [at, flag] of ['ff.a', 'ff.b', 'ff.c'].entries()) {
        const held = (await toRows(store, flag)).flag?.row
        expect(held?.revision).toBeGreaterThanOrEqual(last[at] ?? Number.NaN)
        // The write in flight at the kill may be there too; no later write was sent.
        expect(held?.revision).toBeLessThanOrEqual((last[at] ?? Number.NaN) + 1)
        expect(held?.owner).toBe(`edit ${(held?.revision ?? 0) - 1}`)
      }
      expect(last[0]).toBeGreaterThanOrEqual(batches)
      expectChain(await loggedRecords(folder), await store.auditHead())
      expect(await taken(store, putFlag('ff.a'))).toMatchObject({
        revision: expect.any(Number) as number,
      })
    },
  )

  test('during compactions and writes: rows and chain are whole', async () => {
    for (const round of [0, 1, 2, 3, 4]) {
      const writer = await startStoreChild('serve')
      const asked = Array.from({ length: 20 }, (_, at) => (at % 3 === 0 ? 'compact' : 'write ff.a'))
      const answers = Promise.all(asked.map((line) => writer.ask(line)))
      const dead = answers.catch(() => undefined)
      const acknowledged = (await writer.ask('write ff.a').catch(() => ({ revision: 0 }))) as {
        revision: number
      }
      void writer.ask('compact').catch(() => undefined)
      await new Promise((resolve) => setTimeout(resolve, round * 2))
      await writer.kill()
      await dead
      const store = await openStore()
      const held = (await toRows(store, 'ff.a')).flag?.row
      expect(acknowledged.revision).toBeGreaterThan(0)
      expect(held?.revision).toBeGreaterThanOrEqual(acknowledged.revision)
      expectChain(await loggedRecords(folder), await store.auditHead())
      await closeStore(store)
    }
  })
})

describe('lines that change nothing', () => {
  test('extend the chain, and every reader sees the rows unchanged', async () => {
    await createSmallStore()
    const { snapshot: before } = await replayStore(folder)
    const wanted = await getLines(folder)
    const store = await openStore()
    const request = putFlag(FLAG, { owner: '"refused"' })
    for (const _ of [1, 2, 3]) await store.refuse({ request, code: 'forbidden' })
    const { snapshot, tail } = await replayStore(folder)
    expect(tail.head.seq).toBe(7)
    expect(snapshot.index.sorted('flag_registry')).toStrictEqual(
      before.index.sorted('flag_registry'),
    )
    expect(await getLines(folder)).toStrictEqual(wanted)
    const reader = await FileReader.open(folder)
    expect(await reader.read({ flag_key: FLAG, tenant_id: 'A1', user_id: null })).toStrictEqual(
      await toRows(store),
    )
    await store.compact()
    expect(await getLines(folder)).toStrictEqual(wanted)
    expectChain(await loggedRecords(folder), await store.auditHead())
  })

  const getLines = async (where: string): Promise<string> => {
    const source = await openFileRows(where)
    let text = ''
    for await (const { bytes } of source.lines()) text += bytes.toString('utf8')
    await source.close()
    return text
  }
})

describe('compaction', () => {
  test('replaces the temporary file of a killed compaction, and follows no symbolic link', async () => {
    const store = await openStore()
    await taken(store, putFlag(FLAG))
    const victim = join(folder, 'victim')
    await writeFile(victim, 'kept')
    await symlink(victim, join(folder, '.snapshot.ndjson.new'))
    await store.compact()
    expect(await readFile(victim, 'utf8')).toBe('kept')
    expect((await readdir(folder)).filter((name) => name.endsWith('.new'))).toEqual([])
    await closeStore(store)
  })

  test('keeps rows, tombstones, chain and segments', async () => {
    const store = await openStore()
    await taken(store, putFlag(FLAG))
    await taken(store, putTenant('A1', FLAG, overrideText('true')))
    const [before, head] = [await toRows(store), await store.auditHead()]
    const kept = await listSegments()
    const bytes = await readFile(await findLastSegment())
    await store.compact()
    expect([await toRows(store), await store.auditHead()]).toStrictEqual([before, head])
    await taken(store, putFlag(FLAG))
    await store.compact()
    await store.compact()
    await taken(store, putFlag(FLAG))
    await closeStore(store)
    expect(await readFile(join(folder, kept[0] ?? ''))).toStrictEqual(bytes)
    expect(await listSegments()).toHaveLength(3)
    const again = await openStore()
    expect((await toRows(again)).flag?.row).toMatchObject({ revision: 3 })
    expect((await toRows(again)).tenant).toStrictEqual(before.tenant)
    const records = await loggedRecords(folder)
    expect(records).toHaveLength(4)
    expectChain(records, await again.auditHead())
  })

  test('runs when a store with a long log is opened', async () => {
    const store = await openStore()
    const owner = JSON.stringify('o'.repeat(2_000))
    const description = JSON.stringify('d'.repeat(2_000))
    const writes = Array.from({ length: 400 }, () => putFlag(FLAG, { owner, description }))
    const snapshot = await readFile(join(folder, 'snapshot.ndjson'))
    await Promise.all(writes.map((write) => taken(store, write)))
    const head = await store.auditHead()
    expect((await stat(await findLastSegment())).size).toBeGreaterThan(4_194_304)
    await closeStore(store)
    // As after a kill before the end of the compaction that the writes started.
    await writeFile(join(folder, 'snapshot.ndjson'), snapshot)
    const short = snapshot.length
    const again = await openStore()
    expect((await stat(join(folder, 'snapshot.ndjson'))).size).toBeGreaterThan(short)
    expect((await toRows(again)).flag?.row).toMatchObject({ revision: 400 })
    expect(await again.auditHead()).toStrictEqual(head)
    await taken(again, putFlag(FLAG))
    expectChain(await loggedRecords(folder), await again.auditHead())
  })

  test('during writes loses none', async () => {
    const store = await openStore()
    const work = Array.from({ length: 60 }, (_, at) =>
      at % 10 === 5 ? store.compact().then(() => null) : taken(store, putFlag(FLAG)),
    )
    const rows = (await Promise.all(work)).filter((row): row is AnyRow => row !== null)
    expect(new Set(rows.map(({ revision }) => revision)).size).toBe(54)
    await closeStore(store)
    const again = await openStore()
    expect((await toRows(again)).flag?.row?.revision).toBe(54)
    expectChain(await loggedRecords(folder), await again.auditHead())
  })
})

describe('the cost of a write', () => {
  test('does not depend on the number of overrides', async () => {
    const few = await measureMedianWrite(10)
    const many = await measureMedianWrite(FULL ? 50_000 : 20_000)
    expect(many / few).toBeLessThan(3)
  })
})

async function measureMedianWrite(overrides: number): Promise<number> {
  const where = await temporaryFolder()
  await createStore(where)
  const store = await openStore(where)
  await taken(store, putFlag(FLAG))
  const flag = (await toRows(store)).flag?.row
  if (flag === undefined) throw new Error('there is no flag')
  const rows = Array.from({ length: overrides }, (_, at): TenantOverrideRow => ({
    tenant_id: `T${at}`,
    flag_key: FLAG,
    value: flag.default_value,
    created_by: 'U-load',
    updated_by: 'U-load',
    revision: 1,
    created_at: NOW,
    updated_at: NOW as Instant,
  }))
  await store.load({ flag_registry: [flag], tenant_override: rows, user_override: [] })
  const times: number[] = []
  for (const at of Array.from({ length: 200 }, (_, index) => index)) {
    const started = performance.now()
    await taken(store, putTenant(`T${at % 10}`, FLAG, overrideText('true')))
    times.push(performance.now() - started)
  }
  await closeStore(store)
  await rm(where, { recursive: true })
  return times.sort((a, b) => a - b)[100] ?? Number.NaN
}

/** A store on a full disk; `lift` gives it room again. */
interface LimitedStore {
  readonly store: Child
  /** Whether a write that is refused is followed by others that are: a limit on the size of a file ends with the file. */
  readonly lasts: boolean
  readonly lift: () => Promise<void>
  readonly end: () => Promise<void>
}
const run = (command: string, ...args: readonly string[]): string =>
  execFileSync(command, args, { encoding: 'utf8' })

async function startWithSizeLimit(): Promise<LimitedStore> {
  const store = await startStoreChild('serve')
  run('prlimit', '--pid', String(store.pid), '--fsize=30000:')
  return {
    store,
    lasts: false,
    lift: async () => void run('prlimit', '--pid', String(store.pid), '--fsize=unlimited:'),
    end: () => Promise.resolve(),
  }
}

async function startOnSmallDisk(): Promise<LimitedStore> {
  run('mount', '-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', folder)
  await createStore(folder)
  const ballast = join(folder, 'ballast')
  await writeFile(ballast, Buffer.alloc(150_000))
  const store = await startStoreChild('serve')
  return {
    store,
    lasts: true,
    lift: () => rm(ballast),
    end: async () => {
      await store.kill()
      run('umount', folder)
    },
  }
}

// Only root may mount; an ordinary user runs the case of the size limit alone.
const LIMITS: readonly (readonly [string, () => Promise<LimitedStore>])[] = [
  ['a limit on the size of its files', startWithSizeLimit],
  ...(process.getuid?.() === 0 ? ([['a full disk', startOnSmallDisk]] as const) : []),
]

describe.each(LIMITS)('a store that meets %s', (_situation, make) => {
  test('refuses with disk_full, loses no acknowledged write, and works again with room', async () => {
    const { store, lasts, lift, end } = await make()
    try {
      const answers: { code: string; revision: number | null }[] = []
      while (answers.at(-1)?.code !== 'disk_full' && answers.length < 300)
        answers.push((await store.ask('write ff.a')) as (typeof answers)[number])
      const acknowledged = answers.length - 1
      expect(answers.at(-1)).toStrictEqual({ code: 'disk_full', revision: null })
      expect(answers.slice(0, -1).every(({ code }) => code === 'ok')).toBe(true)
      expect(acknowledged).toBeGreaterThan(5)
      const files = (await readdir(folder)).length
      for (const _ of lasts ? [1, 2, 3, 4, 5, 6, 7, 8] : [])
        expect(await store.ask('write ff.a')).toStrictEqual({ code: 'disk_full', revision: null })
      // Each segment that takes a part of a line makes the disk fuller, and an empty one is kept.
      expect((await readdir(folder)).length).toBeLessThanOrEqual(files + 4)
      await lift()
      expect(await store.ask('write ff.a')).toStrictEqual({
        code: 'ok',
        revision: acknowledged + 1,
      })
      await store.kill()
      const again = await openStore()
      expect((await toRows(again, 'ff.a')).flag?.row?.revision).toBe(acknowledged + 1)
      expectChain(await loggedRecords(folder), await again.auditHead())
      await closeStore(again)
    } finally {
      await end()
    }
  })

  test('can be compacted and written to once there is room', async () => {
    const { store, lift, end } = await make()
    try {
      let code = 'ok'
      for (let tries = 0; code === 'ok' && tries < 300; tries += 1)
        code = ((await store.ask('write ff.a')) as { code: string }).code
      expect(code).toBe('disk_full')
      await lift()
      expect(await store.ask('compact')).toMatchObject({ code: 'ok' })
      expect(await store.ask('write ff.a')).toMatchObject({ code: 'ok' })
      expect(await store.ask('write ff.a')).toMatchObject({ code: 'ok' })
    } finally {
      await end()
    }
  })
})

describe('a store at its limit of open files', () => {
  test('refuses to begin a segment, and works again with a higher limit', async () => {
    const store = await startStoreChild('serve')
    const limit = (files: number): string =>
      run('prlimit', '--pid', String(store.pid), `--nofile=${files}:`)
    expect(await store.ask('write ff.a')).toStrictEqual({ code: 'ok', revision: 1 })
    limit(3)
    expect(await store.ask('compact')).not.toMatchObject({ code: 'ok' })
    expect(await store.ask('write ff.a')).not.toMatchObject({ code: 'ok' })
    limit(256)
    expect(await store.ask('write ff.a')).toStrictEqual({ code: 'ok', revision: 2 })
    await store.kill()
    expect((await toRows(await openStore(), 'ff.a')).flag?.row?.revision).toBe(2)
  })
})

describe('a write that fails before its first line is on the disk', () => {
  test('leaves an empty segment, and a later compaction works', async () => {
    const store = await startStoreChild('serve')
    run('prlimit', '--pid', String(store.pid), '--fsize=0:')
    expect(await store.ask('write ff.a')).not.toMatchObject({ code: 'ok' })
    run('prlimit', '--pid', String(store.pid), '--fsize=unlimited:')
    expect(await store.ask('compact')).toMatchObject({ code: 'ok' })
    expect(await store.ask('write ff.a')).toStrictEqual({ code: 'ok', revision: 1 })
  })
})

test('a durable store waits for the disk at each write, a scratch store never', async () => {
  const handle = await openHandle(folder)
  const prototype = Object.getPrototypeOf(handle) as typeof handle
  await handle.close()
  const waits = [vi.spyOn(prototype, 'datasync'), vi.spyOn(prototype, 'sync')]
  const waited = async (store: FileStore): Promise<readonly number[]> => {
    for (const wait of waits) wait.mockClear()
    await store.load({ flag_registry: [], tenant_override: [], user_override: [] })
    await taken(store, putFlag('ff.a'))
    await store.close()
    return waits.map(({ mock }) => mock.calls.length)
  }
  // datasync: the line. sync: the snapshot and its folder.
  expect(await waited(await FileStore.open(folder, TOOLS))).toEqual([1, 2])
  expect(await waited(await FileStore.open(folder, TOOLS, { durable: false }))).toEqual([0, 0])
  for (const wait of waits) wait.mockRestore()
})
