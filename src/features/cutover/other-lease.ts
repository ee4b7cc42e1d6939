import { parseLeaseMs } from '../../core/cutover/leases.ts'
import { quoteValue } from '../../core/text/quote.ts'
import { FfError } from '../../errors.ts'
import type { RegisteredInstance } from '../../ports/cutover.ts'
import type { CutoverClock } from './lease-observer.ts'
import type { CutoverSides } from './read-sides.ts'

/** What is registered in the places that the caller can read. */
type ListRegistered = () => Promise<readonly RegisteredInstance[]>

/** The registrations of both places. @throws FfError of either */
export const listBothPlaces =
  ({ file, database }: Pick<CutoverSides, 'file' | 'database'>): ListRegistered =>
  async () => [...(await file.instances()), ...(await database.look(0)).instances]

/** The registrations whose lease is not this one, or not said. */
export const listOtherLeases = (
  registered: readonly RegisteredInstance[],
  leaseMs: number,
): readonly RegisteredInstance[] =>
  registered.filter(({ facts }) => parseLeaseMs(facts.configuration) !== Math.round(leaseMs))

/** The longest lease that anyone may still act by: that of the caller, or a registered one. */
export const findLongestLease = (
  registered: readonly RegisteredInstance[],
  leaseMs: number,
): number =>
  Math.max(leaseMs, ...registered.map(({ facts }) => parseLeaseMs(facts.configuration) ?? 0))

/**
 * An instance that lives with another lease than the caller; null for none. Waits for at most the longest lease, and only
 * where one is registered, which may have ended.
 */
export async function findOtherLease(
  list: ListRegistered,
  { leaseMs, clock, signal }: LeaseWait,
): Promise<RegisteredInstance | null> {
  const first = listOtherLeases(await list(), leaseMs)
  const until = clock.now() + findLongestLease(first, leaseMs)
  while (first.length > 0 && clock.now() < until && !signal.aborted) {
    await clock.rest(leaseMs / 10, signal)
    const others = listOtherLeases(await list(), leaseMs)
    const renewed = others.find(({ id, place, counter }) =>
      first.some((one) => one.id === id && one.place === place && one.counter !== counter),
    )
    if (renewed !== undefined) return renewed
  }
  return null
}
interface LeaseWait {
  /** Of the caller. */
  readonly leaseMs: number
  readonly clock: CutoverClock
  readonly signal: AbortSignal
}

/** Says which lease an instance has: `5 s`. */
export function describeLease({ id, facts }: RegisteredInstance): string {
  const leaseMs = parseLeaseMs(facts.configuration)
  const lease = leaseMs === null ? 'does not say its lease' : `has a lease of ${leaseMs / 1_000} s`
  return `The instance ${quoteValue(id)} (pid ${facts.pid} on ${quoteValue(facts.host)}) ${lease}`
}

/**
 * Refuses a step of a command with another lease than an instance that lives.
 *
 * @throws FfError `phase_refused`; of either place
 */
export async function requireSameLease(
  sides: Pick<CutoverSides, 'file' | 'database'>,
  wait: LeaseWait,
): Promise<void> {
  const other = await findOtherLease(listBothPlaces(sides), wait)
  if (other === null) return
  throw otherLeaseError('phase_refused', other, wait.leaseMs)
}

/** @param code `setting_invalid` where an instance with another lease would start */
export function otherLeaseError(
  code: 'phase_refused' | 'setting_invalid',
  other: RegisteredInstance,
  leaseMs: number,
): FfError {
  const wanted = parseLeaseMs(other.facts.configuration)
  const hint =
    wanted === null
      ? 'Start that instance again with this version of ff.'
      : `Run \`export FF_CUTOVER_LEASE=${wanted / 1_000}\`, then the same command again: it is one value on every instance and for every command.`
  return new FfError(
    code,
    `${describeLease(other)}, and FF_CUTOVER_LEASE is ${leaseMs / 1_000} here.`,
    { hint },
  )
}
