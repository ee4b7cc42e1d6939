import { parityFuzz } from '../features/parity/parity-fuzz.ts'
import type { Invocation } from './context.ts'
import type { PARITY_FUZZ } from './declarations/options.ts'
import { toParityRequest } from './parity.ts'
import { createProgressLine } from './progress.ts'
import { runReportCommand } from './run-report.ts'

/**
 * `ff parity fuzz`: compares both sides on random scenes, prints a report and sets its exit. Without `--seed` the seed
 * comes from the clock; `--time` is in seconds. Writes to scratch state alone.
 * @throws FfError `target_invalid`, `secret_in_option`, `setting_invalid`, `artefact_invalid`, `sides_alike`,
 * `backing_unavailable` where a side gives no answer, the errors of the stores, and those of `runReportCommand`, such
 * as `output_failed`
 */
export const runParityFuzz = (invocation: Invocation<typeof PARITY_FUZZ>): Promise<void> =>
  runReportCommand(invocation, async (signal) => {
    const { context, options } = invocation
    const { runs, seed, time, allowSameKind } = options
    return parityFuzz({
      ...(await toParityRequest(invocation, signal)),
      allowSameKind,
      runs,
      seed: seed ?? context.now().getTime() % 2 ** 31,
      timeMs: time === null ? null : time * 1000,
      progress: createProgressLine(invocation, 'scenes'),
    })
  })
