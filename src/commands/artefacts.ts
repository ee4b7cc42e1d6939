import { validateArtefacts } from '../features/setup/validate-artefacts.ts'
import type { Invocation } from './context.ts'
import type { REPORT } from './declarations/options.ts'
import { runReport } from './run-report.ts'

export const validate = (invocation: Invocation<typeof REPORT>): Promise<void> =>
  runReport(invocation, () => validateArtefacts(invocation.context.root, invocation.words))
