import type { AuthSettings } from '../../core/auth/contract.ts'
import { buildModeMatrix } from '../../core/auth/modes.ts'
import type { Authenticator, KeySourceSpec, OpenAuthenticator } from '../../ports/auth.ts'
import { type Clock, systemClock } from './clock.ts'
import { JwksClient } from './jwks-client.ts'
import { fetchJwks } from './jwks-fetch.ts'
import { KeySet } from './key-set.ts'
import { fixedKeySource, type KeySource, NO_KEYS } from './key-source.ts'
import { TokenCache } from './token-cache.ts'
import { JwksVerifier } from './token-verifier.ts'

/**
 * Builds an authenticator over these keys: the rules for callers without a token, a verifier with a token cache of its
 * own, and `loadKeys`, which fetches the keys if needed and gives their status. Its metrics count from now on; their
 * `keys` is null for a source without an endpoint. The modes of the contract must be without faults
 * (`findModeFaults`). Does nothing by itself, and has nothing to close.
 */
export function createAuthenticator(
  keys: KeySource,
  { contract, issuer, audience, leeway_s, algorithms, dev_scopes, scope_claim }: AuthSettings,
  clock: Clock = systemClock,
): Authenticator {
  const modes = buildModeMatrix(contract.modes)
  const rules = {
    modes,
    algorithms: new Set(algorithms),
    claims: { issuer, audience, leeway_s, required: contract.claims.required },
    scope_claim,
    max_bytes: contract.token.max_bytes,
    sensitive_max_age_s: contract.client.sensitive_max_age_s,
  }
  const cache = new TokenCache(contract.token_cache, clock)
  const verifier = new JwksVerifier(keys, rules, cache)
  return {
    rules: { modes, dev_scopes },
    verifier,
    loadKeys: async () => (await keys.forKid(null)).status,
    refreshKeys: () => keys.renew?.(),
    metrics: () => ({
      keys: keys.metrics?.() ?? null,
      tokens: cache.metrics(),
      decode_only: verifier.decodeOnly,
    }),
  }
}

/**
 * Opens an authenticator over an endpoint (`url`), given `keys`, or no keys (null). Without keys, a token that passes
 * the checks of form, `crit` and algorithm has the condition `keys_unconfigured`, whose outcome the mode matrix gives (a
 * refusal, `jwks_unreachable`), and `loadKeys` returns `unconfigured`. Fetches nothing before the first token or
 * `loadKeys`. `close` ends the background refresh of an endpoint, but no fetch in flight; else it does nothing.
 */
export async function openAuthenticator(
  from: KeySourceSpec,
  settings: AuthSettings,
): Promise<OpenAuthenticator> {
  if (from !== null && 'url' in from) {
    const keys = openJwksClient(from.url, settings.contract)
    return { ...createAuthenticator(keys, settings), close: () => Promise.resolve(keys.close()) }
  }
  const keys =
    from === null ? NO_KEYS : fixedKeySource(new KeySet(from.keys, settings.contract.keys))
  return { ...createAuthenticator(keys, settings), close: () => Promise.resolve() }
}

/**
 * Creates the client of a JWKS endpoint by the times and limits of the contract; it fetches on first use, then in the
 * background before a set expires. Its `close` ends the background refresh.
 */
export const openJwksClient = (
  url: URL,
  { client, keys }: AuthSettings['contract'],
  clock: Clock = systemClock,
): JwksClient =>
  new JwksClient({ fetch: () => fetchJwks(url, client, clock), times: client, keys, clock })
