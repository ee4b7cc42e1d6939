import { beforeEach, describe, expect, test } from 'vitest'
import { ManualClock } from '../../../src/adapters/auth/clock.ts'
import {
  hashToken,
  type VerifiedToken,
  TokenCache,
} from '../../../src/adapters/auth/token-cache.ts'

const LIMITS = { max_entries: 3, max_age_s: 60 }
const of = (sub: string, kid = true): VerifiedToken => ({ claims: { sub }, kid })

let clock: ManualClock
let cache: TokenCache
beforeEach(() => {
  clock = new ManualClock()
  cache = new TokenCache(LIMITS, clock)
})
/** The cached subject of a token. */
const known = (token: string, generation = 1): unknown =>
  cache.get(token, generation)?.claims['sub']
const put = (token: string, generation = 1): void => cache.put(token, generation, of(token))

describe('a cached token', () => {
  test('is found, with its claims and kid', () => {
    cache.put('a', 1, of('U1', false))
    expect(cache.get('a', 1)).toMatchObject({ claims: { sub: 'U1' }, kid: false })
    expect(cache.metrics()).toEqual({ hits: 1, misses: 0, entries: 1 })
  })

  test('is found for this exact token only', () => {
    put('a.b.c')
    for (const other of ['a.b.d', 'a.b.c ', 'A.b.c', '', 'a.b'])
      expect(known(other)).toBeUndefined()
    expect(cache.metrics()).toEqual({ hits: 0, misses: 5, entries: 1 })
  })

  test('is found until its time is over', () => {
    put('a')
    clock.step(59_999)
    expect(known('a')).toBe('a')
    clock.step(1)
    expect(known('a')).toBeUndefined()
    expect(cache.metrics()).toMatchObject({ hits: 1, misses: 1 })
  })

  test('does not live longer by being read', () => {
    put('a')
    for (let second = 1; second < 60; second += 1) {
      clock.step(1_000)
      expect(known('a')).toBe('a')
    }
    clock.step(1_000)
    expect(known('a')).toBeUndefined()
  })

  test('lives anew when it is cached anew', () => {
    put('a')
    clock.step(59_000)
    put('a')
    clock.step(59_000)
    expect(known('a')).toBe('a')
    expect(cache.metrics().entries).toBe(1)
  })
})

test('the key is the SHA-256 of the token', () => {
  // FIPS 180-2, B.1: the digest of `abc`.
  const known = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'
  expect(Buffer.from(hashToken('abc'), 'base64').toString('hex')).toBe(known)
  expect(hashToken('abd')).not.toBe(hashToken('abc'))
})

describe('the bound', () => {
  test('holds by evicting the oldest', () => {
    for (const token of ['a', 'b', 'c', 'd']) put(token)
    expect(cache.metrics().entries).toBe(3)
    expect(['a', 'b', 'c', 'd'].map((token) => known(token))).toEqual([undefined, 'b', 'c', 'd'])
  })

  test('holds for ten thousand tokens', () => {
    for (let at = 0; at < 10_000; at += 1) put(`${at}`)
    expect(cache.metrics().entries).toBe(3)
    expect(known('9999')).toBe('9999')
  })

  test('of one keeps one', () => {
    cache = new TokenCache({ ...LIMITS, max_entries: 1 }, clock)
    put('a')
    put('b')
    expect([known('a'), known('b')]).toEqual([undefined, 'b'])
  })

  test('caching a token anew evicts no other', () => {
    for (const token of ['a', 'b', 'c', 'c', 'b']) put(token)
    expect(['a', 'b', 'c'].map((token) => known(token))).toEqual(['a', 'b', 'c'])
  })

  test('a token cached anew is no longer the oldest', () => {
    for (const token of ['a', 'b', 'a', 'c', 'd']) put(token)
    expect(['a', 'b', 'c', 'd'].map((token) => known(token))).toEqual(['a', undefined, 'c', 'd'])
  })
})

describe('another generation of keys', () => {
  test('finds no token of the generation before', () => {
    put('a', 1)
    expect(known('a', 2)).toBeUndefined()
    expect(cache.metrics()).toEqual({ hits: 0, misses: 1, entries: 0 })
  })

  test('drops the tokens of the generation before', () => {
    put('a', 1)
    put('b', 2)
    expect(known('a', 2)).toBeUndefined()
    expect(known('a', 1)).toBeUndefined()
  })

  test('a verification begun under older keys is not cached, and evicts nothing', () => {
    put('new', 2)
    put('late', 1)
    expect(known('late', 2)).toBeUndefined()
    expect(known('new', 2)).toBe('new')
  })
})
