import type { AuthContract } from '../core/auth/contract.ts'
import type { KeysFetched, ServedKey } from '../ports.ts'
import { systemClock } from './clock.ts'
import { cacheSeconds } from './jwks-client.ts'
import { fetchJwks } from './jwks-fetch.ts'
import type { Jwk } from './key-filter.ts'
import { KeySet } from './key-set.ts'

const CACHING = ['cache-control', 'age', 'date', 'expires', 'etag', 'last-modified'] as const

/** What an endpoint serves now, and what each key of it is good for. */
export async function fetchKeys(url: URL, contract: AuthContract): Promise<KeysFetched> {
  const fetched = await fetchJwks(url, contract.client, systemClock)
  if (!fetched.ok) return fetched
  const { keys, headers } = fetched
  return {
    ok: true,
    served: {
      keys: new KeySet(keys, contract.keys).entries.map(({ jwk, fault }) => toServed(jwk, fault)),
      headers: CACHING.flatMap((name) => {
        const value = headers[name]
        return value === undefined ? [] : [[name, printable(value)] as const]
      }),
      cache_s: cacheSeconds(headers, contract.client),
    },
  }
}

function toServed(jwk: Jwk, fault: string | null): ServedKey {
  const { kid, kty, crv, n, alg, use } = jwk
  const bits = typeof n === 'string' ? `${Buffer.from(n, 'base64url').length * 8} bits` : undefined
  const words = [kty, crv ?? bits, alg, use].filter((one) => typeof one === 'string')
  return {
    kid: typeof kid === 'string' ? printable(kid) : null,
    words: words.map(printable),
    fault,
  }
}

/** What a stranger wrote, for a terminal: short, and without what would move its cursor. */
const printable = (text: string): string =>
  text
    .slice(0, 80)
    .replaceAll(/[^\x20-\x7e]/gu, (one) => `\\u{${(one.codePointAt(0) ?? 0).toString(16)}}`)
