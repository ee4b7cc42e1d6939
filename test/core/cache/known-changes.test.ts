import { describe, expect, test } from 'vitest'
import { formatRowCacheKey, readChangeScope } from '../../../src/core/cache/keys.ts'
import { areOneSnapshot, KnownChanges } from '../../../src/core/cache/known-changes.ts'

const FLAG = formatRowCacheKey('flag_registry', { scope_id: null, flag_key: 'ff.x' })
const TENANT = formatRowCacheKey('tenant_override', { scope_id: 'T1', flag_key: 'ff.x' })
const flagChange = (flag_key = 'ff.x') =>
  readChangeScope({ kind: 'flag', target: `flag/${flag_key}` })
const make = (most = 10) => new KnownChanges({ keep_ms: 1_000, most })

describe('an entry', () => {
  test('that was read before a change of one of its rows does not count', () => {
    const known = make()
    known.note(flagChange(), 5, 0)
    expect(known.isCurrent(4, [FLAG])).toBe(false)
    expect(known.isCurrent(4, [TENANT, FLAG])).toBe(false)
    expect(known.isCurrent(5, [FLAG])).toBe(true)
    expect(known.isCurrent(4, [TENANT])).toBe(true)
  })
  test('is judged by the later of two changes, in any order', () => {
    const known = make()
    expect(known.note(flagChange(), 7, 0)).toBe(true)
    expect(known.note(flagChange(), 7, 0)).toBe(false)
    expect(known.note(flagChange(), 5, 0)).toBe(false)
    expect(known.isCurrent(6, [FLAG])).toBe(false)
  })
  test('of any row does not count after a change of everything, or below the floor', () => {
    const known = make()
    known.note(readChangeScope({ kind: 'global', target: 'global' }), 5, 0)
    known.raiseFloor(3)
    expect(known.isCurrent(4, [TENANT])).toBe(false)
    expect(known.isCurrent(5, [TENANT])).toBe(true)
  })
  test('is not judged by a change that names no row', () => {
    const known = make()
    known.note(readChangeScope({ kind: 'jwks', target: 'jwks' }), 5, 0)
    expect(known.isCurrent(0, [FLAG])).toBe(true)
  })
})

describe('a change', () => {
  test('is forgotten once no entry can be older, and one that is put back does not count', () => {
    const known = make()
    known.note(flagChange(), 5, 0)
    known.note(flagChange('ff.y'), 6, 999)
    expect(known.size).toBe(2)
    known.note(flagChange('ff.z'), 7, 1_000)
    expect(known.size).toBe(2)
    expect(known.isCurrent(4, [FLAG])).toBe(false)
    expect(known.isCurrent(5, [FLAG])).toBe(true)
  })
  test('that has no room raises the floor, so that nothing older counts', () => {
    const known = make(1)
    known.note(flagChange(), 5, 0)
    known.note(flagChange('ff.y'), 6, 0)
    expect(known.size).toBe(1)
    expect(known.isCurrent(4, [TENANT])).toBe(false)
    expect(known.isCurrent(5, [TENANT])).toBe(true)
  })
})

test.each([
  ['read at one seq, beyond the known position', [9, 9, 9], 3, true],
  ['read at several, all known', [2, 5, 9], 9, true],
  ['read at several, of which one is not known yet', [2, 5, 9], 8, false],
  ['none', [], 0, true],
])('rows that were %s', (_what, seqs, position, one) => {
  expect(areOneSnapshot(seqs, position)).toBe(one)
})
