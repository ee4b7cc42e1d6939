import { mkdtemp, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { formatSegmentName } from '../../../src/adapters/file-store/segments.ts'
import { readWriteNames, WriteNames } from '../../../src/adapters/file-store/write-names.ts'
import type { CopiedChange } from '../../../src/ports/cutover.ts'

const HOUR_MS = 3_600_000
const MOST_KEYED = 200_000
const name = (seq: number, keyed: boolean) => ({
  op_id: `op${seq}`,
  request_digest: keyed ? `d${seq}` : null,
})
const add = (names: WriteNames, seq: number, { keyed = false } = {}): void =>
  names.add(name(seq, keyed), seq)

/** Names with a clock that `set` moves, in hours. */
function startNames() {
  let hours = 0
  const names = new WriteNames(0, () => hours * HOUR_MS)
  return { names, set: (to: number) => (hours = to) }
}

test('the name of a write with a key is kept for a day, whatever comes after it', () => {
  const { names, set } = startNames()
  add(names, 1, { keyed: true })
  for (let seq = 2; seq < 10_000; seq += 1) add(names, seq)
  set(24)
  add(names, 10_000, { keyed: true })
  expect(names.find('op1')).toBe(1)
  set(26)
  add(names, 10_001, { keyed: true })
  expect(names.find('op1')).toBeNull()
  expect(names.find('op10000')).toBe(10_000)
  expect(names.isNew(name(1, true))).toBe(true)
})

test('a record whose clock is years ahead, or behind, makes no name forgotten', () => {
  const { names, set } = startNames()
  const times = ['2026-11-30T12:00:00.000Z', '2036-11-30T12:00:00.000Z', '2016-11-30T12:00:00.000Z']
  for (const [at, occurred_at] of times.entries())
    names.addChange({ name: name(at, true), record: { seq: at, occurred_at } } as CopiedChange)
  expect(times.map((_, at) => names.find(`op${at}`))).toEqual([0, 1, 2])
  set(26)
  add(names, 3, { keyed: true })
  expect(times.map((_, at) => names.find(`op${at}`))).toEqual([null, null, null])
})

test('with more keys in a day than are kept, an unknown one is refused and not written again', () => {
  const { names, set } = startNames()
  for (let seq = 1; seq <= MOST_KEYED; seq += 1) add(names, seq, { keyed: true })
  expect(names.isNew(name(0, true))).toBe(true)
  set(1)
  add(names, MOST_KEYED + 1, { keyed: true })
  expect(names.find('op1')).toBeNull()
  const refused = expect.objectContaining({ code: 'outcome_unknown' })
  expect(() => names.isNew(name(1, true))).toThrow(refused)
  expect(names.isNew(name(2, true))).toBe(false)
  expect(names.isNew(name(0, false))).toBe(true)
  set(24)
  expect(() => names.isNew(name(1, true))).toThrow(refused)
  set(25)
  expect(names.isNew(name(1, true))).toBe(true)
})

test('of those without a key the last 4,000 are kept, and it is known which are not', () => {
  const names = new WriteNames(7)
  expect([names.coversAfter(6), names.coversAfter(7)]).toEqual([false, true])
  for (let seq = 8; seq < 4_008; seq += 1) add(names, seq)
  expect(names.find('op8')).toBe(8)
  expect(names.coversAfter(7)).toBe(true)
  add(names, 4_008)
  expect(names.find('op8')).toBeNull()
  expect([names.coversAfter(7), names.coversAfter(8)]).toEqual([false, true])
})

test('names are read of each segment that was written to in the last day, or follows one', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'ff-test-names-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const hoursAgo = [48, 1, 48, 0]
  for (const [at, hours] of hoursAgo.entries()) {
    const first = 5_000 * at + 1
    const path = join(
      folder,
      formatSegmentName(at + 1, 0, { seq: first - 1, hash: '0'.repeat(64) }),
    )
    await writeFile(path, `{"a":1,"op_id":"op${first}","request_digest":"d","seq":${first}}\n`)
    const moment = Date.now() / 1000 - hours * 3_600
    await utimes(path, moment, moment)
  }
  const names = await readWriteNames(folder, 20_000)
  expect([1, 5_001, 10_001, 15_001].map((seq) => names.find(`op${seq}`))).toEqual([
    null,
    5_001,
    10_001,
    15_001,
  ])
  expect([names.coversAfter(4_999), names.coversAfter(5_000)]).toEqual([false, true])
})
