import type { CheckFinding, CheckItem, CheckReport } from '../core/report/types.ts'
import { foldLine, formatColumns, formatState, type Style, toHeadlineState } from './paint.ts'

/**
 * The text of a report without sides: every item, then the findings and next steps of those that need attention, the
 * SQL and the counterexample if there are any, then the verdict with the exit. Ends with a line feed; escapes nothing.
 */
export function formatCheckReport(report: CheckReport, style: Style): string {
  const { kind, items, sql, verdict, exitCode, exitName } = report
  const rows = items.map((item) => [
    formatState(item.state, style),
    item.id,
    formatDetail(item, report),
  ])
  const wanting = items.filter(({ state }) => state !== 'pass')
  const explained = items.filter(
    ({ state, codes, next }) => codes.length > 0 || (state !== 'pass' && next !== null),
  )
  const what = kind === 'parity_selftest' ? 'are caught or raise no alarm' : 'hold'
  const summary = `${items.length - wanting.length} of ${items.length} ${what}.`
  const parts = [
    `ff ${kind.replace('_', ' ')}`,
    ...(rows.length === 0 ? [] : [formatColumns(rows, style.width)]),
    ...explained.map(({ id, next }) => formatFindings({ id, next }, report.findings, style)),
    ...(sql.length === 0 ? [] : [sql.join('\n')]),
    ...(report.counterexample === undefined
      ? []
      : [JSON.stringify(report.counterexample, null, 2)]),
    foldLine(
      `${formatState(toHeadlineState(exitName, verdict), style)}  ${summary}  exit ${exitCode} (${exitName})`,
      '  ',
      style.width,
    ),
  ]
  return `${parts.join('\n\n')}\n`
}

/** The title of an item; for a caught fault the proof that caught it, and the time in ms. */
function formatDetail({ id, title, seen_by }: CheckItem, { timing }: CheckReport): string {
  if (seen_by == null) return title
  const { proof, subject, pointer } = seen_by
  const where = pointer === null || pointer === '' ? '' : ` ${pointer}`
  return `${proof}: ${subject}${where}, ${timing?.ms[id] ?? 0} ms`
}

function formatFindings(
  { id, next }: Pick<CheckItem, 'id' | 'next'>,
  findings: readonly CheckFinding[],
  { width }: Style,
): string {
  const own = findings.filter(({ subject }) => subject === id)
  const lines = own.map(({ code, pointer, detail }) => {
    const where = pointer === null || pointer === '' ? '' : `${pointer} `
    return foldLine(`    ${where}${code}${detail === '' ? '' : `: ${detail}`}`, '      ', width)
  })
  return [
    `  ${id}`,
    ...lines,
    ...(next === null ? [] : [foldLine(`    ${next}`, '    ', width)]),
  ].join('\n')
}
