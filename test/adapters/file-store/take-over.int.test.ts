import { open as openFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { createStore, FileStore } from '../../../src/adapters/file-store/file-store.ts'
import { replayStore } from '../../../src/adapters/file-store/replay-store.ts'
import { claimTerm } from '../../../src/adapters/file-store/segments.ts'
import { replace, withFault } from '../../support/faults.ts'
import { readFormat, toFormat1 } from '../../support/store-folder.ts'
import { expectChain } from '../store-contract/audit-chain.ts'
import { loggedRecords, temporaryFolder, TOOLS } from '../store-contract/opened-store.ts'
import { attempt, failure, putFlag, taken } from '../store-contract/requests.ts'

const { replaceable } = await vi.hoisted(() => {
  vi.resetModules() // Files share a process: what an earlier one loaded is not replaceable.
  return import('../../support/faults.ts')
})
vi.mock(import('node:fs/promises'), replaceable)

let folder = ''
let stores: FileStore[] = []
beforeEach(async () => {
  folder = await temporaryFolder()
  await createStore(folder)
})
afterEach(async () => {
  vi.restoreAllMocks()
  for (const store of stores.splice(0)) await store.close()
  await rm(folder, { recursive: true })
})

/** Opens the store also where another one has it open. */
async function openStore(): Promise<FileStore> {
  const store = await FileStore.open(folder, TOOLS, { durable: true, lock: false })
  stores.push(store)
  return store
}
async function closeStore(store: FileStore): Promise<void> {
  stores = stores.filter((one) => one !== store)
  await store.close()
}
const listLog = async (): Promise<readonly string[]> =>
  (await readdir(folder)).filter((name) => /^(\.term-|log-)/.test(name))
const systemError = (code: string, syscall: string): Error =>
  Object.assign(new Error(code), { code, syscall })

describe('a store that was started a hundred times', () => {
  test.each([
    ['wrote nothing', 0],
    ['wrote a line', 1],
  ])(
    'keeps few files, and a writer that %s before them acknowledges nothing',
    async (_what, lines) => {
      const frozen = await openStore()
      for (let at = 0; at < lines; at += 1) await taken(frozen, putFlag('ff.a'))
      for (let at = 0; at < 100; at += 1) await closeStore(await openStore())
      expect((await listLog()).length).toBeLessThan(140)
      for (let at = 0; at < 3; at += 1)
        expect(await attempt(frozen, putFlag('ff.a'))).not.toHaveProperty('taken')
      expect(await failure(frozen.requireWritable())).toBe('backing_unavailable')
      // That claim was removed.
      expect(await failure(claimTerm(folder, 3))).toBe('backing_unavailable')
      const last = await openStore()
      expect(await taken(last, putFlag('ff.a'))).toMatchObject({ revision: lines + 1 })
      const { tail } = await replayStore(folder)
      expect(tail.head).toStrictEqual(await last.auditHead())
      expect(tail.head.seq).toBe(lines + 1)
    },
  )
})

test('a damaged store that is started a hundred times keeps few claims', async () => {
  await writeFile(join(folder, 'snapshot.ndjson'), 'damaged')
  for (let at = 0; at < 100; at += 1) expect(await failure(openStore())).toBe('store_corrupt')
  expect((await listLog()).length).toBeLessThan(70)
})

test('a claim of its own does not make a writer think that it was replaced', async () => {
  const store = await openStore()
  await taken(store, putFlag('ff.a'))
  const said: Promise<string>[] = []
  const around = (real: typeof openFile): typeof openFile => {
    return async (path, ...rest) => {
      const file = await real(path, ...rest)
      if (String(path).includes('.term-')) {
        said.push(failure(store.requireTerm()))
        // By then the check has met the claim.
        for (let at = 0; at < 20; at += 1) await stat(folder)
      }
      return file
    }
  }
  await withFault(replace(openFile, around), () => store.compact())
  expect(said.length).toBe(1)
  expect(await Promise.all(said)).toStrictEqual(['none'])
})

test('a segment that a replaced writer begins late is not part of the log', async () => {
  const writer = await openStore()
  await taken(writer, putFlag('ff.a'))
  const handle = await openFile(folder)
  const prototype = Object.getPrototypeOf(handle) as typeof handle
  await handle.close()
  vi.spyOn(prototype, 'datasync').mockRejectedValueOnce(systemError('EIO', 'fdatasync'))
  const successors: Promise<FileStore>[] = []
  // The failed line is in the file, and the writer has claimed the term of its next segment.
  const around = (real: typeof openFile): typeof openFile => {
    return async (path, flags, ...rest) => {
      if (flags === 'ax' && successors.length === 0) {
        successors.push(openStore())
        await successors[0]
      }
      return real(path, flags, ...rest)
    }
  }
  await withFault(replace(openFile, around), async () => {
    expect(await attempt(writer, putFlag('ff.a'))).toStrictEqual({ thrown: 'backing_unavailable' })
  })
  const [successor] = await Promise.all(successors)
  if (successor === undefined) throw new Error('no store took over')
  expect(await taken(successor, putFlag('ff.a'))).toMatchObject({ revision: 3 })
  expect(await attempt(writer, putFlag('ff.a'))).toStrictEqual({ thrown: 'backing_unavailable' })
  const { tail } = await replayStore(folder)
  expect(tail.head).toStrictEqual(await successor.auditHead())
  expectChain(await loggedRecords(folder), tail.head)
})

describe('a snapshot that earlier versions read', () => {
  test('is written anew before a segment is begun, or the store does not open', async () => {
    await closeStore(await openStore())
    await toFormat1(folder)
    const before = (await listLog()).filter((name) => name.startsWith('log-'))
    const full = (): typeof rename => () => Promise.reject(systemError('ENOSPC', 'rename'))
    await withFault(replace(rename, full), async () => {
      expect(await failure(openStore())).toBe('disk_full')
    })
    expect((await listLog()).filter((name) => name.startsWith('log-'))).toStrictEqual(before)
    expect(await readFormat(folder)).toBe(1)
    await openStore()
    expect(await readFormat(folder)).toBe(2)
  })
})
