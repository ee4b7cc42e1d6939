import { instantFromMs, type Instant, instantToMs } from '../rows/instant.ts'
import type { Duration } from './types.ts'

const FORM = /^P(?:T(\d+)H|(\d+)D)$/
const HOUR_MS = 3_600_000
const LATEST_MS = Date.parse('9999-12-31T23:59:59.999Z')

/**
 * Milliseconds of whole hours (`PT24H`) or days (`P7D`); 0 for any other text, so that no evidence counts as fresh by
 * it.
 */
export function parseDurationMs(text: Duration): number {
  const [, hours = 0, days = 0] = FORM.exec(text) ?? []
  return (Number(hours) + Number(days) * 24) * HOUR_MS
}

/** Adds milliseconds to a time, negative ones too; at most the end of the year 9999. */
export const addMs = (from: Instant, milliseconds: number): Instant =>
  instantFromMs(Math.min(instantToMs(from) + milliseconds, LATEST_MS))

/** The earliest of the times that are not null; null where there is none. */
export const findEarliest = (times: readonly (Instant | null)[]): Instant | null =>
  times.filter((time) => time !== null).sort()[0] ?? null
