import {
  buildWatchView,
  type WatchPartName,
  type WatchReading,
  type WatchReadings,
  type WatchValues,
  type WatchView,
} from '../../core/observe/watch-view.ts'
import { FfError } from '../../errors.ts'
import type { ObserveClock } from './record.ts'

/** Shows a value, and rests until the next one is due. */
export type PutValue<T> = (value: T) => Promise<void>

/** Where a part of a watch comes from. */
export interface WatchSource<T> {
  /** The least time between two readings, in milliseconds. */
  readonly every_ms: number
  /** The longest that one reading takes where nothing is wrong. */
  readonly longest_ms: number
  /** A clock of what a reading costs, in milliseconds of CPU; null for one that costs little. */
  readonly cost: (() => number) | null
  /** A cheap text that is another one once there is something new to read: it ends the rest. Null where nothing tells. */
  readonly mark: (() => Promise<string>) | null
  /**
   * Reads and puts one value after the other until the signal.
   *
   * @throws FfError where the part is away: it is shown with its message, and run again
   */
  readonly run: (put: PutValue<T>, signal: AbortSignal) => Promise<void>
}
export type WatchSources = { readonly [Name in WatchPartName]: WatchSource<WatchValues[Name]> }

/** The share of a core that one part may take: it rests the longer, the more a reading costs. */
const SHARE = 0.0025
/** The share while what it reads goes on changing. */
const CHANGED_SHARE = 0.01
/** How often a mark is looked at. */
const MARK_MS = 2_000
const MOST_REST_MS = 300_000

interface WatchTools {
  readonly clock: ObserveClock
  readonly signal: AbortSignal
}

/** A watch that runs. */
export interface Watch {
  readonly view: () => WatchView
  /** Ends after the signal. Rejects with an error that is no FfError, which is a bug. */
  readonly ended: Promise<void>
}

/** Reads every part again and again, each at its own pace, until the signal; one that is away stops no other. */
export function startWatch(sources: WatchSources, tools: WatchTools): Watch {
  const readings: { -readonly [Name in WatchPartName]: WatchReadings[Name] } = {
    cutover: null,
    traffic: null,
    recording: null,
    gate: null,
  }
  const { clock } = tools
  const follows = [
    follow(sources.cutover, tools, (reading) => (readings.cutover = reading)),
    follow(sources.traffic, tools, (reading) => (readings.traffic = reading)),
    follow(sources.recording, tools, (reading) => (readings.recording = reading)),
    follow(sources.gate, tools, (reading) => (readings.gate = reading)),
  ]
  return {
    view: () => buildWatchView(readings, { wall_ms: clock.wall(), at_ms: clock.monotonic() }),
    ended: Promise.all(follows).then(() => undefined),
  }
}

async function follow<T>(
  source: WatchSource<T>,
  tools: WatchTools,
  show: (reading: WatchReading<T>) => void,
): Promise<void> {
  const { clock, signal } = tools
  const { mark } = source
  const readCost = source.cost ?? (() => 0)
  // Both before the reading: what changes during it is read again.
  let [marked, began] = [await mark?.(), readCost()]
  const put = async (result: WatchReading<T>['result']): Promise<void> => {
    const cost_ms = readCost() - began
    const toRest = (share: number): number =>
      Math.min(Math.max(source.every_ms, cost_ms / share), MOST_REST_MS)
    const rest_ms = toRest(SHARE)
    // One reading may be late: two that are missing are not.
    const fresh_ms = 2 * (rest_ms + source.longest_ms)
    show({ at_ms: clock.monotonic(), fresh_ms, result })
    if (mark === null) await clock.rest(rest_ms, signal)
    else
      await restUntil(tools, {
        least_ms: toRest(CHANGED_SHARE),
        most_ms: rest_ms,
        isChanged: async () => (await mark()) !== marked,
      })
    marked = await mark?.()
    began = readCost()
  }
  while (!signal.aborted)
    try {
      await source.run((value) => put({ ok: true, value }), signal)
    } catch (error) {
      if (!(error instanceof FfError)) throw error
      if (!signal.aborted) await put({ ok: false, reason: toReason(error) })
    }
}

/** Rests until something has changed, at least and at most so long. */
async function restUntil(
  { clock, signal }: WatchTools,
  {
    least_ms,
    most_ms,
    isChanged,
  }: {
    readonly least_ms: number
    readonly most_ms: number
    readonly isChanged: () => Promise<boolean>
  },
): Promise<void> {
  const end = clock.monotonic() + most_ms
  await clock.rest(least_ms, signal)
  for (;;) {
    const left = end - clock.monotonic()
    if (left <= 0 || signal.aborted || (await isChanged())) return
    await clock.rest(Math.min(MARK_MS, left), signal)
  }
}

const toReason = ({ message, hint }: FfError): string =>
  hint === undefined || hint === null ? message : `${message} ${hint}`

/** A source that reads a whole value each time. */
export const repeatRead =
  <T>(read: () => Promise<T>): WatchSource<T>['run'] =>
  async (put, signal) => {
    while (!signal.aborted) await put(await read())
  }
