import type { CheckFinding, CheckItem, CheckReport, Verdict } from '../core/report/types.ts'
import { EXITS, type ExitName, weightiest } from '../errors.ts'

/** An item with what is wrong with it; nothing wrong is a pass. */
export interface Checked {
  readonly id: string
  readonly title: string
  readonly state: CheckItem['state']
  readonly findings: readonly Omit<CheckFinding, 'subject'>[]
  readonly next: string | null
  readonly seen_by?: CheckItem['seen_by']
}

const EXIT: Readonly<Record<CheckItem['state'], ExitName>> = {
  pass: 'ok',
  fail: 'no_go',
  inconclusive: 'inconclusive',
  pending: 'not_ready',
}

/** A report whose exit follows from its items: the weightiest decides, and no item at all is no pass. */
export function checkReport(
  kind: CheckReport['kind'],
  checked: readonly Checked[],
  more: {
    readonly exits?: readonly ExitName[]
    readonly sql?: readonly string[]
    readonly timing?: CheckReport['timing']
    readonly counterexample?: object
  } = {},
): CheckReport {
  const { exits = [], sql = [], timing, counterexample } = more
  const nothing: readonly ExitName[] = checked.length === 0 ? ['inconclusive'] : []
  const exitName = weightiest([
    ...nothing,
    ...exits,
    ...(exits.length > 0 ? [] : checked.map(({ state }) => EXIT[state])),
  ])
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
    verdict: VERDICT[exitName] ?? 'inconclusive',
    exitName,
    exitCode: EXITS[exitName][0],
    counts: { expected: items.length, compared: measured, neverReached: items.length - measured },
    findings,
    items,
    sql,
    ...(counterexample === undefined ? {} : { counterexample }),
    ...(timing === undefined ? {} : { timing }),
  }
}

const VERDICT: Readonly<Partial<Record<ExitName, Verdict>>> = {
  ok: 'pass',
  no_go: 'fail',
  usage: 'fail',
  untrusted: 'fail',
  timeout: 'cancelled',
  interrupted: 'cancelled',
  terminated: 'cancelled',
}

export const passed = (id: string, title: string): Checked => ({
  id,
  title,
  state: 'pass',
  findings: [],
  next: null,
})
