/** The last renewal of an instance in one place that an observer has seen, on the observer's own monotonic clock. */
export interface SeenRenewal {
  readonly counter: number
  readonly seenAt: number
}
/** What an instance has registered in one place: a counter that grows with each renewal, and the epoch that it holds. */
export interface Registration {
  readonly id: string
  readonly place: 'file' | 'database'
  readonly counter: number
  readonly epoch: number
  /** Its lease, where that is known to be another one than the observer's. */
  readonly leaseMs?: number
}
/** By place and id. */
export type LeaseWatch = Readonly<Record<string, SeenRenewal>>

const toKey = ({ place, id }: Registration): string => `${place}/${id}`

/** Notes which registrations have a counter that was not seen before; `at` is the observer's monotonic time. */
export function watchLeases(
  watch: LeaseWatch,
  registrations: readonly Registration[],
  at: number,
): LeaseWatch {
  const renewed = registrations.filter((one) => watch[toKey(one)]?.counter !== one.counter)
  if (renewed.length === 0) return watch
  const seen = renewed.map((one) => [toKey(one), { counter: one.counter, seenAt: at }] as const)
  return { ...watch, ...Object.fromEntries(seen) }
}

/** Whether a lease that began at `since` still runs. Null never began. */
export const isLeaseCurrent = (since: number | null, at: number, leaseMs: number): boolean =>
  since !== null && at - since < leaseMs

/**
 * The instances that may still act under an epoch below `epoch`: in no place do they hold it, and in some place the lease
 * that was seen still runs: its own, or the observer's where that is longer. Sorted, each once.
 */
export function listOldHolders(
  watch: LeaseWatch,
  registrations: readonly Registration[],
  { epoch, at, leaseMs }: { readonly epoch: number; readonly at: number; readonly leaseMs: number },
): readonly string[] {
  const holding = new Set(registrations.filter((one) => one.epoch >= epoch).map(({ id }) => id))
  const acting = registrations.filter((one) => {
    const longest = Math.max(leaseMs, one.leaseMs ?? 0)
    return !holding.has(one.id) && isLeaseCurrent(watch[toKey(one)]?.seenAt ?? at, at, longest)
  })
  return [...new Set(acting.map(({ id }) => id))].sort()
}

/** What an instance registers of its settings: their digest, and its lease in milliseconds. */
export const formatConfiguration = (digest: string, leaseMs: number): string =>
  `${digest}/${Math.round(leaseMs)}`

/** The lease in what an instance has registered, in milliseconds; null where it says none, as an earlier version. */
export function parseLeaseMs(configuration: string): number | null {
  const [, lease] = /\/(\d{1,9})$/.exec(configuration) ?? []
  return lease === undefined ? null : Number(lease)
}
