import { parityReplay } from '../features/parity/parity-replay.ts'
import type { Invocation } from './context.ts'
import type { PARITY_REPLAY } from './declarations/options.ts'
import { toParityRequest } from './parity.ts'
import { createProgressLine } from './progress.ts'
import { runReportCommand } from './run-report.ts'

/**
 * `ff parity replay FILE`: replays recorded requests on both live sides, prints a report and sets its exit. Shows its
 * progress on stderr.
 * @throws FfError `artefact_invalid` for a bad file, `nothing_to_check` for one without a request, `target_invalid`,
 * `secret_in_option`, `setting_invalid`, the errors of the sides, and those of `runReportCommand`, such as
 * `output_failed`
 */
export const runParityReplay = (invocation: Invocation<typeof PARITY_REPLAY>): Promise<void> =>
  runReportCommand(invocation, async (signal) =>
    parityReplay({
      ...(await toParityRequest(invocation, signal)),
      file: invocation.words[0] ?? '',
      env: invocation.context.env,
      maxDiffs: invocation.options.maxDiffs,
      progress: createProgressLine(invocation, 'requests'),
    }),
  )
