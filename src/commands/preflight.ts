import { preflight } from '../app/preflight.ts'
import type { Invocation } from './context.ts'
import { runReport } from './run-report.ts'

export const examine = (invocation: Invocation): Promise<void> =>
  runReport(invocation, () => preflight(invocation.words[0] ?? ''))
