import type { ItemResult, Limit, Scalar } from './types.ts'

type Measured = Readonly<Record<string, Scalar>>

/**
 * Compares measured values with each limit, in the order of the limits; each result has the limit, the value, null
 * where it is missing, and whether the limit holds. A missing value, or one of another type, does not hold the limit.
 */
export const judgeLimits = (limits: readonly Limit[], measured: Measured): ItemResult['measured'] =>
  limits.map((limit) => {
    const value = getValue(measured, limit.measure)
    return { limit, value, held: value !== null && isWithin(limit, value, measured) }
  })

const getValue = (measured: Measured, name: string): Scalar | null =>
  (Object.hasOwn(measured, name) ? measured[name] : null) ?? null

function isWithin(
  { op, value: bound, or_times }: Limit,
  value: Scalar,
  measured: Measured,
): boolean {
  if (op === 'equals') return value === bound
  if (typeof value !== 'number' || typeof bound !== 'number' || !Number.isFinite(value))
    return false
  const looser = or_times === undefined ? bound : computeScaledBound(or_times, measured)
  return op === 'at_most'
    ? value <= Math.max(bound, looser ?? bound)
    : value >= Math.min(bound, looser ?? bound)
}

/** Undefined where the other value is missing: the bound then stays as strict as written. */
function computeScaledBound(
  { factor, measure }: NonNullable<Limit['or_times']>,
  measured: Measured,
): number | undefined {
  const other = getValue(measured, measure)
  return typeof other === 'number' && Number.isFinite(other) ? factor * other : undefined
}

const WORDS = { at_most: 'at most', at_least: 'at least', equals: 'is' } as const

/**
 * A limit as text: `p99_ms at most 2000 ms`, and the looser alternative where it has one. A unit follows only a
 * number.
 */
export function formatLimit({ measure, op, value, unit, or_times }: Limit): string {
  const looser =
    or_times === undefined
      ? ''
      : `, or ${or_times.factor} x ${or_times.measure} where that is looser`
  const counted = typeof value === 'number' ? ` ${unit}` : ''
  return `${measure} ${WORDS[op]} ${value}${counted}${looser}`
}
