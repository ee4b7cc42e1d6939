import { describe, expect, test } from 'vitest'
import { compareHeads } from '../../../src/core/cutover/heads.ts'
import {
  formatConfiguration,
  isLeaseCurrent,
  listOldHolders,
  parseLeaseMs,
  type Registration,
  watchLeases,
} from '../../../src/core/cutover/leases.ts'

const registration = (id: string, counter: number, more: Partial<Registration> = {}) => ({
  id,
  place: 'file' as const,
  counter,
  epoch: 1,
  ...more,
})
const scope = (at: number) => ({ epoch: 2, at, leaseMs: 10 })

describe('the leases of other instances', () => {
  test('are counted from the moment at which a new counter was seen', () => {
    const seen = watchLeases({}, [registration('a', 1)], 100)
    const later = watchLeases(seen, [registration('a', 1)], 109)
    expect(later).toBe(seen)
    expect(listOldHolders(later, [registration('a', 1)], scope(109))).toEqual(['a'])
    expect(listOldHolders(later, [registration('a', 1)], scope(110))).toEqual([])
  })
  test('a renewal begins them again', () => {
    const seen = watchLeases({}, [registration('a', 1)], 100)
    const renewed = watchLeases(seen, [registration('a', 2)], 109)
    expect(listOldHolders(renewed, [registration('a', 2)], scope(112))).toEqual(['a'])
  })
  test('are waited out for as long as the instance has them, never shorter than the own', () => {
    const seen = watchLeases({}, [registration('a', 1)], 100)
    const find = (leaseMs: number, at: number) =>
      listOldHolders(seen, [registration('a', 1, { leaseMs })], scope(at))
    expect(find(60, 159)).toEqual(['a'])
    expect(find(60, 160)).toEqual([])
    expect(find(2, 109)).toEqual(['a'])
  })
  test('an instance that was never watched counts as live', () => {
    expect(listOldHolders({}, [registration('a', 1)], scope(500))).toEqual(['a'])
  })
  test('an instance that holds the epoch in one place holds it', () => {
    const both = [registration('a', 1), registration('a', 1, { place: 'database', epoch: 2 })]
    expect(listOldHolders({}, both, scope(0))).toEqual([])
  })
  test('an instance is named once, and only while one of its leases runs', () => {
    const both = [registration('b', 1), registration('b', 7, { place: 'database' })]
    const seen = watchLeases({}, both, 0)
    expect(listOldHolders(seen, both, scope(9))).toEqual(['b'])
    const renewed = watchLeases(seen, [registration('b', 8, { place: 'database' })], 9)
    expect(listOldHolders(renewed, both, scope(12))).toEqual(['b'])
  })
  test('a lease that never began does not run', () => {
    expect([
      isLeaseCurrent(null, 0, 10),
      isLeaseCurrent(0, 9, 10),
      isLeaseCurrent(0, 10, 10),
    ]).toEqual([false, true, false])
  })
})

const head = (seq: number, hash: string) => ({ seq, hash })
describe('the heads of two chains', () => {
  test.each([
    ['equal', head(3, 'c'), head(3, 'c'), 'c'],
    ['file_continues', head(5, 'e'), head(3, 'c'), 'c'],
    ['database_continues', head(3, 'c'), head(5, 'e'), 'c'],
    ['forked', head(3, 'c'), head(3, 'x'), 'c'],
    ['forked', head(5, 'e'), head(3, 'x'), 'c'],
    ['forked', head(3, 'x'), head(5, 'e'), 'c'],
    ['forked', head(5, 'e'), head(3, 'c'), null],
  ] as const)('are %s', (order, file, database, common) => {
    expect(compareHeads({ file, database, common })).toBe(order)
  })
})

test('a registered configuration says the lease', () => {
  expect(parseLeaseMs(formatConfiguration('0f', 2_500))).toBe(2_500)
  expect(parseLeaseMs('0f')).toBeNull()
})
