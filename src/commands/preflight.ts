import { preflight } from '../features/parity/preflight.ts'
import type { Invocation } from './context.ts'
import type { REPORT } from './declarations/options.ts'
import { runReportCommand } from './run-report.ts'

/**
 * `ff parity preflight FILE`: prints a report on what an import of a JSON file would change or refuse, and sets its
 * exit; writes nothing and opens no database.
 * @throws FfError `artefact_invalid` for a file that cannot be read or is no JSON, `nothing_to_check` for one without
 * a value, and the errors of `runReportCommand`, such as `output_failed`
 */
export const runParityPreflight = (invocation: Invocation<typeof REPORT>): Promise<void> =>
  runReportCommand(invocation, () =>
    preflight(invocation.words[0] ?? '', invocation.context.adapters),
  )
