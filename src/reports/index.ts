import type { Report } from '../core/report/types.ts'
import { githubReport } from './github.ts'
import { htmlReport } from './html.ts'
import { jsonReport } from './json.ts'
import { junitReport } from './junit.ts'
import { markdownReport } from './markdown.ts'
import { sarifReport } from './sarif.ts'
import type { Style } from './style.ts'
import { textReport } from './text.ts'

/** One file a format. To add one: its file, its line, its golden file. */
export const REPORTERS = {
  text: textReport,
  json: jsonReport,
  junit: junitReport,
  sarif: sarifReport,
  github: githubReport,
  markdown: markdownReport,
  html: htmlReport,
} as const satisfies Readonly<Record<string, (report: Report, style: Style) => string>>

export type Format = keyof typeof REPORTERS
