import { nextDelayMs } from '../../core/shipping/backoff.ts'
import { MOST_RECORDS, planSend, settleSend } from '../../core/shipping/slot.ts'
import { type ErrorCode, FfError } from '../../errors.ts'
import type { AuditTopic, ShipClaim, ShipObserver, ShipStore } from '../../ports/shipping.ts'

/** Slots that a process works on at once. */
const WORKERS = 4
/** Sends after which a slot is given back, so that the others have their turn, and other processes. */
const TURNS = 20
/** How long a process that found nothing to send rests. */
const POLL_MS = 500

/** Time and chance, which a test replaces. */
export interface ShipTiming {
  /** Milliseconds of a clock that is never set. */
  readonly now: () => number
  /** Rests; ends at once where the signal is aborted. Never throws. */
  readonly rest: (ms: number, signal: AbortSignal) => Promise<void>
  /** From 0 up to 1. */
  readonly random: () => number
}

export interface ShipRequest {
  readonly store: ShipStore
  readonly topic: AuditTopic
  /** As the store was opened with. */
  readonly lease_ms: number
  /** Refusals after which a record is failed. */
  readonly tries: number
  /** Goes on until the signal; otherwise ends when nothing is left that may be sent now, or no broker answers. */
  readonly follow: boolean
  readonly signal: AbortSignal
  readonly timing: ShipTiming
  readonly observe: ShipObserver
}

/** What a run did. */
export interface ShipTotals {
  delivered: number
  /** Waits that were begun: of refused records, and of the first ones of targets without an answer. */
  retried: number
  failed: number
  /** Why the last slot was suspended; null where each send had an answer. */
  unavailable: string | null
}

/** Errors of a store that is away for a while. */
const TEMPORARY: ReadonlySet<ErrorCode> = new Set([
  'target_unreachable',
  'backing_unavailable',
  'lock_timeout',
  'disk_full',
  'target_read_only',
])

/**
 * Ships pending records until the signal, or without `follow` until none is left that may be sent now. At the signal
 * the sends in flight end and are marked, and the slots are given back.
 *
 * @returns what was done
 * @throws FfError of the store; with `follow` only where it will not help to wait, such as `rights_missing`
 */
export async function shipAudit(request: ShipRequest): Promise<ShipTotals> {
  const totals: ShipTotals = { delivered: 0, retried: 0, failed: 0, unavailable: null }
  // An error of one worker ends the others.
  const failing = new AbortController()
  const signal = AbortSignal.any([request.signal, failing.signal])
  const run = (): Promise<void> =>
    runWorker({ ...request, signal }, totals).catch((error: unknown) => {
      failing.abort()
      throw error
    })
  const ended = await Promise.allSettled(Array.from({ length: WORKERS }, run))
  for (const one of ended) if (one.status === 'rejected') throw one.reason
  return totals
}

async function runWorker(request: ShipRequest, totals: ShipTotals): Promise<void> {
  const { follow, signal, timing, observe } = request
  let waited: number | null = null
  while (!signal.aborted) {
    const turn = await takeTurn(request, totals)
    if (!follow && turn.kind !== 'worked') return
    if (turn.kind === 'worked') waited = null
    if (turn.kind === 'idle') await timing.rest(POLL_MS, signal)
    if (turn.kind !== 'suspended' && turn.kind !== 'store_failed') continue
    waited = nextDelayMs(waited, timing.random())
    observe({ ...turn, delay_ms: waited })
    await timing.rest(waited, signal)
  }
}

type Turn =
  | { readonly kind: 'worked' | 'idle' }
  | { readonly kind: 'suspended'; readonly slot: number; readonly reason: string }
  | { readonly kind: 'store_failed'; readonly code: string; readonly reason: string }

/** Claims one slot, works on it, and gives it back. */
async function takeTurn(request: ShipRequest, totals: ShipTotals): Promise<Turn> {
  const { store, follow, timing, observe } = request
  try {
    // Before the claim, so that this process holds its lease to be over no later than the store does.
    const leased = timing.now()
    const claim = await store.claim()
    if (claim === null) return { kind: 'idle' }
    observe({ kind: 'claimed', slot: claim.slot })
    const suspended = await shipClaimed(request, totals, { claim, leased })
    await store.release(claim)
    observe({ kind: 'released', slot: claim.slot })
    if (suspended === null) return { kind: 'worked' }
    totals.unavailable = suspended
    return { kind: 'suspended', slot: claim.slot, reason: suspended }
  } catch (error) {
    if (!follow || !(error instanceof FfError) || !TEMPORARY.has(error.code)) throw error
    return { kind: 'store_failed', code: error.code, reason: error.message }
  }
}

interface HeldSlot {
  readonly claim: ShipClaim
  /** Of `now`, when the lease began at the latest. */
  readonly leased: number
}

/** As `shipSlot`; after an error others need not wait for the lease, if the store can still be told. */
async function shipClaimed(
  request: ShipRequest,
  totals: ShipTotals,
  held: HeldSlot,
): Promise<string | null> {
  try {
    return await shipSlot(request, totals, held)
  } catch (error) {
    await request.store.release(held.claim).catch(() => undefined)
    throw error
  }
}

/** Sends and marks until the slot is empty, has had its turns, or is lost. @returns why no broker answers; else null */
async function shipSlot(
  { store, topic, lease_ms, tries, signal, timing, observe }: ShipRequest,
  totals: ShipTotals,
  held: HeldSlot,
): Promise<string | null> {
  const { claim } = held
  const { slot } = claim
  let { leased } = held
  let limit = MOST_RECORDS
  for (let turn = 0; turn < TURNS && !signal.aborted; turn += 1) {
    const batch = planSend(await store.read(claim, limit), limit)
    // A send begins within the lease, and others wait for its end after it.
    const began = timing.now()
    if (batch.length === 0 || began - leased >= lease_ms) return null
    const groups = await topic.send(batch)
    observe({ kind: 'sent', slot, groups, ms: timing.now() - began })
    const settled = settleSend(groups, { limit, tries, random: timing.random })
    const marking = timing.now()
    const { marks, suspended } = settled
    if (marks.length > 0) {
      if (!(await store.mark(claim, marks, topic.name))) {
        observe({ kind: 'lost', slot })
        return null
      }
      leased = marking
      observe({ kind: 'marked', slot, marks })
      for (const { kind } of marks) totals[COUNTS[kind]] += 1
    }
    if (suspended !== null) return suspended
    limit = settled.limit
  }
  return null
}

const COUNTS = { delivered: 'delivered', waiting: 'retried', failed: 'failed' } as const
