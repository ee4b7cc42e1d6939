import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { nameEnvironment } from '../../../src/core/auth/environment.ts'
import type { TargetSpec } from '../../../src/core/parity/target.ts'
import { getRowKey } from '../../../src/core/rows/rows.ts'
import { DEFAULT_SETTINGS } from '../../../src/core/settings/settings.ts'
import type { GuardedStore } from '../../../src/features/serve/guarded-store.ts'
import { openKeptRows } from '../../../src/features/serve/kept-rows.ts'
import { SnapshotFile } from '../../../src/features/serve/kept-snapshot.ts'
import { LastKnownGood } from '../../../src/features/serve/last-known-good.ts'
import { RowCopy } from '../../../src/features/serve/row-copy.ts'
import type { ChangeFeed } from '../../../src/ports/store.ts'
import type { ServiceLog } from '../../../src/ports/telemetry.ts'
import { FLAG, flagRow, json, tenantRow, TENANT } from '../../core/builders.ts'

const PLACE = { environment: 'prod', store: 'postgres://db/flags' }
let parent = ''
let folder = ''
let path = ''
let now = 0
beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'ff-test-snapshot-'))
  folder = join(parent, 'kept')
  path = join(folder, 'last-known-good.ndjson')
  now = Date.UTC(2026, 0, 15)
})
afterEach(() => rm(parent, { recursive: true, force: true }))

const open = (over: Partial<ConstructorParameters<typeof SnapshotFile>[1]> = {}): SnapshotFile =>
  new SnapshotFile(folder, {
    place: PLACE,
    key: Buffer.alloc(32, 1),
    max_bytes: 1_000_000,
    now: () => now,
    ...over,
  })
function fill(flags = 1): RowCopy {
  const rows = new RowCopy()
  for (let at = 0; at < flags; at += 1) {
    const row = flagRow({ flag_key: at === 0 ? FLAG : `ff.flag-${at}` })
    rows.put('flag_registry', getRowKey(row), { row })
  }
  const tenant = tenantRow({ value: json('false') })
  rows.put('tenant_override', getRowKey(tenant), { row: tenant })
  rows.put('user_override', { scope_id: 'U1', flag_key: FLAG }, { broken: [] })
  return rows
}
const save = (rows = fill()): Promise<void> => open().save({ rows: rows.list(), age_ms: 2_000 })

test('rows of an earlier process grow older while the store is opened', async () => {
  const key = join(parent, 'digest.key')
  await writeFile(key, Buffer.alloc(32, 1), { mode: 0o600 })
  const settings = {
    ...DEFAULT_SETTINGS,
    FF_SNAPSHOT_DIR: folder,
    FF_AUDIT_DIGEST_KEY_FILE: key,
  }
  const place = { ...PLACE, environment: nameEnvironment(settings) }
  await open({ place }).save({ rows: fill().list(), age_ms: 2_000 })
  const limits = { max_bytes: 1_000_000, stale_max_ms: 60_000 }
  const request = { settings, now: () => new Date(now), log: {} as ServiceLog }
  const target = { kind: 'postgres', name: PLACE.store } as TargetSpec
  const kept = await openKeptRows(request, target, limits)
  await sleep(300)
  const [store, feed] = [{} as GuardedStore, {} as ChangeFeed]
  const lastKnown = new LastKnownGood(store, feed, {
    ...limits,
    restored: kept?.restored ?? null,
  })
  expect(lastKnown.status().age_ms).toBeGreaterThanOrEqual(2_290)
})

describe('the last known rows on disk', () => {
  test('are read as they were, with their place in the chain, and have grown older', async () => {
    await save(fill(2_000))
    now += 5_000
    const read = await open().load()
    if (!read.ok) throw new Error(read.fault)
    expect(read.age_ms).toBe(7_000)
    expect([...read.rows.list()]).toEqual([...fill(2_000).list()])
    expect(read.rows.bytes).toBe(fill(2_000).bytes)
    const query = { flag_key: FLAG, tenant_id: TENANT, user_id: 'U1' }
    expect(read.rows.read(query)).toEqual(fill().read(query))
  })
  test('are for this user alone, and replaced as a whole', async () => {
    await save()
    await save(new RowCopy())
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    expect((await stat(folder)).mode & 0o777).toBe(0o700)
    expect(await open().load()).toMatchObject({ ok: true })
  })
  test('that do not exist are missing', async () => {
    expect(await open().load()).toEqual({ ok: false, fault: 'missing' })
  })
  test.each([
    ['environment', { ...PLACE, environment: 'dev' }],
    ['database', { ...PLACE, store: 'postgres://db/other' }],
  ])('of another %s are foreign', async (_name, place) => {
    await save()
    expect(await open({ place }).load()).toEqual({ ok: false, fault: 'foreign' })
  })
  test('that are larger than the limit are not read', async () => {
    await save(fill(2_000))
    expect(await open({ max_bytes: 10_000 }).load()).toEqual({ ok: false, fault: 'too_large' })
  })
  test.each<[string, (text: string) => string]>([
    ['without their end', (text) => text.slice(0, -1)],
    ['without their seal', (text) => text.slice(0, text.lastIndexOf('{"hmac"'))],
    ['with another value', (text) => text.replace('\\"owner\\":\\"', '\\"owner\\":\\"x')],
    ['with a row less', (text) => text.split('\n').toSpliced(1, 1).join('\n')],
    ['with two rows in another order', ([...text]) => swap(text.join(''))],
    ['with another age', (text) => text.replace(/"as_of":\d+/, `"as_of":${Date.UTC(2026, 0, 15)}`)],
    ['with a line that is no row', (text) => text.replace(/\n/, '\n{}\n')],
    ['of another version', (text) => text.replace('"v":1', '"v":2')],
    ['that are empty', () => ''],
    ['that are no JSON', () => 'nonsense\nnonsense\n'],
  ])('%s are damaged', async (_name, change) => {
    await save()
    const text = await readFile(path, 'utf8')
    expect(change(text)).not.toBe(text)
    await writeFile(path, change(text))
    expect(await open().load()).toEqual({ ok: false, fault: 'damaged' })
  })
  test('sealed with another key are damaged, and so are those of the future', async () => {
    await save()
    expect(await open({ key: Buffer.alloc(32, 2) }).load()).toEqual({ ok: false, fault: 'damaged' })
    now -= 120_000
    expect(await open().load()).toEqual({ ok: false, fault: 'damaged' })
  })
})
function swap(text: string): string {
  const [header, first, second, ...rest] = text.split('\n')
  return [header, second, first, ...rest].join('\n')
}
