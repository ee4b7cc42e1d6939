import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { findBackwards, findUnexplained, History, type Operation } from './history.ts'

const write = (value: number, from: number, to: number): Operation => ({
  kind: 'write',
  value,
  from,
  to,
})
const read = (value: number, from: number, to: number): Operation => ({
  kind: 'read',
  value,
  from,
  to,
})

/** Whether some order explains the calls: all of them are tried. */
function isExplained(calls: readonly Operation[], held = 0): boolean {
  if (calls.every(({ to }) => to === Infinity)) return true
  const firstEnd = Math.min(...calls.map(({ to }) => to))
  return calls.some((call, at) => {
    if (call.from > firstEnd || (call.kind === 'read' && call.value !== held)) return false
    return isExplained(
      calls.filter((_, other) => other !== at),
      call.kind === 'write' ? call.value : held,
    )
  })
}

describe('calls on a row', () => {
  test.each<[what: string, calls: readonly Operation[], found: string | null]>([
    ['in order', [write(1, 0, 1), read(1, 2, 3), write(2, 4, 5), read(2, 6, 7)], null],
    ['that overlap', [write(1, 0, 9), read(0, 1, 2), read(1, 3, 4)], null],
    ['of which one has no answer and was seen', [write(1, 0, Infinity), read(1, 5, 6)], null],
    [
      'of which one has no answer and came late',
      [write(1, 0, Infinity), write(2, 2, 3), read(2, 4, 5), read(1, 6, 7)],
      null,
    ],
    [
      'of which one was lost',
      [write(1, 0, 1), read(0, 2, 3)],
      '1 was in effect between two moments of 0',
    ],
    [
      'of which one is undone',
      [write(1, 0, 1), write(2, 2, 3), read(2, 4, 5), read(1, 6, 7)],
      '2 was in effect between two moments of 1',
    ],
    [
      'that two readers see in turns',
      [write(1, 0, 9), write(2, 0, 9), read(1, 1, 2), read(2, 3, 4), read(1, 5, 6)],
      '2 was in effect between two moments of 1',
    ],
    ['of which one was never made', [read(7, 0, 1)], '7 was read and never written'],
    [
      'of which one is seen too early',
      [read(1, 0, 1), write(1, 2, 3)],
      '1 was read before it was written',
    ],
  ])('%s', (_what, calls, found) => {
    expect(findUnexplained(calls)).toBe(found)
  })

  test('are judged as if every order had been tried', () => {
    const times = fc.tuple(fc.nat(20), fc.nat(6), fc.boolean())
    const calls = fc
      .tuple(
        fc.array(times, { maxLength: 4 }),
        fc.array(fc.tuple(times, fc.nat(4)), { maxLength: 4 }),
      )
      .map(([writes, reads]) => [
        ...writes.map(([from, long, isKnown], at) =>
          write(at + 1, from + at / 64, isKnown ? from + long + 0.5 + at / 64 : Infinity),
        ),
        ...reads.map(([[from, long], value], at) =>
          read(value, from + 0.25 + at / 64, from + long + 0.75 + at / 64),
        ),
      ])
    fc.assert(
      fc.property(calls, (some) => {
        expect(findUnexplained(some) === null).toBe(isExplained(some))
      }),
      { numRuns: 500 },
    )
  })
})

describe('decisions of an instance', () => {
  test.each<[what: string, calls: readonly Operation[], found: string | null]>([
    ['that grow', [read(1, 0, 1), write(2, 2, 3), read(2, 4, 5), read(4, 6, 7)], null],
    ['that overlap', [read(2, 0, 9), read(1, 1, 2)], null],
    ['that go back', [read(2, 0, 1), read(1, 2, 3)], '1 was served after 2'],
    ['that lack its own change', [write(3, 0, 1), read(2, 2, 3)], '2 was served after 3'],
  ])('%s', (_what, calls, found) => {
    expect(findBackwards(calls)).toBe(found)
  })
})

test('a history names the row and the instance of a fault', () => {
  const history = new History()
  history.addCall('T0', write(1, 0, 1))
  history.addCall('T0', read(0, 2, 3))
  history.addAtInstance('7', 'T1', read(5, 0, 1))
  history.addAtInstance('8', 'T1', read(4, 2, 3))
  history.addAtInstance('7', 'T1', read(3, 2, 3))
  expect([history.reads, history.decisions]).toEqual([1, 3])
  expect(history.findFaults()).toEqual([
    'T0: 1 was in effect between two moments of 0',
    '7 T1: 3 was served after 5',
  ])
})
