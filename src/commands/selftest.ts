import { paritySelftest } from '../features/selftest/parity-selftest.ts'
import type { Invocation } from './context.ts'
import type { SIDES } from './declarations/options.ts'
import { toParityRequest } from './parity.ts'
import { createProgressLine } from './progress.ts'
import { runReportCommand } from './run-report.ts'

/**
 * `ff parity selftest`: plants every fault of the catalogue, prints a report on which a proof catches, and sets its
 * exit. Writes to scratch state alone.
 * @throws FfError `target_invalid`, `secret_in_option`, `setting_invalid`, `artefact_invalid`, `backing_unavailable`
 * where a side gives no answer, the errors of the sides, and those of `runReportCommand`, such as `output_failed`
 */
export const runParitySelftest = (invocation: Invocation<typeof SIDES>): Promise<void> =>
  runReportCommand(invocation, async (signal) => {
    const request = await toParityRequest(invocation, signal)
    const progress = createProgressLine(invocation, 'faults')
    return paritySelftest({ ...request, progress })
  })
