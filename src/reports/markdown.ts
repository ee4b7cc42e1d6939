import type { GateReport, Report } from '../core/report/types.ts'
import { escapeForTerminal } from '../core/text/terminal.ts'
import { type ReportCase, listCases } from './cases.ts'
import {
  formatStates,
  listChecklistChanges,
  listFailures,
  listFaults,
  listSubject,
} from './gate-words.ts'
import { formatHeadline } from './words.ts'

/**
 * Markdown for a job summary or a pull request: the headline, for a gate its subject, faults and groups, else the
 * counts; waived cases, a table of the cases that did not pass; of a gate also earlier failures, changes of the
 * checklist, the fix and the next command. Escapes every text; ends with a line feed.
 */
export function formatMarkdownReport(report: Report): string {
  const shown = escapeForTerminal(report)
  const cases = listCases(shown)
  const wanting = cases.filter(({ passed }) => !passed)
  const waived = cases.filter(({ waiver }) => waiver !== null)
  const parts = [
    `## ${cell(formatHeadline(shown))}`,
    ...(shown.kind === 'gate'
      ? [subjectTable(shown), faultsText(shown), groupsTable(shown), endsText(shown)]
      : [countsText(shown)]),
    waived
      .map(({ id, title, waiver }) => `- ${cell(`${id} ${title}: ${waiver ?? ''}`)}`)
      .join('\n'),
    ...(wanting.length === 0 ? [] : [casesTable(wanting)]),
    ...(shown.kind === 'gate'
      ? [...listFailures(shown), ...listChecklistChanges(shown)].map(changesList)
      : []),
    ...(shown.kind === 'gate' ? stepLines(shown) : []),
  ]
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`
}

const stepLines = ({ fix, next }: GateReport): readonly string[] => [
  ...(fix === null ? [] : [cell(fix)]),
  ...(next === null ? [] : [`Next: ${code(next)}`]),
]

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n')

const subjectTable = (report: GateReport): string =>
  table(
    ['about', ''],
    listSubject(report).map(([name, text]) => [name, cell(text)]),
  )

const faultsText = (report: GateReport): string =>
  listFaults(report)
    .map((one) => `- ${cell(one)}`)
    .join('\n')

const groupsTable = ({ groups, counts }: GateReport): string =>
  table(
    ['group', 'items', 'states'],
    [
      ...groups.map(({ id, title, items, states }) => [
        `${id} ${cell(title)}`,
        String(items),
        formatStates(states),
      ]),
      ['all', String(counts.expected), formatStates(counts.states)],
    ],
  )

const endsText = ({ expires_next }: GateReport): string =>
  expires_next.length === 0
    ? ''
    : `Expires next: ${expires_next.map(({ id, at }) => `${id} at ${at}`).join(', ')}`

const countsText = ({ counts }: Exclude<Report, GateReport>): string =>
  `${counts.compared} of ${counts.expected} compared, ${counts.neverReached} never reached`

const casesTable = (cases: readonly ReportCase[]): string =>
  table(
    ['', 'state', 'why', 'next'],
    cases.map(({ id, title, state, lines, next }) => [
      cell(`${id} ${title}`.trim()),
      state,
      lines.map(cell).join('<br>'),
      next === null ? '' : code(next),
    ]),
  )

const changesList = ([title, lines]: ReturnType<typeof listChecklistChanges>[number]): string =>
  [`${cell(title)}:`, '', ...lines.map((line) => `- ${cell(line)}`)].join('\n')

/** Escapes markup of a text in a table cell. */
const cell = (text: string): string =>
  text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll(/[\\`*_[\]|]/g, (one) => `&#${one.charCodeAt(0)};`)

const code = (text: string): string => `<code>${cell(text)}</code>`
