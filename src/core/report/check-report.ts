import { EXIT_BY_STATE, type ExitName } from '../exit.ts'
import { deriveRunEnd } from './run-end.ts'
import type { CheckFinding, CheckItem, CheckReport } from './types.ts'

/** The findings of one item; an item without findings is a pass. */
export interface CheckResult {
  readonly id: string
  readonly title: string
  readonly state: CheckItem['state']
  readonly findings: readonly Omit<CheckFinding, 'subject'>[]
  readonly next: string | null
  readonly seen_by?: CheckItem['seen_by']
}

/**
 * Builds a report whose verdict and exit follow by precedence from the states of its items and from `more.exits`; a
 * report without items is at best inconclusive. `compared` counts the items that pass or fail; each finding gets its
 * item's id as subject.
 */
export function buildCheckReport(
  kind: CheckReport['kind'],
  checked: readonly CheckResult[],
  more: {
    readonly exits?: readonly ExitName[]
    readonly sql?: readonly string[]
    readonly timing?: CheckReport['timing']
    readonly counterexample?: object
  } = {},
): CheckReport {
  const { exits = [], sql = [], timing, counterexample } = more
  const end = deriveRunEnd(
    checked.length === 0 ? 'inconclusive' : 'ok',
    ...exits,
    ...checked.map(({ state }) => EXIT_BY_STATE[state]),
  )
  const findings = checked.flatMap(({ id, findings: own }) =>
    own.map((one) => ({ ...one, subject: id })),
  )
  const items = checked.map(({ id, title, state, findings: own, next, seen_by }): CheckItem => {
    const codes = [...new Set(own.map(({ code }) => code))]
    return { id, title, state, codes, next, ...(seen_by === undefined ? {} : { seen_by }) }
  })
  const measured = items.filter(({ state }) => state === 'pass' || state === 'fail').length
  return {
    schemaVersion: 1,
    kind,
    ...end,
    counts: { expected: items.length, compared: measured, neverReached: items.length - measured },
    findings,
    items,
    sql,
    ...(counterexample === undefined ? {} : { counterexample }),
    ...(timing === undefined ? {} : { timing }),
  }
}

/** Builds the result of an item that passes: no findings, no next step. */
export const passResult = (id: string, title: string): CheckResult => ({
  id,
  title,
  state: 'pass',
  findings: [],
  next: null,
})
