import type { PhaseRecord } from './record.ts'
import type { SwitchCommand } from './switch.ts'

/** The longest drill, in milliseconds. */
export const MOST_DRILL_MS = 15 * 60_000

/**
 * The way back of a drill, the one step that a writer takes by itself: out of the drill that stands and no further, under
 * the same attempt. Where the record is of no drill it does nothing.
 */
export const DRILL_RETURN: SwitchCommand = {
  goal: 'shadow_read',
  raisesAttempt: false,
  gatedAttempt: null,
  database: '',
  drillEndsAt: null,
  endsDrill: true,
}

/** A drill as a writer has seen it since it looked first. */
export interface DrillWatch {
  /** That of the record: another one is another drill. */
  readonly drillEndsAt: number
  /** The end on the writer's own monotonic clock: only ever moved to an earlier time. */
  readonly ownEndsAt: number
}

/**
 * Notes the drill of a record. Once the database's clock has passed its end the way back is due, and stays so when that
 * clock is set back; without an answer of the database it is due after the time of the longest drill.
 *
 * @param clocks.databaseMs milliseconds since 1970; null where the database does not answer
 * @param clocks.at monotonic milliseconds of the writer
 * @returns null outside of a drill
 */
export function watchDrill(
  watch: DrillWatch | null,
  { drillEndsAt }: PhaseRecord,
  { databaseMs, at }: { readonly databaseMs: number | null; readonly at: number },
): DrillWatch | null {
  if (drillEndsAt === null) return null
  const left =
    databaseMs === null ? MOST_DRILL_MS : Math.min(drillEndsAt - databaseMs, MOST_DRILL_MS)
  const known = watch?.drillEndsAt === drillEndsAt ? watch.ownEndsAt : Infinity
  return { drillEndsAt, ownEndsAt: Math.min(known, at + left) }
}

/** Whether a drill's way back is due. */
export const isDrillOver = (watch: DrillWatch | null, at: number): boolean =>
  watch !== null && at >= watch.ownEndsAt
