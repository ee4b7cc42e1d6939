import { parityExhaustive, type ParityRequest, parityRun } from '../features/parity/parity.ts'
import { parseTargetOrThrow } from '../features/parity/resolve-target.ts'
import type { Invocation } from './context.ts'
import type { PARITY_EXHAUSTIVE, PARITY_RUN, SIDES } from './declarations/options.ts'
import { runReportCommand } from './run-report.ts'
import { getDefaultBaseline, getDefaultCandidate, loadSettings } from './settings.ts'

/**
 * `ff parity run`: compares the vectors on both sides, prints a report and sets its exit. Writes to scratch state
 * alone.
 * @throws FfError `nothing_to_check` for an unknown vector, `target_invalid`, `secret_in_option`, `setting_invalid`,
 * `artefact_invalid`, `sides_alike`, the errors of the sides, and those of `runReportCommand`, such as `output_failed`
 */
export const runParityRun = (invocation: Invocation<typeof PARITY_RUN>): Promise<void> =>
  runReportCommand(invocation, async (signal) => {
    const { vectors: more, vector: only, allowSameKind } = invocation.options
    return parityRun({ ...(await toParityRequest(invocation, signal)), allowSameKind, more, only })
  })

/**
 * `ff parity exhaustive`: compares all cells, or those of `--cell`, with the oracle; prints a report and sets its
 * exit. Writes to scratch state alone.
 * @throws FfError `nothing_to_check` for an unknown cell, `target_invalid`, `secret_in_option`, `setting_invalid`,
 * `artefact_invalid`, `sides_alike`, the errors of the sides, and those of `runReportCommand`, such as `output_failed`
 */
export const runParityExhaustive = (
  invocation: Invocation<typeof PARITY_EXHAUSTIVE>,
): Promise<void> =>
  runReportCommand(invocation, async (signal) =>
    parityExhaustive({
      ...(await toParityRequest(invocation, signal)),
      allowSameKind: invocation.options.allowSameKind,
      only: invocation.options.cell,
    }),
  )

/**
 * The request that the parity commands share: both sides from options, else from settings (FF_STORE_DIR,
 * FF_DATABASE_URL), else a temporary folder and the embedded server. Opens neither side.
 *
 * @throws FfError `target_invalid`, `secret_in_option`, `setting_invalid`
 */
export async function toParityRequest(
  { context, options }: Invocation<typeof SIDES>,
  signal: AbortSignal,
): Promise<ParityRequest> {
  const { env, cwd, root, now, adapters } = context
  const { values } = await loadSettings(env, cwd)
  const { baseline, candidate } = options
  return {
    root,
    baseline: baseline === null ? getDefaultBaseline(values) : parseTargetOrThrow(baseline, env),
    candidate:
      candidate === null ? getDefaultCandidate(values) : parseTargetOrThrow(candidate, env),
    signal,
    now,
    adapters,
  }
}
