// Makes keys.json once: keys for this purpose, which guard nothing. The private halves lie here in the open, so
// no key of it may ever stand in a real key set.
import { checkPrimeSync, generateKeyPairSync, randomBytes } from 'node:crypto'

const PURPOSE = 'Signs test tokens. Guards nothing.'
const rsa = (bits) => generateKeyPairSync('rsa', { modulusLength: bits }).privateKey
const jwk = (key, kid, alg) => ({ ...key.export({ format: 'jwk' }), kid, alg, use: 'sig' })

const MAKERS = [
  () => jwk(rsa(2048), 'ff-fixture-rsa-1', 'RS256'),
  () => jwk(rsa(2048), 'ff-fixture-rsa-2', 'RS256'),
  () =>
    jwk(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey, 'ff-fixture-ec-1', 'ES256'),
  () => jwk(generateKeyPairSync('ed25519').privateKey, 'ff-fixture-ed-1', 'EdDSA'),
  () => jwk(rsa(2048), 'ff-fixture-attacker', 'RS256'),
  () => jwk(rsa(1024), 'ff-fixture-rsa-1024', 'RS256'),
  () => {
    const n = toBase64url(rocaPrime() * rocaPrime())
    return { kty: 'RSA', kid: 'ff-fixture-roca', alg: 'RS256', use: 'sig', n, e: 'AQAB' }
  },
]
/** @param kept those that are there already, in this order */
export const makeKeys = (kept = []) => ({
  purpose: PURPOSE,
  keys: MAKERS.map((make, at) => kept[at] ?? make()),
})

/** A prime as the broken generator of CVE-2017-15361 made them: k * M + (65537^a mod M). */
function rocaPrime() {
  const product = firstPrimes(126).reduce((all, prime) => all * prime, 1n)
  for (;;) {
    const power = modPow(65_537n, BigInt(`0x${randomBytes(16).toString('hex')}`), product)
    const bits = 1024 - product.toString(2).length
    // The two highest bits: then the product of two has all of its 2,048.
    const top = 3n << BigInt(bits - 2)
    const k = top | (BigInt(`0x${randomBytes(8).toString('hex')}`) % (1n << BigInt(bits - 2)))
    const candidate = k * product + power
    if (candidate.toString(2).length === 1024 && checkPrimeSync(candidate)) return candidate
  }
}

function firstPrimes(count) {
  const primes = []
  for (let n = 2n; primes.length < count; n += 1n)
    if (primes.every((prime) => n % prime !== 0n)) primes.push(n)
  return primes
}

function modPow(base, exponent, modulus) {
  let [result, square] = [1n, base % modulus]
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = (result * square) % modulus
    square = (square * square) % modulus
  }
  return result
}

const toBase64url = (number) => {
  const hex = number.toString(16)
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex').toString('base64url')
}
