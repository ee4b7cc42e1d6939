import type { Report } from '../core/report/types.ts'
import { escapeForTerminal } from '../core/text/terminal.ts'
import { checkText } from './check-text.ts'
import { gateText } from './gate-text.ts'
import { parityText } from './parity-text.ts'
import type { Style } from './style.ts'

export function textReport(report: Report, style: Style): string {
  const shown = escapeForTerminal(report)
  if (shown.kind === 'gate') return gateText(shown, style)
  return 'controls' in shown ? parityText(shown, style) : checkText(shown, style)
}
