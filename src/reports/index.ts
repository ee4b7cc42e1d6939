import type { Report } from '../core/report/types.ts'
import type { Style } from './paint.ts'
import { escapeForTerminal, escapeLines } from '../core/text/terminal.ts'
import { formatCheckReport } from './check-text.ts'
import { formatGateReport } from './gate-text.ts'
import { formatParityReport } from './parity-text.ts'

type Reporter = (report: Report, style: Style) => string

/**
 * Loads the reporter of each format; each is imported by its first call. To add a format, add its file, its line here and
 * its golden file.
 */
export const REPORTERS = {
  text: () => Promise.resolve(formatTextReport),
  json: async () => (await import('./json.ts')).formatJsonReport,
  junit: async () => (await import('./junit.ts')).formatJunitReport,
  sarif: async () => (await import('./sarif.ts')).formatSarifReport,
  github: async () => (await import('./github.ts')).formatGithubReport,
  markdown: async () => (await import('./markdown.ts')).formatMarkdownReport,
  html: async () => (await import('./html.ts')).formatHtmlReport,
} as const satisfies Readonly<Record<string, () => Promise<Reporter>>>

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
