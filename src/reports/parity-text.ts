import type {
  Finding,
  ItemDetail,
  ParityReport,
  ReportItem,
  ReportSide,
} from '../core/report/types.ts'
import { formatColumns, formatEnding, formatState, type Style } from './paint.ts'
import { formatFinding, formatSameKind } from './words.ts'

/** The most items that are listed; the counts are of all items. */
const MOST_ITEMS = 20
const MOST_FINDINGS = 9

/** The noun for the items of a run. */
const NOUN: Readonly<Record<ParityReport['kind'], string>> = {
  parity_run: 'vectors',
  parity_exhaustive: 'cells',
  parity_replay: 'requests',
}

/**
 * The text of a comparison of two sides: sides, items, differences of at most 20 items, counts, controls and the
 * verdict with the exit. Lists every vector, but of cells and requests only those that do not pass. Ends with a line
 * feed; escapes nothing.
 */
export function formatParityReport(report: ParityReport, style: Style): string {
  const parts = [
    `ff ${report.kind.replace('_', ' ')}`,
    formatSides(report, style),
    formatItems(report, style),
    ...wanting(report)
      .slice(0, MOST_ITEMS)
      .map((item) => formatDetail(item, report)),
    ...generalFindings(report),
    formatCounts(report, style),
    formatResult(report, style),
  ]
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`
}

function formatSides({ sides }: ParityReport, { width }: Style): string {
  const row = (name: string, { target, server }: ReportSide): string[] => [
    name,
    target,
    server === null ? '' : `PostgreSQL ${server}`,
  ]
  return formatColumns([row('baseline', sides.baseline), row('candidate', sides.candidate)], width)
}

const wanting = ({ items }: ParityReport): readonly ReportItem[] =>
  items.filter(({ state }) => state !== 'pass' && state !== 'skipped' && state !== 'never_reached')

/** Lists every vector, but of cells and requests only those that do not pass. */
function formatItems(report: ParityReport, style: Style): string {
  const listed = report.kind === 'parity_run' ? report.items : wanting(report).slice(0, MOST_ITEMS)
  const more = report.kind === 'parity_run' ? 0 : wanting(report).length - listed.length
  if (listed.length === 0) return ''
  const table = formatColumns(
    listed.map(({ id, title, state }) => [formatState(state, style), id, title]),
    style.width,
  )
  return more > 0 ? `${table}\n  and ${more} more` : table
}

function formatDetail({ id, detail }: ReportItem, report: ParityReport): string {
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

const GENERAL: ReadonlySet<string> = new Set([
  'comparer_fault',
  'field_unseen',
  'fault_unseen',
  'noise',
  'nothing_decided',
])
const generalFindings = ({ findings }: ParityReport): readonly string[] => {
  const faults = findings.filter(({ code }) => GENERAL.has(code))
  return faults.length === 0 ? [] : [findingLines(faults).join('\n')]
}

function formatCounts(
  { counts, coverage, controls, kind, rules }: ParityReport,
  { width }: Style,
): string {
  const dimensions = [...new Set(coverage.map(({ dimension }) => dimension))]
  const reached = dimensions.map((name) => {
    const lines = coverage.filter(({ dimension }) => dimension === name)
    return `${name} ${lines.filter(({ vectors }) => vectors > 0).length}/${lines.length}`
  })
  const controlLines = controls.map(
    ({ id, held: holds, compared }) => `${id} ${holds ? 'held' : 'DID NOT HOLD'} (${compared})`,
  )
  const { expected, compared, cases, differing, skipped, neverReached, fields, situations } = counts
  const noun = NOUN[kind]
  const counted =
    differing === undefined ? `${cases} case${cases === 1 ? '' : 's'}` : `${differing} differing`
  return formatColumns(
    [
      [
        'compared',
        `${compared} of ${expected} ${noun} (${counted}), ${skipped} skipped, ${neverReached} never reached`,
      ],
      ...(situations === undefined
        ? []
        : [
            [
              '',
              `${situations.compared} of ${situations.expected} situations, ${situations.skipped} skipped, ${situations.neverReached} never reached`,
            ],
          ]),
      [
        'fields',
        `${fields.compared} compared, ${fields.differing} differing, ${fields.expected} differing as they must`,
      ],
      ...(reached.length === 0 ? [] : [['coverage', reached.join(', ')]]),
      ...rules.map(({ pointer, rule, why, differences }) => [
        'rule',
        `${pointer} ${rule}, ${countDifferences(differences)}: ${why}`,
      ]),
      ...controlLines.map((one, at) => [at === 0 ? 'controls' : '', one]),
    ],
    width,
  )
}

const countDifferences = (count: number): string =>
  count === 1 ? '1 difference' : `${count} differences`

function formatResult(
  { verdict, counts, kind, rules, exitCode, exitName, sides }: ParityReport,
  style: Style,
): string {
  const noun = NOUN[kind]
  // A recorded request has no expected answer.
  const expectation = kind === 'parity_replay' ? '' : ' and as expected'
  const { situations } = counts
  const also =
    situations === undefined
      ? ''
      : ` and ${situations.compared} of ${situations.expected} situations`
  const exempted = rules
    .map(
      ({ pointer, rule, differences }) =>
        `, but for ${countDifferences(differences)} in ${pointer} (${rule})`,
    )
    .join('')
  const words = {
    pass: `Both sides decide ${counts.compared} of ${counts.expected} ${noun}${also} alike${expectation && `,${expectation}`}${exempted}.${formatSameKind(sides)}`,
    fail: `The sides do not decide all ${noun} alike${expectation}.`,
    inconclusive: `Not everything was measured, so this is not a pass.`,
    cancelled: `The run was ended early; the report above is partial.`,
  }
  const ending = { word: verdict.toUpperCase(), sentence: words[verdict], state: verdict }
  return formatEnding(ending, { exitCode, exitName }, style)
}
