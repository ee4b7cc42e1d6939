import type { Report } from '../core/report/types.ts'
import { jsonReport } from './json.ts'
import { junitReport } from './junit.ts'
import type { Style } from './style.ts'
import { textReport } from './text.ts'

/** One file a format. To add one: its file, its line, its golden file. */
export const REPORTERS = {
  text: textReport,
  json: jsonReport,
  junit: junitReport,
} as const satisfies Readonly<Record<string, (report: Report, style: Style) => string>>

export type Format = keyof typeof REPORTERS
