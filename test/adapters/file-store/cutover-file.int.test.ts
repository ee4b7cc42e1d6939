import { appendFile, mkdir, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { openCutoverFolder } from '../../../src/adapters/file-store/cutover-file.ts'
import { createStore, FileStore } from '../../../src/adapters/file-store/file-store.ts'
import { writeNewStore } from '../../../src/adapters/file-store/new-store.ts'
import { FileShipStore } from '../../../src/adapters/file-store/ship-store.ts'
import { tryLock } from '../../../src/adapters/file-lock/file-lock.ts'
import { EMPTY_HEAD } from '../../../src/core/audit/record.ts'
import { followRecord, type PhaseRecord } from '../../../src/core/cutover/record.ts'
import { syncFolder } from '../../../src/files/replace-file.ts'
import type { CutoverFile } from '../../../src/ports/cutover.ts'
import { replace, withFault } from '../../support/faults.ts'
import { temporaryFolder, TOOLS } from '../store-contract/opened-store.ts'
import { failure } from '../store-contract/requests.ts'

const { replaceable } = await vi.hoisted(() => {
  vi.resetModules() // Files share a process: what an earlier one loaded is not replaceable.
  return import('../../support/faults.ts')
})
vi.mock(import('../../../src/files/replace-file.ts'), replaceable)

let folder = ''
let cutover: CutoverFile
beforeEach(async () => {
  folder = await temporaryFolder()
  await createStore(folder)
  cutover = await openCutoverFolder(folder)
})
afterEach(() => rm(folder, { recursive: true }))

const EMPTY = {
  epoch: 0,
  head: EMPTY_HEAD,
  counts: { flag_registry: 0, tenant_override: 0, user_override: 0 },
}
async function* none(): AsyncGenerator<Buffer> {}
const ENDED = 4_194_305 // Above the highest process id of Linux.
const register = (id: string, counter: number, pid = process.pid) => {
  const facts = { host: 'h', pid, code: '1', schema_head: 6, configuration: 'c' }
  return cutover.renew({ id, counter, epoch: 1, facts })
}
const next = async (phase: PhaseRecord['phase']): Promise<PhaseRecord> =>
  followRecord((await cutover.read()).record, { phase })
const at = (name: string): string => join(folder, 'cutover', name)

describe('a folder without a record', () => {
  test('has one of epoch 1 in phase file, and stays as it is', async () => {
    const { record, intent } = await cutover.read()
    expect([record.epoch, record.phase, record.survivor, intent]).toEqual([1, 'file', 'file', null])
    expect(await readdir(folder)).not.toContain('cutover')
  })
  test('has the epoch of its store', async () => {
    const store = await FileStore.open(folder, TOOLS)
    await store.startEpoch(7)
    await store.close()
    expect((await cutover.read()).record.epoch).toBe(7)
  })
  test('that is missing, or no store, is not opened', async () => {
    expect(await failure(openCutoverFolder(join(folder, 'none')))).toBe('target_unreachable')
  })
})

describe('the record', () => {
  test('is replaced over the epoch that was seen alone, and again by the same one', async () => {
    const first = await next('dual_write')
    expect(await cutover.writeRecord(first, 1)).toBe(true)
    expect(await cutover.writeRecord(first, 1)).toBe(true)
    expect(await cutover.writeRecord({ ...first, phase: 'shadow_read' }, 1)).toBe(false)
    expect(await cutover.writeRecord({ ...first, epoch: 1 }, 9)).toBe(false)
    expect(await cutover.writeRecord({ ...first, attempt: 2 }, 9)).toBe(false)
    expect((await cutover.read()).record).toStrictEqual(first)
    expect(await cutover.writeRecord(await next('shadow_read'), first.epoch)).toBe(true)
    expect((await readdir(join(folder, 'cutover'))).sort()).toEqual(['.lock', 'record.json'])
  })
  test('is there after a power cut, also where it is the first file of the cutover', async () => {
    const synced: string[] = []
    const record = await next('dual_write')
    const spy = replace(syncFolder, (real) => (path) => {
      synced.push(path)
      return real(path)
    })
    expect(await withFault(spy, () => cutover.writeRecord(record, 1))).toBe(true)
    expect(synced).toContain(folder)
  })
  test('is written by one of ten that replace the same epoch at once', async () => {
    const first = await next('dual_write')
    const others = Array.from({ length: 10 }, (_, one) => ({ ...first, attempt: 2 + one }))
    const done = await Promise.all(others.map((one) => cutover.writeRecord(one, 1)))
    expect(done.filter(Boolean)).toHaveLength(1)
    expect((await cutover.read()).record.attempt).toBe(2 + done.indexOf(true))
  })
  test.each([
    ['cut', (path: string, text: string) => writeFile(path, text.slice(0, -20))],
    ['empty', (path: string) => writeFile(path, '')],
    ['flipped', (path: string, text: string) => writeFile(path, text.replace('dual', 'duel'))],
    ['followed by bytes', (path: string) => appendFile(path, 'x')],
    ['too long', (path: string) => writeFile(path, 'x'.repeat(100_000))],
  ])('that is %s is no default: store_corrupt, and nothing replaces it', async (_how, damage) => {
    await cutover.writeRecord(await next('dual_write'), 1)
    const text = await readFile(at('record.json'), 'utf8')
    await damage(at('record.json'), text)
    expect(await failure(cutover.read())).toBe('store_corrupt')
    expect(await failure(register('a', 1))).toBe('store_corrupt')
    expect(await failure(cutover.writeRecord({ ...JSON.parse('{}'), epoch: 9 }, 8))).toBe(
      'store_corrupt',
    )
    expect(await failure(FileStore.open(folder, TOOLS))).toBe('store_corrupt')
  })
  test('waits for another process that replaces it', async () => {
    await mkdir(join(folder, 'cutover'))
    const lock = await tryLock(at('.lock'))
    const written = cutover.writeRecord(await next('dual_write'), 1)
    setTimeout(() => void lock?.close(), 50)
    expect(await written).toBe(true)
  })
})

test('an intent stands beside the record, and is read with each renewal', async () => {
  await cutover.writeIntent({ epoch: 2, phase: 'db_authoritative' })
  const intent = { epoch: 2, phase: 'db_authoritative' }
  expect((await register('a', 1)).intent).toStrictEqual(intent)
  await writeFile(at('intent.json'), '{}')
  expect(await failure(cutover.read())).toBe('store_corrupt')
})

describe('registrations', () => {
  test('say what was renewed last, until they are forgotten', async () => {
    await register('b', 1)
    await register('a', 1)
    await register('a', 2)
    const found = await cutover.instances()
    expect(found.map(({ id, counter, place }) => [id, counter, place])).toEqual([
      ['a', 2, 'file'],
      ['b', 1, 'file'],
    ])
    await cutover.forget('a')
    await cutover.forget('a')
    expect((await cutover.instances()).map(({ id }) => id)).toEqual(['b'])
  })
  test('of an hour ago go where their process has ended', async () => {
    for (const [id, pid] of [
      ['ended', ENDED],
      ['alive', process.pid],
    ] as const) {
      await register(id, 1, pid)
      const hours = Date.now() / 1000 - 3_700
      await utimes(at(`instance-${id}.json`), hours, hours)
    }
    await register('new', 1, ENDED)
    expect((await cutover.instances()).map(({ id }) => id)).toEqual(['alive', 'new'])
    expect(await readdir(join(folder, 'cutover'))).not.toContain('instance-ended.json')
  })
  test('that are damaged are named, and the next renewal replaces them', async () => {
    await register('a', 1)
    await writeFile(at('instance-a.json'), '')
    const error: unknown = await cutover.instances().catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code: 'store_corrupt' })
    expect((error as { readonly hint: string }).hint).toContain(`rm '${at('instance-a.json')}'`)
    await register('a', 2)
    expect(await cutover.instances()).toHaveLength(1)
  })
  test('with an id that is no file name are refused', async () => {
    await expect(register('../a', 1)).rejects.toThrow('no instance is called')
  })
})

test('no new store is written beside one that was rebuilt and is not in place yet', async () => {
  await rm(join(folder, 'snapshot.ndjson'))
  await mkdir(join(folder, '.rebuilt'))
  expect(await failure(writeNewStore(folder, EMPTY, none()))).toBe('option_invalid')
})

describe('in another phase than file', () => {
  beforeEach(async () => {
    await cutover.writeRecord(await next('dual_write'), 1)
  })
  test('no other writer opens the folder, and the lock is free afterwards', async () => {
    expect(await failure(FileStore.open(folder, TOOLS))).toBe('phase_refused')
    await cutover.writeRecord(await next('file'), 2)
    await (await FileStore.open(folder, TOOLS)).close()
  })
  test('audit records are not shipped from it', async () => {
    const shipped = await FileShipStore.open(folder)
    expect(await failure(shipped.claim())).toBe('phase_refused')
    await shipped.close()
  })
  test('no new store is written into it', async () => {
    await rm(join(folder, 'snapshot.ndjson'))
    expect(await failure(writeNewStore(folder, EMPTY, none()))).toBe('option_invalid')
  })
})
