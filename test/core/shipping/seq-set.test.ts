import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { SeqSet } from '../../../src/core/shipping/seq-set.ts'

const setOf = (...ranges: (readonly [number, number])[]): SeqSet => {
  const set = new SeqSet()
  for (const range of ranges) set.add([range])
  return set
}

describe('a set of record numbers', () => {
  test('is empty at first', () => {
    const set = new SeqSet()
    set.add([])
    expect([set.size, set.ranges, set.has(1), set.findMissing(1)]).toEqual([0, [], false, 1])
  })
  test('joins ranges that touch or overlap', () => {
    expect(setOf([1, 3], [4, 6]).ranges).toEqual([[1, 6]])
    expect(setOf([4, 6], [1, 3]).ranges).toEqual([[1, 6]])
    expect(setOf([1, 9], [3, 4]).ranges).toEqual([[1, 9]])
    expect(setOf([1, 1], [3, 3], [2, 2]).ranges).toEqual([[1, 3]])
  })
  test('keeps a gap of one number', () => {
    const set = setOf([1, 3], [5, 6])
    expect(set.ranges).toEqual([
      [1, 3],
      [5, 6],
    ])
    expect([set.findMissing(1), set.findMissing(4), set.findMissing(5)]).toEqual([4, 4, 7])
  })
  test('forgets the numbers behind one', () => {
    const set = setOf([1, 3], [5, 9], [11, 11])
    set.keepUpTo(6)
    expect(set.ranges).toEqual([
      [1, 3],
      [5, 6],
    ])
  })
})

test('a set of record numbers holds what a plain set holds', () => {
  const number = fc.integer({ min: 1, max: 40 })
  const batches = fc.array(fc.uniqueArray(number), { maxLength: 12 })
  fc.assert(
    fc.property(batches, (added) => {
      const set = new SeqSet()
      const plain = new Set<number>()
      for (const batch of added) {
        const inOrder = batch.toSorted((one, other) => one - other)
        set.add(inOrder.map((seq) => [seq, seq]))
        for (const seq of batch) plain.add(seq)
      }
      expect(set.size).toBe(plain.size)
      for (let seq = 1; seq <= 42; seq += 1) {
        expect(set.has(seq)).toBe(plain.has(seq))
        let missing = seq
        while (plain.has(missing)) missing += 1
        expect(set.findMissing(seq)).toBe(missing)
      }
      for (const [at, [from]] of set.ranges.entries())
        if (at > 0) expect(from).toBeGreaterThan((set.ranges[at - 1]?.[1] ?? 0) + 1)
    }),
  )
})
