import {
  type LeaseWatch,
  listOldHolders,
  parseLeaseMs,
  watchLeases,
} from '../../core/cutover/leases.ts'
import { FfError } from '../../errors.ts'
import type { RegisteredInstance } from '../../ports/cutover.ts'
import type { CutoverSides } from './read-sides.ts'

/** Monotonic milliseconds, and a wait that ends early when the signal is aborted. */
export interface CutoverClock {
  now(): number
  rest(ms: number, signal: AbortSignal): Promise<void>
}

/** Sees renewals of the instances of both places on the clock of this process. */
export class LeaseObserver {
  private readonly sides: CutoverSides
  private readonly clock: CutoverClock
  private readonly leaseMs: number
  private watch: LeaseWatch = {}
  private readonly firstSeen = new Map<string, number>()

  constructor(
    sides: CutoverSides,
    { clock, leaseMs }: { readonly clock: CutoverClock; readonly leaseMs: number },
  ) {
    this.sides = sides
    this.clock = clock
    this.leaseMs = leaseMs
  }

  /**
   * The ids of the instances that may still act under an epoch below `epoch`.
   *
   * @throws FfError where a place cannot be read: its instances are not known then
   */
  async listOlder(epoch: number): Promise<readonly string[]> {
    const { file, database } = this.sides
    const [there, look] = await Promise.all([file.instances(), database.look(0)])
    const registered = [...there, ...look.instances].map((one) => ({
      ...one,
      leaseMs: parseLeaseMs(one.facts.configuration) ?? this.leaseMs,
    }))
    const at = this.see(registered)
    return listOldHolders(this.watch, registered, { epoch, at, leaseMs: this.leaseMs })
  }

  /** Notes the renewals among registrations; returns the time of this look. */
  see(registered: readonly RegisteredInstance[]): number {
    const at = this.clock.now()
    this.watch = watchLeases(this.watch, registered, at)
    for (const one of registered)
      if (!this.firstSeen.has(toKey(one))) this.firstSeen.set(toKey(one), one.counter)
    return at
  }

  /** Whether an instance has renewed since it was seen first: a registration alone may be that of a dead one. */
  hasRenewed(one: RegisteredInstance): boolean {
    return (this.firstSeen.get(toKey(one)) ?? one.counter) !== one.counter
  }

  /**
   * Waits until no live instance holds an epoch below `epoch`.
   *
   * @returns the ids that still do when the bound has passed or the signal is aborted; none where all hold it
   * @throws FfError where a place cannot be read within the bound
   */
  async untilHeld(
    epoch: number,
    { boundMs, signal }: { readonly boundMs: number; readonly signal: AbortSignal },
  ): Promise<readonly string[]> {
    const until = this.clock.now() + boundMs
    for (;;) {
      const older = await this.tryList(epoch)
      if (Array.isArray(older) && older.length === 0) return older
      if (this.clock.now() >= until || signal.aborted) {
        if (older instanceof FfError) throw older
        return older as readonly string[]
      }
      await this.clock.rest(Math.min(LOOK_MS, this.leaseMs / 10), signal)
    }
  }

  private async tryList(epoch: number): Promise<readonly string[] | FfError> {
    try {
      return await this.listOlder(epoch)
    } catch (error) {
      if (error instanceof FfError) return error
      throw error
    }
  }
}

const LOOK_MS = 200
const toKey = ({ place, id }: RegisteredInstance): string => `${place}/${id}`
