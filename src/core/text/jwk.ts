import type { PublicJwk } from '../signoff/types.ts'

/** The input of the thumbprint of an Ed25519 key (RFC 7638, 3): the members that RFC 8037, 2 requires, sorted. */
export const thumbprintInput = ({ crv, kty, x }: PublicJwk): string =>
  JSON.stringify({ crv, kty, x })

/** Members of RFC 7517, 4, RFC 7518, 6.2 and 6.3, and RFC 8037, 2 that are public; any other may be private. */
const PUBLIC_MEMBERS = ['kty', 'kid', 'alg', 'use', 'n', 'e', 'crv', 'x', 'y']

/**
 * A copy of a key with its public members only, without undefined ones (RFC 7517, 4; RFC 7518, 6.2 and 6.3; RFC 8037,
 * 2).
 */
export const toPublicJwk = <Jwk extends object>(jwk: Jwk): Jwk =>
  Object.fromEntries(
    Object.entries(jwk).filter(
      ([name, value]) => PUBLIC_MEMBERS.includes(name) && value !== undefined,
    ),
  ) as Jwk
