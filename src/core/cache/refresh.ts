import type { EntryTerms } from './contract.ts'

/** A random number from 0 inclusive to 1 exclusive. */
export type Random = () => number

/** A lifetime varied by at most the share either way, so that entries made together do not end together. */
export const jitterLifetime = (ms: number, share: number, random: Random): number =>
  Math.max(1, Math.round(ms * (1 + share * (2 * random() - 1))))

/**
 * Whether to load an entry anew before its end (XFetch; Vattani, Chierichetti, Lowenstein 2015): the chance is
 * exp(-remaining / (beta * cost)), so that a hot key is loaded by about one caller before it ends.
 */
export const isRefreshDue = (
  { remaining_ms, cost_ms }: { readonly remaining_ms: number; readonly cost_ms: number },
  beta: number,
  random: Random,
): boolean => -cost_ms * beta * Math.log(random()) >= remaining_ms

/** The lifetime of a row, or of the fact that there is none, in Redis and in memory, in milliseconds before jitter. */
export const getLifetimes = (
  terms: EntryTerms,
  exists: boolean,
): { readonly shared_ms: number; readonly local_ms: number } => {
  const shared_ms = (exists ? terms.ttl_s : terms.negative_ttl_s) * 1000
  return { shared_ms, local_ms: Math.min(terms.local_ttl_s * 1000, shared_ms) }
}
