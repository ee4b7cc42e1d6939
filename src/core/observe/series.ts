import { type Instant, instantFromMs, instantToMs } from '../rows/instant.ts'
import type { JudgedMinute, Observation, ObservationRestart } from './judge.ts'
import { MINUTE_MS, type ObservedMinute, type SideLatency, sumCounts } from './minute.ts'

/** What a minute of the timeline shows; `gap`: there is none. */
export type MinuteState = 'clean' | 'disturbed' | 'drill' | 'idle' | 'broken' | 'gap'
/** Neighbouring minutes of an hour that show the same. */
export interface MinuteSpan {
  readonly state: MinuteState
  /** The first minute of the hour, from 0. */
  readonly from: number
  readonly minutes: number
}
/** One hour of a recording, by the wall clock. */
export interface ObservedSeriesHour {
  readonly hour: Instant
  readonly spans: readonly MinuteSpan[]
  /** The highest of its minutes. */
  readonly latency: ObservedMinute['latency']
  readonly compared: number
  readonly divergences: number
  readonly errors: number
  readonly requests: number
  readonly restarts: number
}
/** The minutes that a measurement judged, as a reader looks at them. */
export interface ObservationSeries {
  /**
   * Oldest first; an hour without any minute too, but none of more than 48 such in a row, which a clock that was set far
   * ahead leaves. Empty without a minute.
   */
  readonly hours: readonly ObservedSeriesHour[]
  /** What began the time again, of these hours, oldest first. */
  readonly restarts: readonly ObservationRestart[]
  /** Decisions by their reason. */
  readonly compared: Readonly<Record<string, number>>
  /** Divergences by their field. */
  readonly divergences: Readonly<Record<string, number>>
}

const HOUR_MS = 60 * MINUTE_MS
const MINUTES_PER_HOUR = 60

/** The hours of what an observation judged. A minute that is there twice shows the worse. */
export function buildSeries({
  judged,
  restarts,
}: Pick<Observation, 'judged' | 'restarts'>): ObservationSeries {
  const times = judged.map(({ minute }) => instantToMs(minute.minute))
  // The clock may have been set back.
  const [from, until] = [Math.min(...times), Math.max(...times)]
  const byHour = new Map<number, JudgedMinute[]>()
  for (const one of judged) {
    const hour = Math.floor(instantToMs(one.minute.minute) / HOUR_MS)
    const held = byHour.get(hour)
    if (held === undefined) byHour.set(hour, [one])
    else held.push(one)
  }
  return {
    hours: listHours([...byHour.keys()]).map((hour) =>
      buildHour(hour * HOUR_MS, byHour.get(hour) ?? [], { from, until }),
    ),
    restarts: restarts.filter(({ at }) => instantToMs(at) >= from && instantToMs(at) <= until),
    compared: addCounts(judged.map(({ minute }) => minute.compared)),
    divergences: addCounts(judged.map(({ minute }) => minute.divergences)),
  }
}

/** The longest stretch without a minute that is shown hour by hour. */
const MOST_EMPTY_HOURS = 48

/** Hours in their order, with the empty ones between them. */
const listHours = (recorded: readonly number[]): readonly number[] =>
  recorded
    .toSorted((a, b) => a - b)
    .flatMap((hour, at, sorted) => {
      const empty = at === 0 ? 0 : hour - (sorted[at - 1] as number) - 1
      const shown = empty > MOST_EMPTY_HOURS ? 0 : empty
      return Array.from({ length: shown + 1 }, (_, step) => hour - shown + step)
    })

function addCounts(
  all: readonly Readonly<Record<string, number>>[],
): Readonly<Record<string, number>> {
  const sums: Record<string, number> = {}
  for (const counts of all)
    for (const [name, count] of Object.entries(counts)) sums[name] = (sums[name] ?? 0) + count
  return sums
}

function buildHour(
  hour: number,
  judged: readonly JudgedMinute[],
  recorded: { readonly from: number; readonly until: number },
): ObservedSeriesHour {
  const states = new Map<number, MinuteState>()
  for (const one of judged) {
    const at = (instantToMs(one.minute.minute) - hour) / MINUTE_MS
    const state = toState(one)
    const held = states.get(at)
    if (held === undefined || ORDER.indexOf(state) > ORDER.indexOf(held)) states.set(at, state)
  }
  const isRecorded = (at: number): boolean =>
    hour + at * MINUTE_MS >= recorded.from && hour + at * MINUTE_MS <= recorded.until
  const shown = Array.from({ length: MINUTES_PER_HOUR }, (_, at) =>
    isRecorded(at) ? (states.get(at) ?? 'gap') : null,
  )
  const minutes = judged.map(({ minute }) => minute)
  const sum = (count: (minute: ObservedMinute) => number): number =>
    minutes.reduce((total, minute) => total + count(minute), 0)
  return {
    hour: instantFromMs(hour),
    spans: joinSpans(shown),
    latency: {
      file: findHighest(minutes.map(({ latency }) => latency.file)),
      database: findHighest(minutes.map(({ latency }) => latency.database)),
    },
    compared: sum(({ compared }) => sumCounts(compared)),
    divergences: sum(({ divergences }) => sumCounts(divergences)),
    errors: sum(({ errors }) => errors),
    requests: sum(({ requests }) => requests),
    restarts: sum(({ restarts }) => restarts),
  }
}

/** Worst last. */
const ORDER: readonly MinuteState[] = ['clean', 'idle', 'disturbed', 'drill', 'broken']

function toState({ minute, standing }: JudgedMinute): MinuteState {
  if (standing === 'broken' || standing === 'drill') return standing
  if (minute.disturbed_by.length > 0) return 'disturbed'
  return standing === 'idle' ? 'idle' : 'clean'
}

/** @param states of each minute of an hour; null before the first and after the last of the recording */
function joinSpans(states: readonly (MinuteState | null)[]): readonly MinuteSpan[] {
  const spans: MinuteSpan[] = []
  for (const [at, state] of states.entries()) {
    const last = spans.at(-1)
    if (state === null) continue
    if (last?.state === state) spans[spans.length - 1] = { ...last, minutes: last.minutes + 1 }
    else spans.push({ state, from: at, minutes: 1 })
  }
  return spans
}

function findHighest(all: readonly SideLatency[]): SideLatency {
  const of = (percentile: keyof SideLatency): number | null => {
    const known = all.flatMap((one) => one[percentile] ?? [])
    return known.length === 0 ? null : Math.max(...known)
  }
  return { p50: of('p50'), p95: of('p95'), p99: of('p99') }
}

/** The series of the recording that the gate's evidence is about, or why there is none to show. */
export type ObservationView =
  | { readonly status: 'here'; readonly series: ObservationSeries }
  | { readonly status: 'away'; readonly why: ObservationAway }
/**
 * `not_measured`: H3 has no record. `not_said`: its record does not name a recording. `not_here`: no recording is in the
 * folder. `unreadable`, `altered`: there is one that cannot be read, or that does not verify. `other_runner`,
 * `other_recording`: there is one of another key, or with other minutes than the measured one.
 */
export type ObservationAway =
  | 'not_measured'
  | 'not_said'
  | 'not_here'
  | 'unreadable'
  | 'altered'
  | 'other_runner'
  | 'other_recording'
