import { parityFuzz } from '../features/parity/parity-fuzz.ts'
import type { Invocation } from './context.ts'
import type { PARITY_FUZZ } from './declarations/options.ts'
import { toRequest } from './parity.ts'
import { progressTo } from './progress.ts'
import { runReport } from './run-report.ts'

export const fuzz = (invocation: Invocation<typeof PARITY_FUZZ>): Promise<void> =>
  runReport(invocation, async (signal) => {
    const { context, options } = invocation
    const { runs, seed, time } = options
    return parityFuzz({
      ...(await toRequest(invocation, signal)),
      runs,
      seed: seed ?? context.now().getTime() % 2 ** 31,
      timeMs: time === null ? null : time * 1000,
      progress: progressTo(invocation, 'scenes'),
    })
  })
