import { type Instant, instantFromMs, instantToMs } from '../rows/instant.ts'
import { DECISION_REASONS, OBSERVATION_BOUNDS, OBSERVATION_HOURS } from './bounds.ts'
import { judgeObservation, type ObservationMeasures, type ObservationRestart } from './judge.ts'
import { MINUTE_MS, type ObservedMinute, sumCounts } from './minute.ts'

/** One hour of the timeline. */
export interface ObservedHour {
  readonly hour: Instant
  /** `gap`: fewer than 55 minutes are there. */
  readonly standing: 'clean' | 'gap' | 'broken'
}
/** What `ff observe status` says. */
export interface ObservationReport {
  readonly minutes: number
  readonly from: Instant | null
  readonly until: Instant | null
  /** Seconds from the end of the last minute until now; null without one. */
  readonly age_s: number | null
  readonly complete: boolean
  readonly clean_hours: number
  readonly wanted_hours: number
  /** The newest restarts of the time, at most ten, newest first. */
  readonly restarts: readonly ObservationRestart[]
  readonly unseen: readonly string[]
  readonly measured: ObservationMeasures
  readonly latency: ObservedMinute['latency'] | null
  /** The hours until that of the last minute, at most 48, oldest first. */
  readonly timeline: readonly ObservedHour[]
}

const MOST_RESTARTS = 10
const HOUR_MS = 60 * MINUTE_MS
const MINUTES_PER_HOUR = 60
const LEAST_MINUTES = 55

/** Sums a recording up, oldest minute first, as of now. */
export function reportObservation(
  minutes: readonly ObservedMinute[],
  now: number,
): ObservationReport {
  // The recording does not say how many there are: as many as ever answered in the time of the observation.
  const newest = minutes.slice(-OBSERVATION_HOURS * MINUTES_PER_HOUR)
  const instances = Math.max(0, ...newest.map((minute) => minute.instances))
  const bounds = { ...OBSERVATION_BOUNDS, hours: OBSERVATION_HOURS, instances }
  const { window, complete, restarts, unseen, measured } = judgeObservation(
    minutes,
    bounds,
    DECISION_REASONS,
  )
  const last = minutes.at(-1)
  return {
    minutes: minutes.length,
    from: minutes[0]?.minute ?? null,
    until: last?.minute ?? null,
    age_s:
      last === undefined
        ? null
        : Math.max(0, Math.round((now - instantToMs(last.minute) - MINUTE_MS) / 1000)),
    complete,
    clean_hours: window?.hours ?? 0,
    wanted_hours: OBSERVATION_HOURS,
    restarts: restarts.slice(-MOST_RESTARTS).toReversed(),
    unseen,
    measured,
    latency: last?.latency ?? null,
    timeline: buildTimeline(minutes, restarts),
  }
}

function buildTimeline(
  minutes: readonly ObservedMinute[],
  restarts: readonly ObservationRestart[],
): readonly ObservedHour[] {
  const hours = new Map<number, { count: number; isBroken: boolean }>()
  const toHour = (time: Instant): number => Math.floor(instantToMs(time) / HOUR_MS)
  for (const { minute, divergences } of minutes) {
    const held = hours.get(toHour(minute)) ?? { count: 0, isBroken: false }
    held.count += 1
    held.isBroken ||= sumCounts(divergences) > 0
    hours.set(toHour(minute), held)
  }
  for (const { at, cause } of restarts) {
    const held = hours.get(toHour(at))
    if (held !== undefined && cause !== 'gap') held.isBroken = true
  }
  const last = minutes.at(-1)
  if (last === undefined) return []
  // Not the latest hour: before the clock was set back, minutes may be dated far ahead.
  const newest = toHour(last.minute)
  const first = Math.max(Math.min(...hours.keys()), newest - OBSERVATION_HOURS + 1)
  const count = newest - first + 1
  return Array.from({ length: count }, (_, at) => {
    const hour = first + at
    const held = hours.get(hour)
    const isWhole = held !== undefined && (held.count >= LEAST_MINUTES || hour === newest)
    return {
      hour: instantFromMs(hour * HOUR_MS),
      standing: held?.isBroken === true ? 'broken' : isWhole ? 'clean' : 'gap',
    }
  })
}
