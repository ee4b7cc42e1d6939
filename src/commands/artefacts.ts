import { validateArtefacts } from '../app/validate-artefacts.ts'
import type { Invocation } from './context.ts'
import { runReport } from './run-report.ts'

export const validate = (invocation: Invocation): Promise<void> =>
  runReport(invocation, () => validateArtefacts(invocation.context.root, invocation.words))
