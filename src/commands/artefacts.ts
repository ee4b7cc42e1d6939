import { validateArtefacts } from '../features/setup/validate-artefacts.ts'
import type { Invocation } from './context.ts'
import type { REPORT } from './declarations/options.ts'
import { runReportCommand } from './run-report.ts'

/**
 * `ff artefacts validate`: prints a report on the named files, or on those of the package, and sets its exit. A bad
 * file is a failed item, not an error.
 * @throws the errors of `runReportCommand`, such as FfError `output_failed`
 */
export const runArtefactsValidate = (invocation: Invocation<typeof REPORT>): Promise<void> =>
  runReportCommand(invocation, () => validateArtefacts(invocation.context.root, invocation.words))
