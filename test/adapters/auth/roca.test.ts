import { randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { isRoca } from '../../../src/adapters/auth/key-filter.ts'
import { ATTACKER, type Pair, ROCA, RSA_1, RSA_2, WEAK } from './signed.ts'

const getModulus = ({ n = '' }: Pair): bigint =>
  BigInt(`0x${Buffer.from(n, 'base64url').toString('hex')}`)

const upTo = Array.from({ length: 166 }, (_, at) => at + 2)
/** The primes of the paper's test, from 3 to 167. */
const PRIMES = upTo
  .filter((n) => n > 2 && upTo.every((by) => by >= n || n % by !== 0))
  .map((prime) => BigInt(prime))
const PRODUCT = PRIMES.reduce((all, prime) => all * prime, 1n)

describe('isRoca', () => {
  test('the modulus of the broken generator', () => {
    expect(isRoca(getModulus(ROCA))).toBe(true)
  })

  test.each([RSA_1, RSA_2, ATTACKER, WEAK].map((key) => [key.kid, key] as const))(
    'not %s',
    (_kid, key) => {
      expect(isRoca(getModulus(key))).toBe(false)
    },
  )

  test('not one of a thousand random numbers', () => {
    const numbers = Array.from(
      { length: 1_000 },
      () => BigInt(`0x${randomBytes(256).toString('hex')}`) | 1n,
    )
    expect(numbers.filter(isRoca)).toEqual([])
  })

  test('every power of 65537, modulo the primes', () => {
    let power = 1n
    for (let exponent = 0; exponent < 200; exponent += 1) {
      expect(isRoca(power + PRODUCT * BigInt(exponent))).toBe(true)
      power = (power * 65_537n) % PRODUCT
    }
  })

  test('tests each of the primes', () => {
    expect(PRIMES).toHaveLength(38)
    const broken = getModulus(ROCA)
    for (const prime of PRIMES) {
      // Divisible by this prime; still a power of 65537 modulo every other.
      let sound = broken
      while (sound % prime !== 0n) sound += PRODUCT / prime
      expect(isRoca(sound)).toBe(false)
    }
  })
})
