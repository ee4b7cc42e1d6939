import type { Report } from '../core/report/types.ts'
import { escapeForTerminal } from '../core/text/terminal.ts'
import { type ReportCase, listCases } from './cases.ts'
import { formatSubject, listFaults } from './gate-words.ts'
import { formatHeadline } from './words.ts'

/** GitHub shows ten annotations of each kind a step and drops the rest silently. */
const MOST = 9

/**
 * Workflow commands of GitHub Actions: for a gate a notice of its subject and an error for each fault of the run, a
 * notice for each waived case, an annotation for each of the first nine cases that did not pass, failed ones first
 * (`error`, others `warning`), the number of the rest, and the headline. Escapes every text; ends with a line feed.
 */
export function formatGithubReport(report: Report): string {
  const shown = escapeForTerminal(report)
  const cases = listCases(shown)
  const wanting = cases.filter(({ passed }) => !passed)
  const worst = [...wanting].sort((a, b) => rank(a) - rank(b))
  const more = wanting.length - MOST
  const lines = [
    ...(shown.kind === 'gate'
      ? [
          `::notice title=${property(formatHeadline(shown))}::${data(formatSubject(shown))}`,
          ...listFaults(shown).map((one) => `::error title=ff gate::${data(one)}`),
        ]
      : []),
    ...cases.flatMap(({ id, title, waiver }) =>
      waiver === null ? [] : [`::notice title=${property(`${id} ${title}`)}::${data(waiver)}`],
    ),
    ...worst.slice(0, MOST).map(annotation),
    ...(more > 0 ? [`::notice title=ff::${data(`${more} more`)}`] : []),
    formatHeadline(shown),
  ]
  return `${lines.join('\n')}\n`
}

const rank = ({ state }: ReportCase): number => (state === 'fail' ? 0 : 1)

function annotation({ id, title, state, lines, next }: ReportCase): string {
  const level = state === 'fail' ? 'error' : 'warning'
  const text = [state, ...lines, ...(next === null ? [] : [next])].join('\n')
  return `::${level} title=${property(`${id} ${title}`.trim())}::${data(text)}`
}

const data = (text: string): string =>
  text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A')
const property = (text: string): string => data(text).replaceAll(':', '%3A').replaceAll(',', '%2C')
