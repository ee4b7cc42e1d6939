import { beforeEach, describe, expect, test } from 'vitest'
import { GuardedStore } from '../../../src/features/serve/guarded-store.ts'
import { FfError } from '../../../src/errors.ts'
import type { ServiceStore } from '../../../src/ports/store.ts'
import { putFlag } from '../../adapters/store-contract/requests.ts'

const HEAD = { seq: 1, hash: 'a'.repeat(64) }
const QUERY = { flag_key: 'ff.a', tenant_id: null, user_id: null }
const ROWS = { flag: null, tenant: null, user: null }
let calls = 0
/** How the store answers. */
let answer: 'well' | 'never' | 'full' = 'well'
function reply<T>(value: T): Promise<T> {
  calls += 1
  return answer === 'never' ? new Promise(() => undefined) : Promise.resolve(value)
}
const refuseWrite = (): Promise<never> =>
  Promise.reject(new FfError('disk_full', 'The disk is full.', { hint: 'Free space.' }))
const createStore = (kind: 'file' | 'db'): ServiceStore => ({
  kind,
  read: () => reply(ROWS),
  readMany: () => reply([ROWS]),
  page: () => reply([]),
  overrides: () => reply([]),
  revision: () => reply(null),
  audit: () => reply({ records: [], next: null, sinkStatus: () => 'pending' }),
  auditHead: () => reply(HEAD),
  refuse: () => reply({ ok: true, head: HEAD } as const),
  announce: () => reply({ ok: true, head: HEAD } as const),
  requireWritable: () => reply(undefined),
  write: () => (answer === 'full' ? refuseWrite() : reply({ ok: false, problems: [] } as const)),
  close: () => Promise.resolve(),
})
let time = 0
const DEADLINE_MS = 20
const guard = (kind: 'file' | 'db' = 'db'): GuardedStore =>
  new GuardedStore(createStore(kind), DEADLINE_MS, () => time)
const unavailable = { code: 'backing_unavailable' }
const write = putFlag('ff.a')
beforeEach(() => {
  ;[calls, time, answer] = [0, 0, 'well']
})

describe('S7: a store that stops answering', () => {
  test('fails each read within the deadline, and after five of them at once', async () => {
    const store = guard()
    answer = 'never'
    await Promise.all(
      Array.from({ length: 5 }, () => expect(store.read(QUERY)).rejects.toMatchObject(unavailable)),
    )
    expect(calls).toBe(5)
    for (const ask of [
      () => store.read(QUERY),
      () => store.readMany({ ...QUERY, flag_keys: ['ff.a'] }),
      () => store.page({ after: null, limit: 1 }),
      () => store.auditHead(),
      () => store.write(write),
    ])
      await expect(ask()).rejects.toMatchObject(unavailable)
    expect(calls).toBe(5)
  })
  test('is asked again after half a second, by a write too', async () => {
    const store = guard()
    answer = 'never'
    await Promise.allSettled(Array.from({ length: 5 }, () => store.read(QUERY)))
    answer = 'well'
    time = 499
    await expect(store.write(write)).rejects.toMatchObject(unavailable)
    time = 500
    expect(await store.write(write)).toMatchObject({ ok: false })
    expect(await store.read(QUERY)).toEqual(ROWS)
  })
  test('that is a file is not given up: its reads are from memory', async () => {
    const store = guard('file')
    answer = 'never'
    for (let at = 0; at < 6; at += 1) void store.read(QUERY)
    answer = 'well'
    expect(await store.read(QUERY)).toEqual(ROWS)
  })
})

test('S13: a write that failed on a full disk says so for a minute, unless another succeeds', async () => {
  const store = guard()
  answer = 'full'
  await expect(store.write(write)).rejects.toMatchObject({ code: 'disk_full' })
  answer = 'well'
  await expect(store.requireWritable()).rejects.toMatchObject({ code: 'disk_full' })
  time = 60_000
  await expect(store.requireWritable()).resolves.toBeUndefined()
  time = 0
  await expect(store.requireWritable()).rejects.toMatchObject({ code: 'disk_full' })
  await store.write(write)
  await expect(store.requireWritable()).resolves.toBeUndefined()
})
