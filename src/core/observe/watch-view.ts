import { PHASE_RULES } from '../cutover/phases.ts'
import type { CutoverStatusDocument } from '../report/cutover-documents.ts'
import type { GateReport } from '../report/types.ts'
import { type Instant, instantFromMs, instantToMs } from '../rows/instant.ts'
import { OBSERVATION_BOUNDS } from './bounds.ts'
import { MINUTE_MS } from './minute.ts'
import type { ObservationReport } from './report.ts'
import type { WatchedTraffic } from './traffic.ts'

/** What each part of a watch shows. */
export interface WatchValues {
  readonly cutover: CutoverStatusDocument
  readonly traffic: WatchedTraffic
  readonly recording: ObservationReport
  readonly gate: GateReport
}
export type WatchPartName = keyof WatchValues

/** The last reading of a part, by the clock that gave `at_ms`. */
export interface WatchReading<T> {
  readonly at_ms: number
  /** How old it may become until the next one has to be there. */
  readonly fresh_ms: number
  readonly result: { readonly ok: true; readonly value: T } | { readonly ok: false; reason: string }
}
/** Null before a part was read for the first time. */
export type WatchReadings = {
  readonly [Name in WatchPartName]: WatchReading<WatchValues[Name]> | null
}

/**
 * A part of the view. `waiting`: not read yet; `absent`: it cannot be read, because of `reason`; `stale`: the next reading
 * is overdue, so nothing of it may be taken for the present.
 */
export type WatchPart<T> =
  | { readonly state: 'waiting' }
  | { readonly state: 'absent'; readonly reason: string; readonly age_s: number }
  | { readonly state: 'fresh' | 'stale'; readonly value: T; readonly age_s: number }

/** What ends, and when. */
export interface WatchExpiry {
  readonly what: string
  readonly at: Instant
  /** Seconds until then; negative for the past. */
  readonly in_s: number
}
export interface WatchCommand {
  /** As it is pasted into a shell; null where a person has to act first. */
  readonly command: string | null
  readonly why: string
}

/** Everything that `ff observe watch` shows at one moment. */
export interface WatchView {
  readonly at: Instant
  readonly parts: { readonly [Name in WatchPartName]: WatchPart<WatchValues[Name]> }
  /** Whether the recording is still written: a minute ended within the longest gap. Null where that is not known. */
  readonly records: boolean | null
  /** Clean hours that are missing, and when they can be complete at the earliest; null where that is not known. */
  readonly missing: { readonly hours: number; readonly complete_at: Instant | null } | null
  /** The verdict of the gate as of now; null where it is not known. A GO whose time is over is none. */
  readonly verdict: GateReport['verdict'] | null
  /** Soonest first, at most eight. */
  readonly expires: readonly WatchExpiry[]
  readonly on: WatchCommand
  /** The way back; null in phase `file`, and where the phase is not known. */
  readonly back: string | null
}

/** A time of the wall clock, and one of the clock of the readings, of the same moment. */
export interface WatchMoment {
  readonly wall_ms: number
  readonly at_ms: number
}

const MOST_EXPIRIES = 8
const HOUR_MS = 60 * MINUTE_MS

/** Builds the view of one moment. */
export function buildWatchView(readings: WatchReadings, now: WatchMoment): WatchView {
  const parts = {
    cutover: toPart(readings.cutover, now),
    traffic: toPart(readings.traffic, now),
    recording: ageRecording(toPart(readings.recording, now), now),
    gate: toPart(readings.gate, now),
  }
  const verdict = findVerdict(parts.gate, now)
  return {
    at: instantFromMs(now.wall_ms),
    parts,
    ...describeRecording(parts.recording, now),
    verdict,
    expires: listExpiries(parts, now),
    on: findNext(parts, verdict),
    back: findBack(parts.cutover),
  }
}

function toPart<T>(reading: WatchReading<T> | null, { at_ms }: WatchMoment): WatchPart<T> {
  if (reading === null) return { state: 'waiting' }
  const age_ms = at_ms - reading.at_ms
  const age_s = Math.round(age_ms / 1_000)
  const { result } = reading
  if (!result.ok) return { state: 'absent', reason: result.reason, age_s }
  return { state: age_ms > reading.fresh_ms ? 'stale' : 'fresh', value: result.value, age_s }
}

/** The value of a part that may be taken for the present; null otherwise. */
export const getFresh = <T>(part: WatchPart<T>): T | null =>
  part.state === 'fresh' ? part.value : null

/** The last minute ages on after the recording was read. */
function ageRecording(
  part: WatchPart<ObservationReport>,
  { wall_ms }: WatchMoment,
): WatchPart<ObservationReport> {
  if (part.state === 'waiting' || part.state === 'absent' || part.value.until === null) return part
  const age_ms = wall_ms - instantToMs(part.value.until) - MINUTE_MS
  return { ...part, value: { ...part.value, age_s: Math.max(0, Math.round(age_ms / 1_000)) } }
}

function describeRecording(
  part: WatchPart<ObservationReport>,
  { wall_ms }: WatchMoment,
): Pick<WatchView, 'records' | 'missing'> {
  const report = getFresh(part)
  if (report === null) return { records: null, missing: null }
  const records = report.age_s !== null && report.age_s <= OBSERVATION_BOUNDS.gap_s
  const hours = Math.max(0, report.wanted_hours - report.clean_hours)
  const isOnItsWay = records && hours > 0
  const complete_at = isOnItsWay ? instantFromMs(wall_ms + Math.round(hours * HOUR_MS)) : null
  return { records, missing: { hours: Math.round(hours * 100) / 100, complete_at } }
}

function findVerdict(part: WatchPart<GateReport>, { wall_ms }: WatchMoment): WatchView['verdict'] {
  const report = getFresh(part)
  if (report === null) return null
  const { verdict, valid_until } = report
  const isOver = valid_until !== null && Date.parse(valid_until) <= wall_ms
  return isOver ? 'not_ready' : verdict
}

function listExpiries(parts: WatchView['parts'], now: WatchMoment): readonly WatchExpiry[] {
  const gate = getFresh(parts.gate)
  const all: readonly (readonly [what: string, at: string | null])[] = [
    ['drill', getFresh(parts.cutover)?.drill_ends_at ?? null],
    ['window of the plan', gate?.window?.until ?? null],
    ['GO', gate?.valid_until ?? null],
    ...(gate?.expires_next ?? []).map(({ id, at }) => [id, at] as const),
  ]
  return all
    .flatMap(([what, at]) => (at === null ? [] : [toExpiry(what, Date.parse(at), now)]))
    .toSorted((a, b) => a.in_s - b.in_s)
    .slice(0, MOST_EXPIRIES)
}

const toExpiry = (what: string, at: number, { wall_ms }: WatchMoment): WatchExpiry => ({
  what,
  at: instantFromMs(at),
  in_s: Math.round((at - wall_ms) / 1_000),
})

/** The one command that leads on. What is not known to be true now leads to the command that finds it out. */
function findNext(parts: WatchView['parts'], verdict: WatchView['verdict']): WatchCommand {
  const status = getFresh(parts.cutover)
  if (status === null) return findNextWithoutCutover(parts, verdict)
  const { next, blocks, drill_ends_at } = status
  if (drill_ends_at !== null)
    return { command: null, why: `the drill goes back by itself at ${drill_ends_at}` }
  if (next.standing === 'finished') return { command: null, why: 'there is no further step' }
  if (next.standing !== 'ready')
    return { command: next.command, why: next.standing.replaceAll('_', ' ') }
  const [block] = blocks.filter(({ code }) => code !== 'needs_go' && code !== 'mirror_behind')
  if (block !== undefined)
    return { command: 'ff cutover status', why: `${block.code}: ${block.detail}` }
  if (blocks.some(({ code }) => code === 'needs_go') && verdict !== 'go')
    return findGateStep(parts.gate, verdict)
  // Under load the second side is always some changes behind; the step itself checks it, and backs out.
  const behind = blocks.find(({ code }) => code === 'mirror_behind')
  const why =
    behind === undefined
      ? 'nothing blocks the next step'
      : `the second side is ${behind.detail} behind, which the step checks`
  return { command: next.command, why }
}

function findNextWithoutCutover(
  parts: WatchView['parts'],
  verdict: WatchView['verdict'],
): WatchCommand {
  if (parts.cutover.state === 'stale')
    return { command: 'ff cutover status', why: 'the cutover was not read for too long' }
  return verdict === 'go'
    ? { command: 'ff cutover status', why: 'the gate says GO, and the cutover is not known' }
    : findGateStep(parts.gate, verdict)
}

function findGateStep(part: WatchPart<GateReport>, verdict: WatchView['verdict']): WatchCommand {
  const report = getFresh(part)
  if (report === null) return { command: 'ff gate', why: 'the verdict of the gate is not known' }
  // Also where the GO has just ended: the gate has not been judged again.
  if (report.verdict !== verdict) return { command: 'ff gate', why: 'the GO is over' }
  return { command: report.next, why: report.fix ?? 'the step needs a GO' }
}

function findBack(part: WatchPart<CutoverStatusDocument>): string | null {
  const status = getFresh(part)
  const to = status === null ? null : PHASE_RULES[status.phase].back
  return to === null ? null : `ff cutover rollback --to ${to}`
}
