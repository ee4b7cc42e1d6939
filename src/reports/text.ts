import type { Report } from '../core/report/types.ts'
import { escapeForTerminal } from '../core/text/terminal.ts'
import { formatCheckReport } from './check-text.ts'
import { formatGateReport } from './gate-text.ts'
import { formatParityReport } from './parity-text.ts'
import type { Style } from './style.ts'

export function formatTextReport(report: Report, style: Style): string {
  const shown = escapeForTerminal(report)
  if (shown.kind === 'gate') return formatGateReport(shown, style)
  return 'controls' in shown ? formatParityReport(shown, style) : formatCheckReport(shown, style)
}
