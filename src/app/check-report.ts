import type { CheckItem, CheckReport, Verdict } from '../core/report/types.ts'
import { EXITS, type ExitName, weightiest } from '../errors.ts'

const EXIT: Readonly<Record<CheckItem['state'], ExitName>> = {
  pass: 'ok',
  fail: 'no_go',
  inconclusive: 'inconclusive',
  pending: 'not_ready',
}

/** A report whose exit follows from its items: the weightiest decides, and no item at all is no pass. */
export function checkReport(
  kind: CheckReport['kind'],
  items: readonly CheckItem[],
  more: { readonly exits?: readonly ExitName[]; readonly sql?: readonly string[] } = {},
): CheckReport {
  const exitName = weightiest([
    ...(items.length === 0 ? ['inconclusive' as const] : []),
    ...items.map(({ state }) => EXIT[state]),
    ...(more.exits ?? []),
  ])
  const verdict: Verdict =
    exitName === 'ok'
      ? 'pass'
      : exitName === 'no_go' || exitName === 'usage'
        ? 'fail'
        : 'inconclusive'
  return {
    schemaVersion: 1,
    kind,
    verdict,
    exitName,
    exitCode: EXITS[exitName][0],
    items,
    sql: more.sql ?? [],
  }
}
