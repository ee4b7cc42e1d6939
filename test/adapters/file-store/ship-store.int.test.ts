import {
  appendFile,
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createStore, FileStore } from '../../../src/adapters/file-store/file-store.ts'
import { FileShipStore } from '../../../src/adapters/file-store/ship-store.ts'
import type { AuditRecord } from '../../../src/core/audit/record.ts'
import type { ShipMark, ShipRecord } from '../../../src/core/shipping/types.ts'
import { loggedRecords, TOOLS } from '../store-contract/opened-store.ts'
import { putFlag, taken } from '../store-contract/requests.ts'

const ANY = { after: null, target: null, since: null, until: null, limit: 500 }
const MARKS = 'delivery.ndjson'
let folder = ''
let store: FileStore
const opened: FileShipStore[] = []
/** The monotonic clock of the shippers, in milliseconds. */
let clock = 0

beforeEach(async () => {
  folder = join(await mkdtemp(join(tmpdir(), 'ff-test-ship-')), 'store')
  clock = 0
  await createStore(folder)
  store = await FileStore.open(folder, TOOLS)
})
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close()
  await store.close()
  await rm(join(folder, '..'), { recursive: true })
})

async function openShip(where = folder): Promise<FileShipStore> {
  const ship = await FileShipStore.open(where, () => clock)
  opened.push(ship)
  return ship
}
/** Changes each flag in turn. */
async function change(rounds: number, flags = ['ff.a', 'ff.b', 'ff.c']): Promise<void> {
  for (let round = 0; round < rounds; round += 1)
    for (const flag of flags) await taken(store, putFlag(flag))
}
type Judge = (record: ShipRecord) => ShipMark
const deliver: Judge = ({ seq }) => ({ kind: 'delivered', seq, partition: 0, offset: seq })
const fail = (target: string): Judge => {
  const judge: Judge = ({ seq, target: of, attempts }) =>
    of === target
      ? { kind: 'failed', seq, attempts: attempts + 1, reason: 'too large' }
      : deliver({ seq } as ShipRecord)
  return judge
}
/** Ships until nothing may be sent: of a target nothing follows a record that is not delivered. @returns what was sent */
async function shipAll(
  ship: FileShipStore,
  judge: Judge = deliver,
): Promise<readonly ShipRecord[]> {
  const sent: ShipRecord[] = []
  for (let claim = await ship.claim(); claim !== null; claim = await ship.claim()) {
    for (let read = await ship.read(claim, 7); read.length > 0; read = await ship.read(claim, 7)) {
      const stopped = new Set<string>()
      const marks = read.flatMap((record) => {
        if (stopped.has(record.target)) return []
        const mark = judge(record)
        if (mark.kind !== 'delivered') stopped.add(record.target)
        return [mark]
      })
      sent.push(...read)
      expect(await ship.mark(claim, marks)).toBe(true)
    }
    await ship.release(claim)
  }
  return sent
}
const code = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => null,
    (error: unknown) => (error as { readonly code?: unknown }).code,
  )
const seqs = (records: readonly { readonly seq: number }[]): readonly number[] =>
  records.map(({ seq }) => seq).toSorted((one, other) => one - other)
const numbers = (from: number, to: number): readonly number[] =>
  Array.from({ length: to - from + 1 }, (_, at) => from + at)
function expectOrder(sent: readonly ShipRecord[]): void {
  for (const target of new Set(sent.map((one) => one.target))) {
    const first = [...new Set(sent.filter((one) => one.target === target).map(({ seq }) => seq))]
    expect(first).toEqual(first.toSorted((one, other) => one - other))
  }
}
async function statuses(): Promise<Readonly<Record<number, string>>> {
  const { records, sinkStatus } = await store.audit(ANY)
  return Object.fromEntries(records.map(({ seq }) => [seq, sinkStatus(seq)]))
}

describe('the records of a file store', () => {
  test('are all delivered, in order per target, while the service writes', async () => {
    await change(20)
    const ship = await openShip()
    const first = await shipAll(ship)
    const [, second] = await Promise.all([change(20), shipAll(ship)])
    const third = await shipAll(ship)
    const sent = [...first, ...second, ...third]
    expect(seqs(sent)).toEqual(numbers(1, 120))
    expectOrder(sent)
    const logged = await loggedRecords(folder)
    for (const { seq, audit_id, target, text } of sent) {
      const record = JSON.parse(text) as AuditRecord
      expect(record).toMatchObject({ seq, audit_id, target })
      expect(record.hash).toBe(logged[seq - 1]?.hash)
    }
  })

  test('are sent again with the same ids where a shipper ended between send and mark', async () => {
    await change(4)
    const ship = await openShip()
    const claim = await ship.claim()
    if (claim === null) throw new Error('there is nothing to ship')
    const read = await ship.read(claim, 100)
    expect(read.length).toBeGreaterThan(0)
    await ship.close()
    const sent = await shipAll(await openShip())
    expect(seqs(sent)).toEqual(numbers(1, 12))
    expect(sent).toEqual(expect.arrayContaining([...read]))
  })

  test('are kept by a compaction until they are delivered', async () => {
    await change(3)
    const ship = await openShip()
    await shipAll(ship, fail('flag/ff.b'))
    await store.compact()
    await change(1)
    await store.compact()
    expect(await ship.redrive(null)).toBe(1)
    clock += 2_000
    expect(seqs(await shipAll(ship))).toEqual([2, 5, 8, 10, 11, 12])
  })

  test('have one shipper at a time, and the next one once it ends', async () => {
    await change(1)
    const [ship, other] = [await openShip(), await openShip()]
    const claim = await ship.claim()
    expect(await code(other.claim())).toBe('store_locked')
    await ship.close()
    expect(seqs(await shipAll(other))).toEqual([1, 2, 3])
    expect(claim).not.toBeNull()
  })

  test('have a status in the list of the service, and are counted', async () => {
    await change(2)
    expect(await store.sinkBacklog()).toMatchObject({ pending: 6, failed: 0 })
    const ship = await openShip()
    await shipAll(ship, fail('flag/ff.b'))
    expect(await statuses()).toEqual({
      1: 'delivered',
      2: 'failed',
      3: 'delivered',
      4: 'delivered',
      5: 'pending',
      6: 'delivered',
    })
    const logged = await loggedRecords(folder)
    expect(await store.sinkBacklog()).toEqual({
      pending: 1,
      failed: 1,
      oldest_at: logged[4]?.occurred_at,
    })
    const backlog = await ship.backlog()
    expect(backlog.failed).toBe(1)
    expect(backlog.slots.filter(({ pending }) => pending > 0)).toMatchObject([{ pending: 1 }])
    await ship.redrive('flag/ff.b')
    clock += 2_000
    await shipAll(ship)
    expect(await store.sinkBacklog()).toEqual({ pending: 0, failed: 0, oldest_at: null })
  })
})

describe('a failed record', () => {
  test('holds back its own target until a redrive, which keeps the order', async () => {
    await change(5)
    const ship = await openShip()
    const sent = await shipAll(ship, fail('flag/ff.b'))
    expect(seqs(sent.filter(({ target }) => target !== 'flag/ff.b'))).toHaveLength(10)
    await change(1)
    expect(seqs(await shipAll(ship))).toEqual([16, 18])
    expect(await ship.redrive('flag/ff.other')).toBe(0)
    expect(await ship.redrive('flag/ff.b')).toBe(1)
    const again = await shipAll(ship)
    expect(seqs(again)).toEqual([2, 5, 8, 11, 14, 17])
    expect(again.map(({ attempts, waited_ms }) => [attempts, waited_ms])).toEqual(
      again.map(() => [0, null]),
    )
    expectOrder(again)
  })

  test('is failed, and holds back, in the next process too', async () => {
    await change(2)
    const ship = await openShip()
    await shipAll(ship, fail('flag/ff.b'))
    await ship.close()
    const next = await openShip()
    expect(await shipAll(next)).toEqual([])
    expect(await next.redrive('flag/ff.b')).toBe(1)
    expect(seqs(await shipAll(next))).toEqual([2, 5])
  })

  test('is re-driven by a request to the process that ships', async () => {
    await change(2)
    const ship = await openShip()
    await shipAll(ship, fail('flag/ff.b'))
    const other = await openShip()
    expect(await other.redrive('flag/ff.other')).toBe(0)
    expect(await other.redrive(null)).toBe(1)
    expect(await shipAll(ship)).toEqual([])
    clock += 2_000
    expect(seqs(await shipAll(ship))).toEqual([2, 5])
    expect((await readdir(folder)).filter((name) => name.startsWith('redrive-'))).toEqual([])
  })
})

describe('a record that waits', () => {
  const wait: Judge = ({ seq, target, attempts }) =>
    target === 'flag/ff.b'
      ? { kind: 'waiting', seq, attempts: attempts + 1, reason: 'refused', delay_ms: 700 }
      : deliver({ seq } as ShipRecord)

  test('is tried again after its wait, and holds back its own target until then', async () => {
    await change(3)
    const ship = await openShip()
    const sent = await shipAll(ship, wait)
    expect(seqs(sent.filter(({ target }) => target !== 'flag/ff.b'))).toHaveLength(6)
    expect(await shipAll(ship)).toEqual([])
    clock += 699
    expect(await shipAll(ship)).toEqual([])
    clock += 1
    const again = await shipAll(ship)
    expect(seqs(again)).toEqual([2, 5, 8])
    expect(again[0]).toMatchObject({ attempts: 1, waited_ms: 700 })
  })

  test('keeps its attempts in the next process', async () => {
    await change(1)
    const ship = await openShip()
    await shipAll(ship, wait)
    await ship.close()
    const next = await openShip()
    expect(await shipAll(next)).toEqual([])
    clock += 701
    expect(await shipAll(next)).toMatchObject([{ seq: 2, attempts: 1, waited_ms: 700 }])
  })
})

describe('the marks', () => {
  const marks = (): string => join(folder, MARKS)

  test('lose a torn last line alone, which is sent again', async () => {
    await change(2)
    const ship = await openShip()
    await shipAll(ship)
    await ship.close()
    const whole = await readFile(marks(), 'utf8')
    await change(1)
    const again = await openShip()
    expect(seqs(await shipAll(again))).toEqual([7, 8, 9])
    await again.close()
    const [last = ''] = (await readFile(marks(), 'utf8')).slice(whole.length).split('\n')
    await writeFile(marks(), `${whole}${last.slice(0, -9)}`)
    expect((await statuses())[1]).toBe('delivered')
    const third = await openShip()
    expect(seqs(await shipAll(third))).toEqual([7, 8, 9])
    await third.close()
    expect(await shipAll(await openShip())).toEqual([])
  })

  test('that were changed are damage', async () => {
    await change(1)
    const ship = await openShip()
    await shipAll(ship)
    await ship.close()
    const text = await readFile(marks(), 'utf8')
    const changed = text.replace(/"delivered":\[\[\d/, (found) => `${found.slice(0, -1)}7`)
    expect(changed).not.toBe(text)
    await writeFile(marks(), changed)
    expect(await code((await openShip()).claim())).toBe('store_corrupt')
    expect(await code(store.audit(ANY))).toBe('store_corrupt')
    expect(await code(store.sinkBacklog())).toBe('store_corrupt')
  })

  test('of records that the log does not hold any more are left out', async () => {
    await change(2)
    const ship = await openShip()
    await shipAll(ship)
    await ship.close()
    const copy = join(folder, '..', 'copy')
    await store.close()
    await cp(folder, copy, { recursive: true })
    store = await FileStore.open(folder, TOOLS)
    await change(2)
    const later = await openShip()
    await shipAll(later)
    await later.close()
    // The store is restored, and its marks are not.
    await cp(marks(), join(copy, MARKS))
    const restored = await FileStore.open(copy, TOOLS)
    try {
      for (let at = 0; at < 3; at += 1) await taken(restored, putFlag('ff.d'))
    } finally {
      await restored.close()
    }
    const again = await openShip(copy)
    expect(seqs(await shipAll(again))).toEqual([7, 8, 9])
  })

  test('are written anew once they are long, and say the same', async () => {
    await change(2)
    const ship = await openShip()
    const claim = await ship.claim()
    if (claim === null) throw new Error('there is nothing to ship')
    const [record] = await ship.read(claim, 1)
    const seq = record?.seq ?? 0
    const header = async (): Promise<string> =>
      (await readFile(marks(), 'utf8')).split('\n', 1)[0] ?? ''
    const before = await header()
    const reason = 'r'.repeat(500_000)
    for (let attempts = 1; attempts <= 9; attempts += 1)
      await ship.mark(claim, [{ kind: 'failed', seq, attempts, reason }])
    expect(await header()).not.toBe(before)
    expect((await stat(marks())).size).toBeLessThan(600_000)
    await ship.release(claim)
    await shipAll(ship)
    expect((await statuses())[seq]).toBe('failed')
    await ship.close()
    const next = await openShip()
    expect(await shipAll(next)).toEqual([])
    expect((await next.backlog()).failed).toBe(1)
  })
})

test('marks that are long and cannot be written anew are marks all the same', async () => {
  await change(1)
  const ship = await openShip()
  const claim = await ship.claim()
  if (claim === null) throw new Error('there is nothing to ship')
  const [record] = await ship.read(claim, 1)
  const seq = record?.seq ?? 0
  const reason = 'r'.repeat(900_000)
  const fill = async (): Promise<void> => {
    for (let attempts = 1; attempts <= 6; attempts += 1)
      expect(await ship.mark(claim, [{ kind: 'failed', seq, attempts, reason }])).toBe(true)
  }
  // No file can be made in its place.
  const blocked = join(folder, `.${MARKS}.new`)
  await mkdir(blocked)
  await fill()
  expect((await stat(join(folder, MARKS))).size).toBeGreaterThan(5_000_000)
  expect((await statuses())[seq]).toBe('failed')
  await rm(blocked, { recursive: true })
  await fill()
  expect((await stat(join(folder, MARKS))).size).toBeLessThan(3_000_000)
  await ship.release(claim)
  expect((await statuses())[seq]).toBe('failed')
  expect(seqs(await shipAll(ship))).toEqual([1, 2, 3].filter((one) => one !== seq))
})

test('a claim of an earlier holder marks nothing', async () => {
  await change(1)
  const ship = await openShip()
  const claim = await ship.claim()
  if (claim === null) throw new Error('there is nothing to ship')
  const [record] = await ship.read(claim, 1)
  await ship.release(claim)
  const marks = record === undefined ? [] : [deliver(record)]
  expect(await ship.mark(claim, marks)).toBe(false)
  expect(await ship.read(claim, 1)).toEqual([])
  expect(seqs(await shipAll(ship))).toEqual([1, 2, 3])
})

test('a damaged line of the log is not passed over', async () => {
  await change(1)
  const [segment = ''] = (await readdir(folder)).filter((name) => name.startsWith('log-'))
  const path = join(folder, segment)
  const [first = '', second = '', ...rest] = (await readFile(path, 'utf8')).split('\n')
  await writeFile(path, [first, second.replace('ff.b', 'ff.x'), ...rest].join('\n'))
  expect(await code((await openShip()).claim())).toBe('store_corrupt')
})

test('a line that is being written is not sent', async () => {
  await change(1)
  const [segment = ''] = (await readdir(folder)).filter((name) => name.startsWith('log-'))
  const ship = await openShip()
  await shipAll(ship)
  const whole = await readFile(join(folder, segment))
  await appendFile(join(folder, segment), whole.subarray(0, 300))
  expect(await shipAll(ship)).toEqual([])
})
