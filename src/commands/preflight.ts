import { preflight } from '../features/parity/preflight.ts'
import type { Invocation } from './context.ts'
import type { REPORT } from './declarations/options.ts'
import { runReport } from './run-report.ts'

export const examine = (invocation: Invocation<typeof REPORT>): Promise<void> =>
  runReport(invocation, () => preflight(invocation.words[0] ?? ''))
