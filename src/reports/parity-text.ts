import type {
  Finding,
  ItemDetail,
  ParityReport,
  ReportItem,
  ReportSide,
} from '../core/report/types.ts'
import { formatColumns, formatState, type Style } from './paint.ts'
import { formatFinding } from './words.ts'

/** How many cells that are not a pass are listed; the numbers are of all of them. */
const MOST_ITEMS = 20
const MOST_FINDINGS = 9

/** What a run counts. */
const NOUN: Readonly<Record<ParityReport['kind'], string>> = {
  parity_run: 'vectors',
  parity_exhaustive: 'cells',
  parity_replay: 'requests',
}

export function formatParityReport(report: ParityReport, style: Style): string {
  const parts = [
    `ff ${report.kind.replace('_', ' ')}`,
    sidesText(report),
    itemsText(report, style),
    ...wanting(report)
      .slice(0, MOST_ITEMS)
      .map((item) => detailText(item, report)),
    ...generalFindings(report),
    measuredText(report),
    verdictText(report, style),
  ]
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`
}

function sidesText({ sides }: ParityReport): string {
  const row = (name: string, { target, server }: ReportSide): string[] => [
    name,
    target,
    server === null ? '' : `PostgreSQL ${server}`,
  ]
  return formatColumns([row('baseline', sides.baseline), row('candidate', sides.candidate)])
}

const wanting = ({ items }: ParityReport): readonly ReportItem[] =>
  items.filter(({ state }) => state !== 'pass' && state !== 'skipped' && state !== 'never_reached')

/** Vectors are listed one by one; cells only where they are not a pass. */
function itemsText(report: ParityReport, style: Style): string {
  const listed = report.kind === 'parity_run' ? report.items : wanting(report).slice(0, MOST_ITEMS)
  const more = report.kind === 'parity_run' ? 0 : wanting(report).length - listed.length
  if (listed.length === 0) return ''
  const table = formatColumns(
    listed.map(({ id, title, state }) => [formatState(state, style), id, title]),
  )
  return more > 0 ? `${table}\n  and ${more} more` : table
}

function detailText({ id, detail }: ReportItem, report: ParityReport): string {
  const findings = report.findings.filter(
    ({ subject }) => subject === id || subject.startsWith(`${id}/`),
  )
  return [
    `  ${id}`,
    ...findingLines(findings),
    ...(detail === null ? [] : detailLines(detail)),
  ].join('\n')
}

function findingLines(findings: readonly Finding[]): readonly string[] {
  const shown = findings.slice(0, MOST_FINDINGS).map((finding) => `    ${formatFinding(finding)}`)
  return findings.length > MOST_FINDINGS
    ? [...shown, `    and ${findings.length - MOST_FINDINGS} more`]
    : shown
}

function detailLines({ chains, rows, reproduce }: ItemDetail): readonly string[] {
  const split = chains.flatMap(({ sides, step, left, right }) => [
    `    reason chains (${sides}) part at step ${step + 1}:`,
    `    > ${left ?? 'nothing'}`,
    `    > ${right ?? 'nothing'}`,
  ])
  const read = (['baseline', 'candidate'] as const).flatMap((side) =>
    (['flag', 'tenant', 'user'] as const)
      .filter((layer) => rows[side][layer] !== null)
      .map((layer) => `    ${side} read ${layer}: ${rows[side][layer]}`),
  )
  return [...split, ...read, `    again: ${reproduce}`]
}

const GENERAL: ReadonlySet<string> = new Set(['comparer_fault', 'noise', 'nothing_decided'])
const generalFindings = ({ findings }: ParityReport): readonly string[] => {
  const faults = findings.filter(({ code }) => GENERAL.has(code))
  return faults.length === 0 ? [] : [findingLines(faults).join('\n')]
}

function measuredText({ counts, coverage, controls, kind, rules = [] }: ParityReport): string {
  const dimensions = [...new Set(coverage.map(({ dimension }) => dimension))]
  const reached = dimensions.map((name) => {
    const lines = coverage.filter(({ dimension }) => dimension === name)
    return `${name} ${lines.filter(({ vectors }) => vectors > 0).length}/${lines.length}`
  })
  const held = controls.map(
    ({ id, held: holds, compared }) => `${id} ${holds ? 'held' : 'DID NOT HOLD'} (${compared})`,
  )
  const { expected, compared, cases, differing, skipped, neverReached, fields } = counts
  const noun = NOUN[kind]
  const counted = differing === undefined ? `${cases} cases` : `${differing} differing`
  return formatColumns([
    [
      'compared',
      `${compared} of ${expected} ${noun} (${counted}), ${skipped} skipped, ${neverReached} never reached`,
    ],
    [
      'fields',
      `${fields.compared} compared, ${fields.differing} differing, ${fields.expected} differing as they must`,
    ],
    ...(reached.length === 0 ? [] : [['coverage', reached.join(', ')]]),
    ...rules.map(({ pointer, rule, why }) => ['rule', `${pointer} ${rule}: ${why}`]),
    ...held.map((one, at) => [at === 0 ? 'controls' : '', one]),
  ])
}

function verdictText(
  { verdict, counts, kind, exitCode, exitName }: ParityReport,
  style: Style,
): string {
  const noun = NOUN[kind]
  // Nobody knows what must come of a recorded request.
  const expectation = kind === 'parity_replay' ? '' : ' and as expected'
  const words = {
    pass: `Both sides decide ${counts.compared} of ${counts.expected} ${noun} alike${expectation && `,${expectation}`}.`,
    fail: `The sides do not decide all ${noun} alike${expectation}.`,
    inconclusive: `Not all of it was measured, so it is no pass.`,
    cancelled: `The run was ended before it was whole; what is above is a part.`,
  }
  return `${formatState(verdict, style)}  ${words[verdict]}  exit ${exitCode} (${exitName})`
}
