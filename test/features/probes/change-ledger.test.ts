import { describe, expect, test } from 'vitest'
import { STALENESS_MS } from '../../../src/core/feed/subscriber.ts'
import { ChangeLedger } from '../../../src/features/probes/testbed/change-ledger.ts'

const change = (value: number, at: number, by = 0) => ({
  value,
  by,
  sent_ms: at,
  acknowledged_ms: at + 10,
})
const answer = (value: number, at: number, by = 0) => ({
  value,
  by,
  asked_ms: at,
  answered_ms: at + 5,
})

describe('a ledger of changes', () => {
  test('allows no value of a name without a change', () => {
    const ledger = new ChangeLedger()
    expect(ledger.allows('T', answer(1, 100))).toBe(false)
    expect(ledger.last('T')).toBeUndefined()
    expect(ledger.names).toEqual([])
  })
  test.each([
    ['before it was sent', answer(2, 50, 1), false],
    ['once it was sent', answer(2, 100, 1), true],
    ['the old value at the instance that acknowledged', answer(1, 111, 0), false],
    ['the old value there before it was acknowledged', answer(1, 110, 0), true],
    ['the old value elsewhere, within the bound', answer(1, 110 + STALENESS_MS, 1), true],
    ['the old value elsewhere, past the bound', answer(1, 111 + STALENESS_MS, 1), false],
    ['a value that was never set', answer(3, 200, 1), false],
  ])('judges an answer: %s', (_what, given, allowed) => {
    const ledger = new ChangeLedger()
    ledger.note('T', change(1, 0))
    ledger.note('T', change(2, 100))
    expect(ledger.allows('T', given)).toBe(allowed)
  })
  test('allows both values after a change that was not acknowledged', () => {
    const ledger = new ChangeLedger()
    ledger.note('T', change(1, 0))
    ledger.note('T', { value: 2, by: 0, sent_ms: 100, acknowledged_ms: Infinity })
    const late = 1_000_000
    expect([1, 2].map((value) => ledger.allows('T', answer(value, late)))).toEqual([true, true])
    expect(ledger.last('T')?.value).toBe(1)
    expect(ledger.names).toEqual(['T'])
  })
})
