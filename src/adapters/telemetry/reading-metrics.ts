import { totalmem } from 'node:os'
import type { Registry } from 'prom-client'
import { MISS_REASONS } from '../../core/cache/entry.ts'
import { DROP_REASONS } from '../../core/cache/messages.ts'
import { CHANGE_KINDS } from '../../core/feed/types.ts'
import { CACHE_LEVELS, type CacheMetrics } from '../../ports/cache.ts'
import type { MetricReadings } from '../../ports/telemetry.ts'
import { registerBacklog } from './backlog-metrics.ts'
import { registerCutover } from './cutover-metrics.ts'
import { createMetricFactory, type MetricFactory, setTotal } from './metric-factory.ts'

const BREAKER = ['closed', 'open', 'half_open'] as const
const CALLS = ['answered', 'failed', 'refused'] as const

/** Sets metrics to the current readings. */
type Setter = () => void | Promise<void>

/**
 * Registers the metrics that other components count: requests in flight, store, keys, tokens, Admin, cache.
 *
 * @returns a function that sets them to the current readings, to call at each scrape; it rejects where a reading does
 */
export function registerReadings(
  registers: Registry[],
  readings: MetricReadings,
): () => Promise<void> {
  const factory = createMetricFactory(registers)
  const setters = [
    requestGauges,
    logMetrics,
    storeMetrics,
    keyMetrics,
    tokenMetrics,
    adminMetrics,
    cacheMetrics,
    feedMetrics,
    limitMetrics,
  ].map((make) => make(factory, readings))
  const backlog = registerBacklog(registers, readings.backlog)
  const { cutover } = readings
  const moved = cutover === undefined ? [] : [registerCutover(registers, cutover)]
  return async () => {
    for (const set of [...setters, backlog, ...moved]) await set()
  }
}

function requestGauges(
  { gauge }: MetricFactory,
  { inFlight, in_flight_limit }: MetricReadings,
): Setter {
  const now = gauge('ff_http_requests_in_flight', 'Requests in flight.')
  const limit = gauge(
    'ff_http_requests_in_flight_limit',
    'Most requests in flight; one more is refused.',
  )
  return () => {
    now.set(inFlight())
    limit.set(in_flight_limit)
  }
}

function logMetrics({ counter }: MetricFactory, { droppedLines }: MetricReadings): Setter {
  const dropped = counter(
    'ff_log_lines_dropped_total',
    'Log lines dropped because their reader did not take them.',
  )
  return () => setTotal(dropped, droppedLines())
}

function storeMetrics(
  { gauge, counter }: MetricFactory,
  { head, staleDecisions }: MetricReadings,
): Setter {
  const stale = counter(
    'ff_decisions_stale_total',
    'Flags decided by the last known rows, because the store was away.',
  )
  const up = gauge('ff_store_up', 'Whether the store answered, 1 or 0.')
  const seq = gauge('ff_audit_head_seq', 'Records in the audit chain of the store.')
  return async () => {
    const found = await head()
    up.set(found === null ? 0 : 1)
    setTotal(stale, staleDecisions())
    seq.remove()
    if (found !== null) seq.set(found.seq)
  }
}

function keyMetrics({ gauge, counter }: MetricFactory, { authenticator }: MetricReadings): Setter {
  const fetches = counter('ff_jwks_fetches_total', 'Fetches of the key set.')
  const failures = counter('ff_jwks_fetch_failures_total', 'Failed fetches of the key set.')
  const loaded = gauge('ff_jwks_loaded', 'Whether a usable key set is loaded, 1 or 0.')
  const age = gauge('ff_jwks_age_seconds', 'Seconds since the key set was fetched.')
  return () => {
    const { keys } = authenticator()
    setTotal(fetches, keys?.fetches ?? 0)
    setTotal(failures, keys?.failures ?? 0)
    loaded.remove()
    age.remove()
    // Before the first token no set was fetched, and none is missing.
    if (keys !== null && keys.fetches > 0) loaded.set(keys.age_ms === null ? 0 : 1)
    if (keys !== null && keys.age_ms !== null) age.set(keys.age_ms / 1000)
  }
}

function tokenMetrics(
  { gauge, counter }: MetricFactory,
  { authenticator }: MetricReadings,
): Setter {
  const hits = counter('ff_token_cache_hits_total', 'Tokens found in the cache of verified tokens.')
  const misses = counter(
    'ff_token_cache_misses_total',
    'Tokens not found in the cache of verified tokens.',
  )
  const entries = gauge('ff_token_cache_entries', 'Tokens in the cache of verified tokens.')
  const unverified = counter(
    'ff_auth_decode_only_total',
    'Requests accepted with an unverified token.',
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
  const calls = counter('ff_admin_calls_total', 'Approval checks with Admin, by outcome.', [
    'outcome',
  ])
  const breaker = gauge(
    'ff_admin_breaker',
    'State of the circuit breaker: 1 for the current state, else 0.',
    ['state'],
  )
  return () => {
    const now = admin()
    for (const outcome of CALLS) setTotal(calls, now.calls[outcome], { outcome })
    for (const state of BREAKER) breaker.set({ state }, now.breaker === state ? 1 : 0)
  }
}

const countNone = <T extends string>(names: readonly T[]): Readonly<Record<T, number>> =>
  Object.fromEntries(names.map((name) => [name, 0])) as Record<T, number>
/** Every series is there from the start, also without a cache. */
const NO_CACHE: CacheMetrics = {
  hits: countNone(CACHE_LEVELS),
  misses: countNone(MISS_REASONS),
  invalidations: countNone(CHANGE_KINDS),
  loads: 0,
  coalesced: 0,
  errors: 0,
  degraded_seconds: 0,
  entries: 0,
}

function cacheMetrics({ gauge, counter }: MetricFactory, { cache }: MetricReadings): Setter {
  const hits = counter('ff_cache_hits_total', 'Rows and decisions found in the cache, by level.', [
    'level',
  ])
  const misses = counter('ff_cache_misses_total', 'Keys not taken from Redis, by reason.', [
    'reason',
  ])
  const invalidations = counter(
    'ff_cache_invalidations_total',
    'Changes that removed entries of the cache, by kind.',
    ['kind'],
  )
  const loads = counter('ff_cache_loads_total', 'Reads of the store for the cache.')
  const coalesced = counter(
    'ff_cache_coalesced_total',
    'Keys that waited for the load of another request or process.',
  )
  const errors = counter('ff_cache_errors_total', 'Calls to Redis without a result.')
  const degraded = counter(
    'ff_cache_degraded_seconds_total',
    'Seconds in which Redis gave no result, or the cache did not know all changes.',
  )
  const entries = gauge('ff_cache_entries', 'Entries of the cache in memory.')
  return () => {
    const now = cache() ?? NO_CACHE
    for (const level of CACHE_LEVELS) setTotal(hits, now.hits[level], { level })
    for (const reason of MISS_REASONS) setTotal(misses, now.misses[reason], { reason })
    for (const kind of CHANGE_KINDS) setTotal(invalidations, now.invalidations[kind], { kind })
    setTotal(loads, now.loads)
    setTotal(coalesced, now.coalesced)
    setTotal(errors, now.errors)
    setTotal(degraded, now.degraded_seconds)
    entries.set(now.entries)
  }
}

function feedMetrics({ gauge, counter }: MetricFactory, { feed }: MetricReadings): Setter {
  const staleness = gauge(
    'ff_cache_staleness_seconds',
    'Seconds since the instance knew that it has every change.',
  )
  const gaps = counter('ff_cache_gaps_total', 'Messages that showed that changes were missed.')
  const reconnects = counter(
    'ff_cache_reconnects_total',
    'Connections to the channels of Redis after the first.',
  )
  const dropped = counter(
    'ff_cache_messages_dropped_total',
    'Messages of the channels that were not taken, by reason.',
    ['reason'],
  )
  return () => {
    const now = feed()
    staleness.set(now?.staleness_seconds ?? 0)
    setTotal(gaps, now?.gaps ?? 0)
    setTotal(reconnects, now?.reconnects ?? 0)
    for (const reason of DROP_REASONS) setTotal(dropped, now?.dropped?.[reason] ?? 0, { reason })
  }
}

/** What the process may use, and what the file system of its store has. */
function limitMetrics({ gauge }: MetricFactory, { disk }: MetricReadings): Setter {
  const memory = gauge('ff_memory_limit_bytes', 'Memory that the process may use.')
  const used = gauge('ff_store_disk_used_bytes', 'Used bytes of the file system of a file store.')
  const size = gauge('ff_store_disk_size_bytes', 'Bytes of the file system of a file store.')
  return async () => {
    // Of a control group, where one sets a limit.
    const constrained = process.constrainedMemory()
    memory.set(constrained > 0 ? Math.min(constrained, totalmem()) : totalmem())
    const found = await disk()
    for (const one of [used, size]) one.remove()
    if (found === null) return
    used.set(found.used)
    size.set(found.limit)
  }
}
