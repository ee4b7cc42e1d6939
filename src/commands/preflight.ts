import { preflight } from '../features/parity/preflight.ts'
import type { Invocation } from './context.ts'
import type { REPORT } from './declarations/options.ts'
import { runReportCommand } from './run-report.ts'

/**
 * `ff parity preflight FILE`: prints a report on what an import of a JSON file would change or refuse; writes nothing.
 */
export const runParityPreflight = (invocation: Invocation<typeof REPORT>): Promise<void> =>
  runReportCommand(invocation, () => preflight(invocation.words[0] ?? ''))
