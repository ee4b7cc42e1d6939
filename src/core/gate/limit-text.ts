import type { Limit } from './types.ts'

const WORDS = { at_most: 'at most', at_least: 'at least', equals: 'is' } as const

/** A limit as people read it: `p99_ms at most 2000 ms`. */
export function formatLimit({ measure, op, value, unit, or_times }: Limit): string {
  const looser =
    or_times === undefined
      ? ''
      : `, or ${or_times.factor} x ${or_times.measure} where that is looser`
  const counted = typeof value === 'number' ? ` ${unit}` : ''
  return `${measure} ${WORDS[op]} ${value}${counted}${looser}`
}
