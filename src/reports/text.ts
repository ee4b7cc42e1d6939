import type { Report } from '../core/report/types.ts'
import type { Style } from './style.ts'
import { checkText } from './check-text.ts'
import { parityText } from './parity-text.ts'

export const textReport = (report: Report, style: Style): string =>
  'controls' in report ? parityText(report, style) : checkText(report, style)
