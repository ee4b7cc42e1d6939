import type { AuthContract } from '../../core/auth/contract.ts'
import { escapeLine } from '../../core/text/terminal.ts'
import type { KeysFetched, ServedKey } from '../../ports/auth.ts'
import { systemClock } from './clock.ts'
import { computeCacheSeconds } from './jwks-client.ts'
import { fetchJwks } from './jwks-fetch.ts'
import { importKey } from '../jose/compact.ts'
import { type UntrustedJwk, isKeyUsableFor, countModulusBits } from './key-filter.ts'
import { KeySet } from './key-set.ts'

const CACHING = ['cache-control', 'age', 'date', 'expires', 'etag', 'last-modified'] as const

/**
 * Fetches a key set once, without a retry, following redirects within the origin up to the contract's limit. Returns
 * each distinct key in words (type, curve or size, `alg`, `use`) with its `kid`, those caching headers that the response
 * has, and the seconds that it may be cached; an empty set has no keys and is no failure. The `fault` of a key is null
 * where it is sound, fits an allowed algorithm and shares its `kid` with no other key that fits one of these, else the
 * code of the first reason; a key without `kid` is not compared with others. Texts are cut to 80 characters, then
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
  const { entries } = new KeySet(keys, contract.keys)
  const distinct = entries.map(({ jwk }) => jwk)
  return {
    ok: true,
    served: {
      keys: await Promise.all(
        entries.map(async ({ jwk, fault }) =>
          toServed(jwk, fault ?? (await findUseFault(jwk, distinct, algorithms))),
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

/** Why no token selects this sound key; null where some token can. */
async function findUseFault(
  jwk: UntrustedJwk,
  all: readonly UntrustedJwk[],
  algorithms: readonly string[],
): Promise<string | null> {
  const fitting = algorithms.filter((alg) => isKeyUsableFor(jwk, alg))
  const [alg] = fitting
  if (alg === undefined) return 'alg_not_allowed'
  const twins = all.filter(
    (one) => one['kid'] === jwk['kid'] && fitting.some((own) => isKeyUsableFor(one, own)),
  )
  if (jwk['kid'] !== undefined && twins.length > 1) return 'kid_repeated'
  return (await importKey(jwk, alg)) === null ? 'malformed' : null
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
