const P = 2n ** 255n - 19n

/** The ordinates of all points of order 1, 2, 4 and 8 of Ed25519 (RFC 8032, 5.1); their signs do not matter. */
const SMALL: ReadonlySet<bigint> = new Set([
  0n,
  1n,
  P - 1n,
  0x7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7n,
  0x05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826n,
])

/**
 * A public key under which signatures can be made without a private one, or an encoding that is not the one
 * of its point: what an exponent of 1 is to RSA.
 *
 * @param x the 32 bytes of the key, least significant first
 */
export function isSmallOrderPoint(x: Uint8Array): boolean {
  const hex = Buffer.from(x.toReversed()).toString('hex')
  const y = BigInt(`0x${hex}`) & ((1n << 255n) - 1n)
  return y >= P || SMALL.has(y)
}
