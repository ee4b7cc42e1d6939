import type { DepartureKind } from './floor-rules.ts'
import { formatLimit } from './limits.ts'
import type { Limit } from './types.ts'

/** A limit of the package, and the limits of the team that stand for it. */
interface LimitPair {
  readonly limit: Limit
  /** Of the same measure; empty where the team has none. */
  readonly found: readonly Limit[]
  /** Null where the team has the limit as it is. */
  readonly kind: DepartureKind | null
}

/**
 * Pairs each limit of the package with the team's limit that implies it, else with all of the same measure, which are
 * looser. `added` are the team's limits that stand for none; all limits have to hold, so they only make it stricter.
 */
export function findLimitPairs(
  limits: readonly Limit[],
  team: readonly Limit[],
): { readonly pairs: readonly LimitPair[]; readonly added: readonly Limit[] } {
  const pairs = limits.map((limit): LimitPair => {
    const own = team.filter(({ measure }) => measure === limit.measure)
    const implying = own.filter((one) => implies(one, limit))
    const same = implying.find((one) => implies(limit, one))
    const found = same ?? implying[0]
    if (found === undefined) return { limit, found: own, kind: 'looser' }
    if (same === undefined) return { limit, found: [found], kind: 'stricter' }
    return { limit, found: [found], kind: isSameText(same, limit) ? null : 'text' }
  })
  const used = new Set(pairs.flatMap(({ found }) => found))
  return { pairs, added: team.filter((one) => !used.has(one)) }
}

/**
 * The team's limits with the package's in place of the looser ones: at the place of the first that stood for it, or at
 * the end where none did.
 */
export function takeLimits(limits: readonly Limit[], team: readonly Limit[]): readonly Limit[] {
  const { pairs } = findLimitPairs(limits, team)
  const looser = pairs.filter(({ kind }) => kind === 'looser')
  const kept = new Set(pairs.flatMap(({ kind, found }) => (kind === 'looser' ? [] : found)))
  const replaced = new Map<Limit, Limit>()
  const missing: Limit[] = []
  for (const { limit, found } of looser) {
    const place = found.find((one) => !kept.has(one) && !replaced.has(one))
    if (place === undefined) missing.push(limit)
    else replaced.set(place, limit)
  }
  return [...team.map((one) => replaced.get(one) ?? one), ...missing]
}

/** What people read of a limit: it decides nothing. */
const isSameText = (team: Limit, floor: Limit): boolean =>
  team.unit === floor.unit && team.effort === floor.effort

/** Whether whatever holds the limit `team` holds the limit `floor` of the same measure too. */
function implies(team: Limit, floor: Limit): boolean {
  if (floor.op === 'equals') return team.op === 'equals' && team.value === floor.value
  if (team.op !== floor.op && team.op !== 'equals') return false
  return isWithin(floor, team) && isScaleWithin(floor, team)
}

/** Whether the bound of `team` is no looser than that of `floor`. */
const isWithin = ({ op, value }: Limit, { value: own }: Limit): boolean => {
  if (typeof value !== 'number' || typeof own !== 'number') return false
  return op === 'at_most' ? own <= value : own >= value
}

/** The same of the looser alternative, whose measure is a count or a time and so never below 0. */
function isScaleWithin({ op, or_times: floor }: Limit, { or_times: team }: Limit): boolean {
  if (team === undefined) return true
  if (floor === undefined || team.measure !== floor.measure) return false
  return op === 'at_most' ? team.factor <= floor.factor : team.factor >= floor.factor
}

/** Limits in words, joined by `; `, for people to read; null where there is none. */
export const formatLimits = (limits: readonly Limit[]): string | null =>
  limits.length === 0 ? null : limits.map(formatLimit).join('; ')
