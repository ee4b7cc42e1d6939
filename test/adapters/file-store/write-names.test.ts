import { expect, test } from 'vitest'
import { WriteNames } from '../../../src/adapters/file-store/write-names.ts'

const HOUR_MS = 3_600_000
const add = (names: WriteNames, seq: number, { keyed = false, hours = 0 } = {}): void =>
  names.add({ op_id: `op${seq}`, request_digest: keyed ? `d${seq}` : null }, seq, hours * HOUR_MS)

test('the name of a write with a key is kept for a day, whatever comes after it', () => {
  const names = new WriteNames()
  add(names, 1, { keyed: true })
  for (let seq = 2; seq < 10_000; seq += 1) add(names, seq)
  add(names, 10_000, { keyed: true, hours: 24 })
  expect(names.find('op1')).toMatchObject({ seq: 1, digest: 'd1' })
  add(names, 10_001, { keyed: true, hours: 26 })
  expect(names.find('op1')).toBeNull()
  expect(names.find('op10000')).toMatchObject({ seq: 10_000 })
})

test('of those without a key the last 4,000 are kept, and it is known which are not', () => {
  const names = new WriteNames(7)
  expect([names.coversAfter(6), names.coversAfter(7)]).toEqual([false, true])
  for (let seq = 8; seq < 4_008; seq += 1) add(names, seq)
  expect(names.find('op8')).toMatchObject({ seq: 8, digest: null })
  expect(names.coversAfter(7)).toBe(true)
  add(names, 4_008)
  expect(names.find('op8')).toBeNull()
  expect([names.coversAfter(7), names.coversAfter(8)]).toEqual([false, true])
})
