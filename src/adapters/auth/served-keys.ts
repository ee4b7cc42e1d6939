import type { AuthContract } from '../../core/auth/contract.ts'
import { escapeLine } from '../../core/text/terminal.ts'
import type { KeysFetched, ServedKey } from '../../ports/auth.ts'
import { systemClock } from './clock.ts'
import { computeCacheSeconds } from './jwks-client.ts'
import { fetchJwks } from './jwks-fetch.ts'
import { type UntrustedJwk, countModulusBits } from './key-filter.ts'
import { KeySet } from './key-set.ts'

const CACHING = ['cache-control', 'age', 'date', 'expires', 'etag', 'last-modified'] as const

/**
 * Fetches a key set once, without a retry, following redirects within the origin up to the contract's limit. Returns
 * each distinct key in words (type, curve or size, `alg`, `use`) with its `kid`, those caching headers that the response
 * has, and the seconds that it may be cached; an empty set has no keys and is no failure. The `fault` of a key is null
 * where some token of an allowed algorithm selects it, else why none does. Texts are cut to 80 characters, then
 * escaped. A failed fetch, also by any other redirect, is returned as `unreachable` or `misconfigured`, never thrown.
 */
export async function fetchKeys(
  url: URL,
  contract: AuthContract,
  algorithms: readonly string[],
): Promise<KeysFetched> {
  const fetched = await fetchJwks(url, contract.client, systemClock)
  if (!fetched.ok) return fetched
  const { keys, headers } = fetched
  const set = new KeySet(keys, contract.keys)
  return {
    ok: true,
    served: {
      keys: await Promise.all(
        set.entries.map(async (entry) =>
          toServed(entry.jwk, await set.findUseFault(entry, algorithms)),
        ),
      ),
      headers: CACHING.flatMap((name) => {
        const value = headers[name]
        return value === undefined ? [] : [[name, toDisplayText(value)] as const]
      }),
      cache_s: computeCacheSeconds(headers, contract.client),
    },
  }
}

function toServed(jwk: UntrustedJwk, fault: string | null): ServedKey {
  const { kid, kty, crv, n, alg, use } = jwk
  const size = countModulusBits(n)
  const bits = size === null ? undefined : `${size} bits`
  const words = [kty, crv ?? bits, alg, use].filter((one) => typeof one === 'string')
  return {
    kid: typeof kid === 'string' ? toDisplayText(kid) : null,
    words: words.map(toDisplayText),
    fault,
  }
}

/** Untrusted text for a terminal: at most 80 characters, control characters escaped. */
const toDisplayText = (text: string): string => escapeLine(text.slice(0, 80))
