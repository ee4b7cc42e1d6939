import { type Instant, instantToMs } from '../rows/instant.ts'
import { MINUTE_MS, type ObservedMinute, sumCounts } from './minute.ts'

/** The bounds of an observation. */
export interface ObservationBounds {
  readonly hours: number
  /** Instances of staging, each of which has to answer in each minute. */
  readonly instances: number
  /** The longest gap between two minutes, in seconds. */
  readonly gap_s: number
  /** The most of the requests that fail. */
  readonly error_share: number
  /** p99 of the database: at most the larger one of a multiple of the file's and of a floor in milliseconds. */
  readonly p99_ratio: number
  readonly p99_floor_ms: number
  /** Starts of instances within an hour. */
  readonly restarts_per_hour: number
  /** The longest drill, in minutes. */
  readonly drill_minutes: number
}

export type RestartCause =
  | 'gap'
  | 'clock'
  | 'identity'
  | 'silent'
  | 'divergence'
  | 'errors'
  | 'latency'
  | 'restarts'
  | 'drill'
interface Break {
  readonly cause: RestartCause
  readonly detail: string
}
/** Why the time begins again, and at which minute. */
export interface ObservationRestart extends Break {
  readonly at: Instant
}

/** A clean stretch without a restart, its newest part of at most the bound's hours. */
export interface CleanWindow {
  readonly from: Instant
  /** Beginning of its last minute. */
  readonly until: Instant
  /** Hours that count: without minutes of a drill, those that a probe disturbed, and those that hardly compared. */
  readonly hours: number
}

export interface Observation {
  /** Null where the last minute is not clean. */
  readonly window: CleanWindow | null
  readonly complete: boolean
  /** The minutes that `measured` covers, oldest first. */
  readonly judged: readonly JudgedMinute[]
  /** Every restart, oldest first. */
  readonly restarts: readonly ObservationRestart[]
  readonly measured: ObservationMeasures
  /** Reasons of the contract that no compared decision had. */
  readonly unseen: readonly string[]
}
/**
 * Over the window where it is complete; else over all minutes of the present identity, the newest hours of the bound: what
 * this identity has done wrong stays in sight until as much clean time has passed.
 */
export interface ObservationMeasures {
  readonly contiguous_h: number
  readonly coverage_share: number
  readonly longest_gap_s: number
  readonly comparisons: number
  readonly reasons_unseen: number
  readonly divergences: number
  readonly in_flight_share: number
  readonly bounds_broken: number
  readonly identities: number
}

/** How far the wall clock may run from the monotonic one within a minute, as a share of it. */
const CLOCK_SHARE = 0.1
const MINUTES_PER_HOUR = 60

/**
 * Reads a recording, oldest first, and finds the newest clean stretch. A gap, a step of the clock, another identity, a
 * divergence, a broken bound and a drill that is too long begin it again. Once it is complete, a minute that a probe
 * disturbed breaks no bound.
 *
 * @param reasons the reasons of the contract
 */
export function judgeObservation(
  minutes: readonly ObservedMinute[],
  bounds: ObservationBounds,
  reasons: readonly string[],
): Observation {
  const walk = new Walk(bounds)
  for (const minute of minutes) walk.take(minute)
  const window = walk.findWindow()
  const complete = window !== null && window.hours >= bounds.hours
  const held = walk.listHeld(complete ? window : null)
  const unseen = reasons.filter((reason) => !held.some(({ minute }) => minute.compared[reason]))
  const measured = {
    contiguous_h: window?.hours ?? 0,
    reasons_unseen: unseen.length,
    ...measureMinutes(held),
  }
  return { window, complete, judged: held, restarts: walk.restarts, unseen, measured }
}

/** A minute, and whether it counts. */
export interface JudgedMinute {
  readonly minute: ObservedMinute
  /** `drill`, `excused` and `idle` are part of no time that counts, and begin nothing again. */
  readonly standing: 'clean' | 'drill' | 'excused' | 'idle' | 'broken'
}
interface Held extends JudgedMinute {
  readonly at: number
  /** Seconds without a minute before this one; 0 for the first. */
  readonly gap_s: number
}

class Walk {
  readonly restarts: ObservationRestart[] = []
  private readonly bounds: ObservationBounds
  /** Of the present identity. */
  private held: Held[] = []
  /** Where the clean stretch begins in `held`, and how many of its minutes count. */
  private cleanFrom = 0
  private counted = 0
  private drill = 0
  private last: ObservedMinute | null = null

  constructor(bounds: ObservationBounds) {
    this.bounds = bounds
  }

  take(minute: ObservedMinute): void {
    const at = instantToMs(minute.minute)
    const gap_s = this.last === null ? 0 : (at - instantToMs(this.last.minute) - MINUTE_MS) / 1000
    const before = this.findBreakBefore(minute, gap_s)
    if (before !== null) this.restart(minute, before)
    if (before?.cause === 'identity') this.held = []
    if (before !== null) this.cleanFrom = this.held.length
    this.last = minute
    this.drill = minute.drill ? this.drill + 1 : 0
    const standing = this.judge(minute, at)
    this.held.push({ at, minute, gap_s: Math.max(0, gap_s), standing })
    if (standing === 'clean') this.counted += 1
    if (standing === 'broken') this.cleanFrom = this.held.length
  }

  findWindow(): CleanWindow | null {
    const clean = this.held.slice(this.cleanFrom).filter(({ standing }) => standing === 'clean')
    const newest = clean.slice(-this.bounds.hours * MINUTES_PER_HOUR)
    const [first, last] = [newest[0], newest.at(-1)]
    if (first === undefined || last === undefined) return null
    const hours = Math.floor((newest.length / MINUTES_PER_HOUR) * 100) / 100
    return { from: first.minute.minute, until: last.minute.minute, hours }
  }

  /** The minutes of a window, or the newest ones of the present identity. */
  listHeld(window: CleanWindow | null): readonly Held[] {
    const last = this.held.at(-1)?.at ?? 0
    const newest = last - (this.bounds.hours * MINUTES_PER_HOUR - 1) * MINUTE_MS
    const from = window === null ? newest : instantToMs(window.from)
    return this.held.filter(({ at }) => at >= from)
  }

  private restart({ minute: at }: ObservedMinute, found: Break): void {
    // Where no minute was clean since the last one, nothing begins again.
    if (this.counted > 0) this.restarts.push({ at, ...found })
    this.counted = 0
  }

  /** What lies between the minute before and this one, which may be clean itself. */
  private findBreakBefore(minute: ObservedMinute, gap_s: number): Break | null {
    if (this.last === null) return null
    const { gap_s: most } = this.bounds
    if (gap_s < 0)
      return {
        cause: 'clock',
        detail: `the minute before is ${this.last.minute}: the clock was set back`,
      }
    if (gap_s > most)
      return { cause: 'gap', detail: `${gap_s} s without a minute, of at most ${most}` }
    const [before, now] = [this.last, minute].map(({ identities }) => identities.join(', '))
    return before === now
      ? null
      : { cause: 'identity', detail: `${before || 'none'} became ${now || 'none'}` }
  }

  private judge(minute: ObservedMinute, at: number): Held['standing'] {
    const fault = findFault(minute)
    const broken = minute.drill ? null : this.findBroken(minute, at)
    const excused =
      this.counted >= this.bounds.hours * MINUTES_PER_HOUR && minute.disturbed_by.length > 0
    const found = fault ?? (excused ? null : broken) ?? this.findLongDrill()
    if (found !== null) {
      this.restart(minute, found)
      return 'broken'
    }
    if (minute.drill) return 'drill'
    if (broken !== null) return 'excused'
    // Nothing measured is not clean, nor is what was mostly dropped, or lost at the end of an instance.
    return isWhole(minute) && sumCounts(minute.compared) > minute.dropped ? 'clean' : 'idle'
  }

  private findBroken(minute: ObservedMinute, at: number): Break | null {
    const { instances, error_share, restarts_per_hour: most } = this.bounds
    const { errors, requests } = minute
    if (minute.instances < instances)
      return {
        cause: 'silent',
        detail: `${minute.instances} of ${instances} instances answered`,
      }
    if (errors > requests * error_share)
      return {
        cause: 'errors',
        detail: `${errors} of ${requests} requests failed, of at most ${error_share}`,
      }
    const { file, database } = minute.latency
    const bound = Math.max((file.p99 ?? 0) * this.bounds.p99_ratio, this.bounds.p99_floor_ms)
    if (database.p99 !== null && database.p99 > bound)
      return {
        cause: 'latency',
        detail: `p99 of the database ${database.p99} ms, of at most ${bound}`,
      }
    const hour = this.held
      .slice(-MINUTES_PER_HOUR)
      .filter((one) => at - one.at < MINUTES_PER_HOUR * MINUTE_MS)
    const restarts = hour.reduce((sum, one) => sum + one.minute.restarts, minute.restarts)
    return minute.restarts > 0 && restarts > most
      ? {
          cause: 'restarts',
          detail: `${restarts} starts of instances within an hour, of at most ${most}`,
        }
      : null
  }

  private findLongDrill(): Break | null {
    const { drill_minutes: most } = this.bounds
    return this.drill > most
      ? { cause: 'drill', detail: `a drill of ${this.drill} minutes, of at most ${most}` }
      : null
  }
}

/** Whether all that the instances did was read: one that was started anew has lost what it counted since the last reading. */
const isWhole = ({ restarts }: ObservedMinute): boolean => restarts === 0

/** What breaks a minute whatever disturbed it. */
function findFault({ divergences, identities, measured_ms }: ObservedMinute): Break | null {
  if (sumCounts(divergences) > 0) {
    const counts = Object.entries(divergences).filter(([, count]) => count > 0)
    const fields = counts.map(([field, count]) => `${field} ${count} times`)
    return { cause: 'divergence', detail: `the two sides differ in ${fields.join(', ')}` }
  }
  if (identities.length === 0) return { cause: 'silent', detail: 'no instance answered' }
  return Math.abs(measured_ms - MINUTE_MS) > MINUTE_MS * CLOCK_SHARE
    ? { cause: 'clock', detail: `the minute took ${measured_ms} ms by the monotonic clock` }
    : null
}

function measureMinutes(
  held: readonly Held[],
): Omit<ObservationMeasures, 'contiguous_h' | 'reasons_unseen'> {
  const [first, last] = [held[0], held.at(-1)]
  const expected =
    first === undefined || last === undefined ? 1 : (last.at - first.at) / MINUTE_MS + 1
  const sum = (count: (minute: ObservedMinute) => number): number =>
    held.reduce((total, { minute }) => total + count(minute), 0)
  const comparisons = sum(({ compared }) => sumCounts(compared))
  const in_flight = sum((minute) => minute.in_flight)
  return {
    coverage_share: Math.min(1, held.filter(({ minute }) => isWhole(minute)).length / expected),
    longest_gap_s: Math.max(0, ...held.slice(1).map(({ gap_s }) => gap_s)),
    comparisons,
    divergences: sum(({ divergences }) => sumCounts(divergences)),
    // Where nothing was compared, everything may have been in flight.
    in_flight_share: comparisons + in_flight === 0 ? 1 : in_flight / (comparisons + in_flight),
    bounds_broken: held.filter(({ standing }) => standing === 'broken').length,
    identities: Math.max(0, ...held.map(({ minute }) => minute.identities.length)),
  }
}
