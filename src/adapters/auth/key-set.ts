import { canonicalizeValue } from '../../core/json/plain.ts'
import { importKey, type VerificationKey } from '../jose/compact.ts'
import {
  type UntrustedJwk,
  type KeyFault,
  findKeyFault,
  isKeyUsableFor,
  type KeyLimits,
} from './key-filter.ts'

/** The key that verifies a token, or why there is none. */
export type KeySelection =
  | { readonly status: 'found'; readonly key: VerificationKey }
  | { readonly status: 'kid_absent' | 'kid_ambiguous' | 'key_not_usable' }

/** Why no token selects a key. */
export type KeyUseFault = KeyFault | 'alg_not_allowed' | 'kid_ambiguous' | 'kid_repeated'

interface Entry {
  readonly jwk: UntrustedJwk
  readonly fault: KeyFault | null
  /** By algorithm. */
  readonly imported: Map<string, Promise<VerificationKey | null>>
}

/**
 * The keys of one JWK set. Each is judged once, and imported once per algorithm on first use. Keys that are equal in
 * every member are one key: key servers that join several sets list a key twice.
 */
export class KeySet {
  readonly entries: readonly Entry[]
  private readonly byKid = new Map<unknown, Entry[]>()

  constructor(keys: readonly UntrustedJwk[], limits: KeyLimits) {
    const distinct = new Map(keys.map((jwk) => [canonicalizeValue(jwk), jwk]))
    this.entries = [...distinct.values()].map((jwk) => ({
      jwk,
      fault: findKeyFault(jwk, limits),
      imported: new Map(),
    }))
    for (const entry of this.entries) {
      const { kid } = entry.jwk
      const named = this.byKid.get(kid)
      if (named === undefined) this.byKid.set(kid, [entry])
      else named.push(entry)
    }
  }

  /** Number of keys that can verify a token. */
  get usable(): number {
    return this.entries.filter(({ fault }) => fault === null).length
  }

  /** Whether any key of the set has this `kid`, sound or not. */
  has(kid: string): boolean {
    return this.byKid.has(kid)
  }

  /**
   * Selects the key that verifies a token of this algorithm. `kid_absent`: no key has the kid. `kid_ambiguous`: the
   * token has no kid and the set several sound keys. `key_not_usable`: not exactly one sound key fits the algorithm, or
   * its import fails.
   *
   * @param kid null for a token without one
   */
  async select(kid: string | null, alg: string): Promise<KeySelection> {
    const named = kid === null ? this.entries : this.byKid.get(kid)
    if (named === undefined) return { status: 'kid_absent' }
    const sound = named.filter(({ fault }) => fault === null)
    if (kid === null && sound.length > 1) return { status: 'kid_ambiguous' }
    const [first, ...more] = sound.filter(({ jwk }) => isKeyUsableFor(jwk, alg))
    const key = first === undefined || more.length > 0 ? null : await importOnce(first, alg)
    return key === null ? { status: 'key_not_usable' } : { status: 'found', key }
  }

  /**
   * Why no token of these algorithms selects a key of the set: its own fault, `alg_not_allowed`, `kid_ambiguous` for a
   * key without a kid beside other sound ones, `malformed` where it cannot be imported, or `kid_repeated`. Null where
   * some token does.
   */
  async findUseFault(entry: Entry, algorithms: readonly string[]): Promise<KeyUseFault | null> {
    const { jwk, fault } = entry
    const fitting = algorithms.filter((alg) => isKeyUsableFor(jwk, alg))
    const [alg] = fitting
    if (fault !== null || alg === undefined) return fault ?? 'alg_not_allowed'
    const kid = typeof jwk['kid'] === 'string' ? jwk['kid'] : null
    const selected = await Promise.all(fitting.map((one) => this.select(kid, one)))
    if (selected.some(({ status }) => status === 'found')) return null
    if (selected.some(({ status }) => status === 'kid_ambiguous')) return 'kid_ambiguous'
    return (await importOnce(entry, alg)) === null ? 'malformed' : 'kid_repeated'
  }
}

function importOnce({ jwk, imported }: Entry, alg: string): Promise<VerificationKey | null> {
  const known = imported.get(alg)
  if (known !== undefined) return known
  const key = importKey(jwk, alg)
  imported.set(alg, key)
  return key
}
