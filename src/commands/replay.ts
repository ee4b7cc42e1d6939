import { parityReplay } from '../features/parity/parity-replay.ts'
import type { Invocation } from './context.ts'
import type { PARITY_REPLAY } from './declarations/options.ts'
import { toRequest } from './parity.ts'
import { progressTo } from './progress.ts'
import { runReport } from './run-report.ts'

export const replay = (invocation: Invocation<typeof PARITY_REPLAY>): Promise<void> =>
  runReport(invocation, async (signal) =>
    parityReplay({
      ...(await toRequest(invocation, signal)),
      file: invocation.words[0] ?? '',
      env: invocation.context.env,
      maxDiffs: invocation.options.maxDiffs,
      progress: progressTo(invocation, 'requests'),
    }),
  )
