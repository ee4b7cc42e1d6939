import { cpSync } from 'node:fs'
import { open as openFile, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { createStore, FileStore } from '../../../src/adapters/file-store/file-store.ts'
import { replayStore } from '../../../src/adapters/file-store/replay-store.ts'
import { SNAPSHOT, writeSnapshot } from '../../../src/adapters/file-store/snapshot.ts'
import { replace, withFault } from '../../support/faults.ts'
import { expectChain } from '../store-contract/audit-chain.ts'
import { loggedRecords, temporaryFolder, TOOLS } from '../store-contract/opened-store.ts'
import {
  attempt,
  failure,
  overrideText,
  putFlag,
  putTenant,
  remove,
  taken,
} from '../store-contract/requests.ts'

const { replaceable } = await vi.hoisted(() => {
  vi.resetModules() // Files share a process: what an earlier one loaded is not replaceable.
  return import('../../support/faults.ts')
})
vi.mock(import('node:fs/promises'), replaceable)

let parent = ''
let folder = ''
const open: FileStore[] = []
beforeEach(async () => {
  parent = await temporaryFolder()
  folder = join(parent, 'store')
  await createStore(folder)
})
afterEach(async () => {
  vi.restoreAllMocks()
  for (const store of open.splice(0)) await store.close().catch(() => undefined) // Some are closed already.
  await rm(parent, { recursive: true })
})
async function openStore(where = folder): Promise<FileStore> {
  const store = await FileStore.open(where, TOOLS)
  open.push(store)
  return store
}

const waitUntil = (holds: () => Promise<boolean>): Promise<boolean> =>
  vi.waitUntil(holds, { timeout: 20_000, interval: 10 })
const FLAG = 'ff.checkout'
const revision = async (store: FileStore): Promise<number> =>
  (await store.read({ flag_key: FLAG, tenant_id: null, user_id: null })).flag?.row?.revision ?? 0
const readHeader = async (): Promise<{ readonly seq: number }> => {
  const [header = ''] = (await readFile(join(folder, SNAPSHOT), 'utf8')).split('\n')
  return JSON.parse(header) as { seq: number }
}
const LONG = JSON.stringify('d'.repeat(2_000))
/** Writes of more than 4 MiB of log, as one batch. */
const writeMuch = (store: FileStore): Promise<unknown> =>
  Promise.all(
    Array.from({ length: 400 }, () =>
      taken(store, putFlag(FLAG, { owner: LONG, description: LONG })),
    ),
  )

describe('F2: a log that grows too long', () => {
  test('is compacted while the store serves, and the next start replays a short one', async () => {
    const store = await openStore()
    for (const round of [1, 2, 3]) {
      await writeMuch(store)
      await waitUntil(async () => (await readHeader()).seq === 400 * round)
    }
    expect(await revision(store)).toBe(1_200)
    await store.close()
    const { tail } = await replayStore(folder)
    expect(tail.bytes).toBeLessThan(4_194_304)
    expectChain(await loggedRecords(folder), tail.head)
  })

  test('is compacted once, whatever is written meanwhile', async () => {
    const store = await openStore()
    const calls = vi.spyOn(store, 'compact')
    await writeMuch(store)
    for (let at = 0; at < 20; at += 1) await taken(store, putFlag(FLAG))
    await waitUntil(async () => (await readHeader()).seq >= 400)
    expect(calls).toHaveBeenCalledTimes(1)
    await store.close()
    const again = await openStore()
    expect(await revision(again)).toBe(420)
  })
})

describe('a compaction', () => {
  test('writes the bytes that a snapshot of the same rows has', async () => {
    const store = await openStore()
    await taken(store, putFlag(FLAG, { description: '"\\u2028 é 😀 \\"x\\""' }))
    await taken(
      store,
      putFlag('ff.a', { value_type: '"number"', default_value: '1E2', safe_value: '0.30' }),
    )
    for (const tenant of ['B', 'A', 'A1', 'a']) {
      await taken(store, putTenant(tenant, FLAG, overrideText('true')))
      await store.compact()
    }
    await taken(store, remove('tenant_override', { scope_id: 'A1', flag_key: FLAG }))
    await store.compact()
    await store.close()
    const compacted = await readFile(join(folder, SNAPSHOT), 'utf8')
    const { snapshot, tail } = await replayStore(folder)
    await writeSnapshot(folder, { ...snapshot, head: tail.head })
    expect(compacted).toBe(await readFile(join(folder, SNAPSHOT), 'utf8'))
    expect(compacted.split('\n')).toHaveLength(2 + 4 + 2 + 1)
  })

  test('of a snapshot that was damaged since the start fails, and readiness says so until it works', async () => {
    const store = await openStore()
    await taken(store, putFlag(FLAG))
    await store.compact()
    const path = join(folder, SNAPSHOT)
    const whole = await readFile(path, 'utf8')
    await writeFile(path, whole.replace('as it was', 'as it wos'))
    expect(await failure(store.compact())).toBe('store_corrupt')
    await writeMuch(store)
    await waitUntil(async () => (await failure(store.requireWritable())) === 'store_corrupt')
    expect(await attempt(store, putFlag(FLAG))).toHaveProperty('taken')
    await writeFile(path, whole)
    await waitUntil(async () => (await failure(store.requireWritable())) === 'none')
    expect((await readHeader()).seq).toBeGreaterThan(400)
    expectChain(await loggedRecords(folder), await store.auditHead())
  })

  test('after close is refused', async () => {
    const store = await openStore()
    await store.close()
    expect(await failure(store.compact())).toBe('backing_unavailable')
  })
})

/** What `kill -9` leaves: the files as they are at one moment, and the writes that were acknowledged by then. */
interface Moment {
  readonly place: string
  readonly acknowledged: number
}
type AnyFunction = (...args: never[]) => Promise<unknown>

describe('F2: kill -9 at each step of a compaction', () => {
  test('loses no acknowledged write, and every chain verifies', async () => {
    const moments: Moment[] = []
    let acknowledged = 0
    const capture = (): void => {
      const place = join(parent, `moment-${moments.length}`)
      cpSync(folder, place, { recursive: true })
      moments.push({ place, acknowledged })
    }
    const around = <T extends AnyFunction>(real: T): T =>
      (async (...args: never[]) => {
        capture()
        const result = await real(...args)
        capture()
        return result
      }) as T
    const store = await openStore()
    const write = async (): Promise<void> => {
      await taken(store, putFlag(FLAG))
      acknowledged += 1
    }
    for (let at = 0; at < 3; at += 1) await write()
    await store.compact()
    for (let at = 0; at < 3; at += 1) await write()
    await captureFileCalls(capture)
    await withFault(replace(openFile, around), () =>
      withFault(replace(rename, around), async () => {
        const done = store.compact()
        for (let at = 0; at < 3; at += 1) await write()
        await done
        await write()
      }),
    )
    vi.restoreAllMocks()
    await store.close()
    expect(moments.length).toBeGreaterThan(30)
    const names = await Promise.all(moments.map(({ place }) => readdir(place)))
    expect(names.some((list) => list.some((name) => name.endsWith('.new')))).toBe(true)
    for (const { place, acknowledged: least } of moments) {
      const again = await openStore(place)
      const found = await revision(again)
      // The write in flight may be there too.
      expect([least, least + 1]).toContain(found)
      await taken(again, putFlag(FLAG))
      await again.compact()
      await taken(again, putFlag(FLAG))
      expectChain(await loggedRecords(place), await again.auditHead())
      await again.close()
      const { snapshot } = await replayStore(place)
      const key = { scope_id: null, flag_key: FLAG }
      expect(snapshot.index.get('flag_registry', key)?.row?.revision).toBe(found + 2)
    }
  })

  /** Calls `capture` before and after each call on an open file. */
  async function captureFileCalls(capture: () => void): Promise<void> {
    const handle = await openFile(parent)
    const prototype = Object.getPrototypeOf(handle) as Record<string, AnyFunction>
    await handle.close()
    for (const name of ['write', 'writeFile', 'truncate', 'sync', 'datasync']) {
      const real = prototype[name] as AnyFunction
      vi.spyOn(prototype, name).mockImplementation(async function (this: unknown, ...args) {
        capture()
        const result: unknown = await Reflect.apply(real, this, args)
        capture()
        return result
      })
    }
  }
})
