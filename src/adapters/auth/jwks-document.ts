import type { UntrustedJwk } from './key-filter.ts'
import { parseJsonObject } from './token-form.ts'

/** The keys of a JWK set (RFC 7517, 5); null where the bytes are none. A member of `keys` that is no object is no set. */
export function readJwks(bytes: Buffer): readonly UntrustedJwk[] | null {
  const keys: unknown = parseJsonObject(bytes)?.['keys']
  return Array.isArray(keys) && keys.every(isObject) ? keys : null
}

const isObject = (value: unknown): value is UntrustedJwk =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
