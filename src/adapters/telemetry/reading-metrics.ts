import { Counter, Gauge, type Registry } from 'prom-client'
import type { MetricReadings } from '../../ports/telemetry.ts'

const BREAKER = ['closed', 'open', 'half_open'] as const
const CALLS = ['answered', 'failed', 'refused'] as const

interface MetricFactory {
  readonly gauge: (name: string, help: string, labels?: string[]) => Gauge
  readonly counter: (name: string, help: string, labels?: string[]) => Counter
}
/** Sets metrics to what was read. */
type Setter = () => void | Promise<void>

/** Metrics that others count, read when they are asked for. */
export function registerReadings(
  registers: Registry[],
  readings: MetricReadings,
): () => Promise<void> {
  const made: MetricFactory = {
    gauge: (name, help, labelNames = []) => new Gauge({ name, help, labelNames, registers }),
    counter: (name, help, labelNames = []) => new Counter({ name, help, labelNames, registers }),
  }
  const setters = [requestGauges, storeGauges, keyMetrics, tokenMetrics, adminMetrics].map((make) =>
    make(made, readings),
  )
  return async () => {
    for (const set of setters) await set()
  }
}

/** A counter that somebody else keeps. */
const setTotal = (counter: Counter, value: number, labels: Record<string, string> = {}): void => {
  counter.remove(labels)
  counter.inc(labels, value)
}

function requestGauges(
  { gauge }: MetricFactory,
  { inFlight, in_flight_limit }: MetricReadings,
): Setter {
  const now = gauge('ff_http_requests_in_flight', 'Requests under way.')
  const limit = gauge('ff_http_requests_in_flight_limit', 'One more is refused.')
  return () => {
    now.set(inFlight())
    limit.set(in_flight_limit)
  }
}

function storeGauges({ gauge }: MetricFactory, { head }: MetricReadings): Setter {
  const up = gauge('ff_store_up', 'Whether the store gave an answer, 1 or 0.')
  const seq = gauge('ff_audit_head_seq', 'Records in the audit chain of the store.')
  return async () => {
    const found = await head()
    up.set(found === null ? 0 : 1)
    seq.remove()
    if (found !== null) seq.set(found.seq)
  }
}

function keyMetrics({ gauge, counter }: MetricFactory, { authenticator }: MetricReadings): Setter {
  const fetches = counter('ff_jwks_fetches_total', 'Times that the key set was asked for.')
  const failures = counter('ff_jwks_fetch_failures_total', 'Times that it could not be had.')
  const loaded = gauge('ff_jwks_loaded', 'Whether there is a key set that may be used, 1 or 0.')
  const age = gauge('ff_jwks_age_seconds', 'Since the key set was fetched.')
  return () => {
    const { keys } = authenticator()
    setTotal(fetches, keys?.fetches ?? 0)
    setTotal(failures, keys?.failures ?? 0)
    loaded.remove()
    age.remove()
    // Before the first token nobody has asked for a set, and none is missed.
    if (keys !== null && keys.fetches > 0) loaded.set(keys.age_ms === null ? 0 : 1)
    if (keys !== null && keys.age_ms !== null) age.set(keys.age_ms / 1000)
  }
}

function tokenMetrics(
  { gauge, counter }: MetricFactory,
  { authenticator }: MetricReadings,
): Setter {
  const hits = counter('ff_token_cache_hits_total', 'Tokens that were known to be verified.')
  const misses = counter('ff_token_cache_misses_total', 'Tokens that had to be verified.')
  const entries = gauge('ff_token_cache_entries', 'Tokens that are known to be verified.')
  const unverified = counter(
    'ff_auth_decode_only_total',
    'Callers who were let in by a token that nobody verified.',
  )
  return () => {
    const { tokens, decode_only } = authenticator()
    setTotal(hits, tokens.hits)
    setTotal(misses, tokens.misses)
    entries.set(tokens.entries)
    setTotal(unverified, decode_only)
  }
}

function adminMetrics({ gauge, counter }: MetricFactory, { admin }: MetricReadings): Setter {
  const made = counter(
    'ff_admin_calls_total',
    'Questions to Admin about an approval, by what became of them.',
    ['outcome'],
  )
  const breaker = gauge('ff_admin_breaker', 'Which state the breaker is in, 1 or 0 each.', [
    'state',
  ])
  return () => {
    const now = admin()
    for (const outcome of CALLS) setTotal(made, now.calls[outcome], { outcome })
    for (const state of BREAKER) breaker.set({ state }, now.breaker === state ? 1 : 0)
  }
}
