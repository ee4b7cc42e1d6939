import type { Report } from '../core/report/types.ts'
import { escapeForTerminal, formatJson } from '../core/text/terminal.ts'
import { type ReportCase, listCases, getReportSource } from './cases.ts'
import { listFaults, listSubject } from './gate-words.ts'

/**
 * The report as indented SARIF 2.1.0 JSON: a rule for each item and control, and a result for each that did not pass,
 * with level `error` for state `fail` and `none` (kind `open`) for others; a waived one is suppressed by its waiver.
 */
export function formatSarifReport(given: Report): string {
  const report = escapeForTerminal(given)
  const cases = listCases(report)
  const uri = getReportSource(report)
  const about =
    report.kind === 'gate'
      ? { ...Object.fromEntries(listSubject(report)), faults: listFaults(report) }
      : {}
  const run = {
    // First, so that the file begins with what it is about.
    properties: { kind: report.kind, verdict: report.verdict, ...about },
    tool: { driver: { name: 'ff', rules: cases.map(getRule) } },
    invocations: [
      {
        executionSuccessful: true,
        exitCode: report.exitCode,
        exitCodeDescription: report.exitName,
      },
    ],
    artifacts: [{ location: { uri } }],
    results: cases.flatMap((one, at) =>
      one.passed && one.waiver === null ? [] : [getResult(one, at, uri)],
    ),
    columnKind: 'utf16CodeUnits',
  }
  const log = {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [run],
  }
  return `${formatJson(log)}\n`
}

const getRule = ({ id, title, suite }: ReportCase) => ({
  id: `${suite.split(' ')[0] ?? suite}/${id}`,
  shortDescription: { text: title === '' ? id : `${id} ${title}` },
  properties: { suite },
})

const getResult = (one: ReportCase, ruleIndex: number, uri: string) => ({
  ruleId: getRule(one).id,
  ruleIndex,
  kind: one.state === 'fail' ? 'fail' : 'open',
  // SARIF 2.1.0, 3.27.10: a level other than none goes with the kind fail alone.
  level: one.state === 'fail' ? 'error' : 'none',
  ...(one.waiver === null
    ? {}
    : { suppressions: [{ kind: 'external', status: 'accepted', justification: one.waiver }] }),
  message: { text: [one.state, ...one.lines, ...(one.next === null ? [] : [one.next])].join('\n') },
  locations: [
    { physicalLocation: { artifactLocation: { uri, index: 0 }, region: { startLine: 1 } } },
  ],
  partialFingerprints: { 'ff/case/v1': getRule(one).id },
})
