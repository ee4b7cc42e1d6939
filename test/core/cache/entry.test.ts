import { describe, expect, test } from 'vitest'
import { type EntrySeal, formatEpoch, openEntry, sealEntry } from '../../../src/core/cache/entry.ts'
import { createCacheMac } from '../../../src/adapters/cache/mac.ts'
import { flipped } from '../../support/flipped.ts'

const KEY = 'ptt:ff:flag:{ff.x}'
const seal: EntrySeal = {
  epoch: { cutover: 1, operator: 2 },
  mac: createCacheMac(Buffer.alloc(32, 1)),
}
const entry = { seq: 12, cost_ms: 3, ends_ms: 1_768_467_600_000, body: '{"a":"line\\n"}' }
const text = sealEntry(KEY, entry, seal)

describe('an entry', () => {
  test('opens as it was sealed', () => {
    expect(openEntry(KEY, text, seal)).toEqual({ ok: true, entry })
    expect(formatEpoch(seal.epoch)).toBe('1.2')
  })
  test('of a named database opens there, and nowhere else', () => {
    const named = { ...seal, database: '0a1b' }
    const other = sealEntry(KEY, entry, named)
    expect(openEntry(KEY, other, named)).toEqual({ ok: true, entry })
    expect(openEntry(KEY, other, seal)).toEqual({ ok: false, reason: 'epoch' })
  })
  test.each<readonly [string, string, string, Partial<EntrySeal>]>([
    ['of another key', 'ptt:ff:flag:{ff.y}', 'forged', {}],
    ['under another HMAC key', KEY, 'forged', { mac: createCacheMac(Buffer.alloc(32, 2)) }],
    ['of another epoch', KEY, 'epoch', { epoch: { cutover: 1, operator: 3 } }],
    ['of another database', KEY, 'epoch', { database: 'b0b0' }],
  ])('%s is a miss', (_what, key, reason, other) => {
    expect(openEntry(key, text, { ...seal, ...other })).toEqual({ ok: false, reason })
  })
  test.each([
    ['an empty text', ''],
    ['garbage', '\u0000\uffff'],
    ['a number', '12'],
    ['another form', text.replace(/^1/, '2')],
    ['a head without a body', text.slice(0, text.lastIndexOf(' '))],
    ['a seq with a sign', text.replace(/^1 12/, '1 -12')],
  ])('of %s is unreadable', (_what, given) => {
    expect(openEntry(KEY, given, seal)).toEqual({ ok: false, reason: 'unreadable' })
  })
  test('with any bit changed is a miss', () => {
    for (const [at, changed] of flipped(Buffer.from(text), 2 * text.length))
      expect(openEntry(KEY, changed.toString('latin1'), seal).ok, `byte ${at}`).toBe(false)
  })
})
