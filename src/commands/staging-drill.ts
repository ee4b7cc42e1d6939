import { MOST_DRILL_MS } from '../core/cutover/drill.ts'
import { FfError } from '../errors.ts'
import { drillTwice } from '../features/cutover/drill.ts'
import { formatStagingDrill } from '../reports/cutover-text.ts'
import type { Invocation } from './context.ts'
import { runCutoverCommand, toMoveTools } from './cutover-context.ts'
import { judgeStep } from './cutover.ts'
import type { CUTOVER_DRILL } from './declarations/cutover-options.ts'
import { printDocument } from './document.ts'

/**
 * `ff cutover drill --staging`: gives the authority to the database and takes it back, twice; prints each step with its
 * times, and ends `ok`. A signal has it go back first.
 *
 * @throws FfError `phase_refused` elsewhere than on staging or a scratch copy, and in another phase than `shadow_read`;
 * `proof_inconclusive` where the writer went back first; `option_invalid`; as `runCutoverAdvance`
 */
export const runStagingDrill = (invocation: Invocation<typeof CUTOVER_DRILL>): Promise<void> =>
  runCutoverCommand(invocation, async (command) => {
    const { seconds: given, bound } = invocation.options
    const seconds = given ?? STAGING_S
    if (seconds * 1_000 > MOST_DRILL_MS)
      throw new FfError(
        'option_invalid',
        `--seconds must be at most ${MOST_DRILL_MS / 1_000}, not ${seconds}.`,
        { hint: 'Write --seconds 300, for example.' },
      )
    const document = await drillTwice(
      { ...toMoveTools(command, bound), request: await command.both() },
      { seconds, gate: await judgeStep(invocation.context, command.leaseMs) },
    )
    await printDocument(invocation, {
      json: { schemaVersion: 1, ...document },
      text: (width) => formatStagingDrill(document, width),
    })
  })

/** When the writer goes back by itself, in seconds, where the option does not say. */
const STAGING_S = 300
