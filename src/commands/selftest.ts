import { paritySelftest } from '../features/selftest/parity-selftest.ts'
import type { Invocation } from './context.ts'
import type { SIDES } from './declarations/options.ts'
import { toRequest } from './parity.ts'
import { progressTo } from './progress.ts'
import { runReport } from './run-report.ts'

export const selftest = (invocation: Invocation<typeof SIDES>): Promise<void> =>
  runReport(invocation, async (signal) => {
    const request = await toRequest(invocation, signal)
    const progress = progressTo(invocation, 'faults')
    return paritySelftest({ ...request, progress })
  })
