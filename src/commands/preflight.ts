import { preflight } from '../features/parity/preflight.ts'
import type { Invocation } from './context.ts'
import type { REPORT } from './declarations/options.ts'
import { runReportCommand } from './run-report.ts'

export const runParityPreflight = (invocation: Invocation<typeof REPORT>): Promise<void> =>
  runReportCommand(invocation, () => preflight(invocation.words[0] ?? ''))
