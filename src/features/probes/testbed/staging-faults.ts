import { FfError } from '../../../errors.ts'
import type { ProbeContext } from '../framework/probe.ts'
import type { StagingFault } from '../framework/staging-target.ts'

/** How long the program of FF_STAGING_FAULTS may take to cause a failure or to end it. */
const PROGRAM_MS = 60_000

/**
 * Has a failure caused on staging, runs `use` meanwhile, and has it ended, also where `use` fails, the run is ended, or the
 * program did not cause it.
 *
 * @throws FfError `command_unanswered` where the program does not end with 0
 */
export async function withStagingFault<T>(
  context: ProbeContext,
  fault: StagingFault,
  use: () => Promise<T>,
): Promise<T> {
  try {
    await callProgram(context, ['begin', fault], context.signal)
    return await use()
  } finally {
    // Also where the run was ended: nothing else would end the failure.
    await callProgram(context, ['end', fault], new AbortController().signal)
  }
}

async function callProgram(
  { adapters, cwd, targets }: ProbeContext,
  words: readonly [string, StagingFault],
  signal: AbortSignal,
): Promise<void> {
  const program = targets.staging?.faults ?? ''
  const argv = [program, ...words]
  const outcome = await adapters.runCommand(argv, { cwd, timeoutMs: PROGRAM_MS, signal })
  if (outcome.kind === 'exited' && outcome.status === 0) return
  const what = outcome.kind === 'exited' ? `ended ${outcome.status}` : outcome.detail
  const said = outcome.kind === 'exited' ? outcome.last_line : ''
  throw new FfError(
    'command_unanswered',
    `The program of FF_STAGING_FAULTS could not ${words[0]} the failure of ${words[1]}: ${what}.`,
    {
      hint: `Run it by hand, so that nothing of the failure stays: ${program} end ${words[1]}. It said: ${said}`,
    },
  )
}
