import { instantToMs } from '../rows/instant.ts'
import {
  MINUTE_MS,
  type ObservedMinute,
  type Resource,
  type ResourceUse,
  RESOURCES,
  UNMEASURED,
} from './minute.ts'

const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS
/** Least hours of a stretch that a rise is read from. */
const LEAST_HOURS = 2
/** Least share of the minutes in which a resource was measured; below it counts as full. */
const LEAST_SHARE = 0.99

/** Use of a resource at the end of an hour stretch, by its hour since 1970. */
interface HourlyUse {
  readonly hour: number
  readonly used: number
}

/**
 * The share of its limit that each resource will use after so many days, if it goes on rising as it did; a fall counts as
 * level. The rise is the median of the slopes between all pairs of hourly peaks (Theil and Sen), so that one peak bends
 * nothing, and the steepest of the stretches between two starts of an instance, which give memory back. A
 * resource that was hardly measured counts as full. Null without a stretch of two hours.
 */
export function projectUse(
  minutes: readonly ObservedMinute[],
  days: number,
): Readonly<Record<Resource, number>> | null {
  const stretches = splitAtRestarts(minutes)
  const project = (resource: Resource): number | null => {
    const known = minutes.filter(({ resources }) => isMeasured(resources[resource]))
    if (known.length < minutes.length * LEAST_SHARE) return 1
    const rises = stretches.flatMap(
      (stretch) => computeRise(toHourlyPeaks(stretch, resource)) ?? [],
    )
    const last = known.at(-1)?.resources[resource]
    if (rises.length === 0 || last === undefined) return null
    const peak = Math.max(...toHourlyPeaks(known.slice(-60), resource).map(({ used }) => used))
    return (peak + (Math.max(0, ...rises) * days * DAY_MS) / HOUR_MS) / last.limit
  }
  const [memory, connections, disk] = RESOURCES.map(project)
  if (memory == null || connections == null || disk == null) return null
  return { memory, connections, disk }
}

const isMeasured = ({ limit }: ResourceUse): boolean => limit !== UNMEASURED.limit

function splitAtRestarts(minutes: readonly ObservedMinute[]): readonly ObservedMinute[][] {
  const stretches: ObservedMinute[][] = [[]]
  for (const minute of minutes) {
    if (minute.restarts > 0) stretches.push([])
    stretches.at(-1)?.push(minute)
  }
  return stretches
}

function toHourlyPeaks(
  minutes: readonly ObservedMinute[],
  resource: Resource,
): readonly HourlyUse[] {
  const peaks = new Map<number, number>()
  for (const { minute, resources } of minutes) {
    if (!isMeasured(resources[resource])) continue
    const hour = Math.floor(instantToMs(minute) / HOUR_MS)
    peaks.set(hour, Math.max(peaks.get(hour) ?? 0, resources[resource].used))
  }
  return [...peaks].map(([hour, used]) => ({ hour, used }))
}

/** The median rise an hour; null for too short a stretch. */
function computeRise(peaks: readonly HourlyUse[]): number | null {
  if (peaks.length <= LEAST_HOURS) return null
  const slopes = peaks.flatMap((one, at) =>
    peaks.slice(at + 1).map((later) => (later.used - one.used) / (later.hour - one.hour)),
  )
  const sorted = slopes.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] as number
}
