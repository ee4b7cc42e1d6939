/**
 * Moduli made by the broken generator of CVE-2017-15361 ("ROCA", Nemec et al., ACM CCS 2017, section 3):
 * each of its primes is a power of 65537 modulo a product of small primes, and so is their product.
 */
const PRIMES = [
  3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101,
  103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
] as const

/** For each prime, what a power of 65537 can be modulo it. A sound modulus passes all by a chance of 2^-27. */
const POWERS = PRIMES.map((prime) => {
  const powers = new Set<number>()
  for (let power = 1; !powers.has(power); power = (power * 65_537) % prime) powers.add(power)
  return [BigInt(prime), powers] as const
})

export const isRoca = (modulus: bigint): boolean =>
  POWERS.every(([prime, powers]) => powers.has(Number(modulus % prime)))
