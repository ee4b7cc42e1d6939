import type { Report } from '../core/report/types.ts'
import { checkText } from './check-text.ts'
import { gateText } from './gate-text.ts'
import { parityText } from './parity-text.ts'
import { printable } from './printable.ts'
import type { Style } from './style.ts'

export function textReport(report: Report, style: Style): string {
  const shown = printable(report)
  if (shown.kind === 'gate') return gateText(shown, style)
  return 'controls' in shown ? parityText(shown, style) : checkText(shown, style)
}
