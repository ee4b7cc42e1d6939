import type { Report } from '../core/report/types.ts'
import { escapeForTerminal, escapeUnits } from '../core/text/terminal.ts'
import { type ReportCase, listCases } from './cases.ts'
import { formatSubject, formatVerdict, listFaults } from './gate-words.ts'

/**
 * The report as JUnit XML, one suite a group and one case for each item and control. An item that was not measured is
 * a failure, never a skip; a waived one passes and names its waiver in `system-out`. Escapes every text, and
 * characters that XML 1.0 forbids.
 */
export function formatJunitReport(given: Report): string {
  const report = escapeForTerminal(given)
  const cases = listCases(report)
  const suites = [...new Set(cases.map(({ suite }) => suite))]
  const body = suites.map((suite) =>
    suiteXml(
      suite,
      cases.filter((one) => one.suite === suite),
    ),
  )
  const failures = cases.filter(({ passed }) => !passed).length
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="${escape(getName(report))}" tests="${cases.length}" failures="${failures}" errors="0">`,
    ...body,
    '</testsuites>',
    '',
  ].join('\n')
}

/** A gate report says in its name what it is about. */
const getName = (report: Report): string =>
  report.kind === 'gate'
    ? [`ff gate: ${formatVerdict(report)}`, ...listFaults(report), formatSubject(report)].join('; ')
    : 'ff'

function suiteXml(suite: string, cases: readonly ReportCase[]): string {
  const failures = cases.filter(({ passed }) => !passed).length
  const rows = cases.map(({ id, title, state, passed, lines, next, waiver }) => {
    const open = `    <testcase classname="${escape(suite)}" name="${escape(`${id} ${title}`.trim())}"`
    if (waiver !== null)
      return `${open}>\n      <system-out>${escape(waiver)}</system-out>\n    </testcase>`
    if (passed) return `${open}/>`
    const message = [...lines, ...(next === null ? [] : [next])].join('\n')
    return `${open}>\n      <failure type="${escape(state)}" message="${escape(lines[0] ?? '')}">${escape(message)}</failure>\n    </testcase>`
  })
  const head = `  <testsuite name="${escape(suite)}" tests="${cases.length}" failures="${failures}" errors="0" skipped="0">`
  return [head, ...rows, '  </testsuite>'].join('\n')
}

// XML 1.0, section 2.2 forbids these characters; the report shows them as escapes.
const FORBIDDEN = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|[\ud800-\udfff]/gu
const escape = (text: string): string =>
  text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll('\n', '&#10;')
    .replaceAll(FORBIDDEN, escapeUnits)
