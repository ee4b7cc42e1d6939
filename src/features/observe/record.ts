import { foldMinute, type InstanceReading } from '../../core/observe/fold.ts'
import { MINUTE_MS, type ObservedMinute, type ResourceUse } from '../../core/observe/minute.ts'
import { instantFromMs } from '../../core/rows/instant.ts'
import type { RecordingWriter } from '../../ports/observe.ts'

/** Time and rest, which a test replaces. */
export interface ObserveClock {
  /** The wall clock, in milliseconds since 1970. */
  readonly wall: () => number
  /** A clock that is never set, in milliseconds. */
  readonly monotonic: () => number
  /** Rests; ends at once where the signal is aborted. Never throws. */
  readonly rest: (ms: number, signal: AbortSignal) => Promise<void>
}
export interface ObserveRequest {
  readonly writer: RecordingWriter
  /** Asks each instance once; null for one that does not answer. */
  readonly read: (at_ms: number) => Promise<readonly (InstanceReading | null)[]>
  /** Connections of the database in use and the most; null where it does not answer. */
  readonly connections: () => Promise<ResourceUse | null>
  /** Items whose probe disturbed the instances since then, by the wall clock. */
  readonly disturbed: (since: number, until: number) => Promise<readonly string[]>
  readonly onMinute: (minute: ObservedMinute) => void
  readonly clock: ObserveClock
  readonly signal: AbortSignal
}

/** How long the end of a minute waits for an instance that is being restarted, and how often it asks. */
const PATIENCE_MS = 20_000
const AGAIN_MS = 1_000

/**
 * Records one minute after the other until the signal: reads the instances at each whole minute, and adds what they did in
 * between to the recording. The minute in which it starts or ends is not whole, and is left out.
 *
 * @throws FfError of the recording
 */
export async function observe(request: ObserveRequest): Promise<void> {
  const { signal } = request
  await restUntilMinute(request)
  let begun = await readWhole(request)
  while (!signal.aborted) {
    await restUntilMinute(request)
    if (signal.aborted) return
    const ended = await readWhole(request)
    const wall = toMinute(begun.wall)
    const minute = foldMinute(
      {
        before: begun.readings,
        after: ended.readings,
        connections: await request.connections(),
      },
      {
        minute: instantFromMs(wall),
        measured_ms: Math.round(ended.at - begun.at),
        disturbed_by: await request.disturbed(wall, wall + MINUTE_MS),
      },
    )
    await request.writer.append(minute)
    request.onMinute(minute)
    // What an instance counted while it did not answer is part of the minute in which it answers again.
    const readings = ended.readings.map((one, place) => one ?? begun.readings[place] ?? null)
    begun = { ...ended, readings }
  }
}

/** A timer may be a little early. */
const EARLY_MS = 500
const toMinute = (wall: number): number => Math.floor((wall + EARLY_MS) / MINUTE_MS) * MINUTE_MS

function restUntilMinute({ clock, signal }: ObserveRequest): Promise<void> {
  const wall = clock.wall()
  return clock.rest(toMinute(wall) + MINUTE_MS - wall, signal)
}

interface Reading {
  readonly at: number
  readonly wall: number
  readonly readings: readonly (InstanceReading | null)[]
}

/** The readings of all instances; those of one that does not answer are asked for again for a while. */
async function readWhole(request: ObserveRequest): Promise<Reading> {
  const { clock, signal, read } = request
  const [at, wall] = [clock.monotonic(), clock.wall()]
  let readings = await read(at)
  while (readings.includes(null) && clock.monotonic() - at < PATIENCE_MS && !signal.aborted) {
    await clock.rest(AGAIN_MS, signal)
    const again = await read(clock.monotonic())
    readings = readings.map((one, place) => one ?? again[place] ?? null)
  }
  return { at, wall, readings }
}
