import { validateArtefacts } from '../features/setup/validate-artefacts.ts'
import type { Invocation } from './context.ts'
import type { REPORT } from './declarations/options.ts'
import { runReportCommand } from './run-report.ts'

export const runArtefactsValidate = (invocation: Invocation<typeof REPORT>): Promise<void> =>
  runReportCommand(invocation, () => validateArtefacts(invocation.context.root, invocation.words))
