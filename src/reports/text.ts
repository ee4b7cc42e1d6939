import type { Report } from '../core/report/types.ts'
import type { Style } from './style.ts'
import { checkText } from './check-text.ts'
import { parityText } from './parity-text.ts'

export function textReport(report: Report, style: Style): string {
  const shown = printable(report) as Report
  return 'controls' in shown ? parityText(shown, style) : checkText(shown, style)
}

/** Artefacts and rows can hold what a terminal would obey; newlines are the reporter's own (and those of SQL). */
function printable(value: unknown): unknown {
  if (typeof value === 'string') {
    return value.replaceAll(
      /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g,
      (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`,
    )
  }
  if (Array.isArray(value)) return value.map(printable)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, held]) => [name, printable(held)]))
}
