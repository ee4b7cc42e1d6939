import type { Report } from '../core/report/types.ts'
import { formatGithubReport } from './github.ts'
import { formatHtmlReport } from './html.ts'
import { formatJsonReport } from './json.ts'
import { formatJunitReport } from './junit.ts'
import { formatMarkdownReport } from './markdown.ts'
import { formatSarifReport } from './sarif.ts'
import type { Style } from './paint.ts'
import { escapeForTerminal, escapeLines } from '../core/text/terminal.ts'
import { formatCheckReport } from './check-text.ts'
import { formatGateReport } from './gate-text.ts'
import { formatParityReport } from './parity-text.ts'

/** The reporter of each format. To add a format, add its file, its line here and its golden file. */
export const REPORTERS = {
  text: formatTextReport,
  json: formatJsonReport,
  junit: formatJunitReport,
  sarif: formatSarifReport,
  github: formatGithubReport,
  markdown: formatMarkdownReport,
  html: formatHtmlReport,
} as const satisfies Readonly<Record<string, (report: Report, style: Style) => string>>

export type Format = keyof typeof REPORTERS

/**
 * The report as text with a final line feed: escapes every text for a terminal, then formats it by its kind (gate, two
 * sides, or checks).
 */
export function formatTextReport(report: Report, style: Style): string {
  const shown = escapeForTerminal(report)
  if (shown.kind === 'gate') return formatGateReport(shown, style)
  if ('controls' in shown) return formatParityReport(shown, style)
  const sql = 'sql' in report ? report.sql.map(escapeLines) : []
  return formatCheckReport({ ...shown, sql }, style)
}
