import { parityReplay } from '../app/parity-replay.ts'
import type { Invocation } from './context.ts'
import { toRequest } from './parity.ts'
import { progressTo } from './progress.ts'
import { runReport } from './run-report.ts'
import { wholeNumber } from './whole-number.ts'

const MAX_DIFFS = 100

export const replay = (invocation: Invocation): Promise<void> =>
  runReport(invocation, async (signal) => {
    const { maxDiffs } = invocation.options
    return parityReplay({
      ...(await toRequest(invocation, signal)),
      file: invocation.words[0] ?? '',
      env: invocation.context.env,
      maxDiffs:
        maxDiffs === undefined ? MAX_DIFFS : wholeNumber('--max-diffs', maxDiffs, { most: 10_000 }),
      progress: progressTo(invocation, 'requests'),
    })
  })
