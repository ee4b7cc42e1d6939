import type { Ending } from '../concurrency/ended.ts'
import type { ObservationView } from '../core/observe/series.ts'
import type { Report } from '../core/report/types.ts'
import type { ExitName } from '../core/exit.ts'
import { FfError } from '../errors.ts'
import { type Format, REPORTERS } from '../reports/index.ts'
import type { Context, Invocation } from './context.ts'
import type { REPORT } from './declarations/options.ts'
import { refuseInputsAsOutputs } from './refuse-inputs.ts'
import { appendOutput, clearOutputs, writeOutputs } from './output.ts'
import { printText } from './print-text.ts'
import { repeatInReport } from './repeat-options.ts'
import { getTextWidth } from './text-width.ts'

/**
 * Refuses an output over an input, removes old outputs, runs `work` under the signals and the time limit, writes its
 * report to files and stdout (with `--format github` also to the job summary), and sets the exit. Work that prints its
 * own answers returns its exit in place of a report. `look` reads what HTML shows besides the report, if it is asked for.
 * @throws FfError `output_over_input`; `interrupted`, `terminated` or `timeout` for an ended run, which has 30 s to
 * return a cancelled report; `output_failed`; else the error of `work`
 */
export async function runReportCommand(
  { context, options, words, color: chosen, repeat }: Invocation<typeof REPORT>,
  work: (signal: AbortSignal) => Promise<Report | ExitName>,
  look: Look = () => Promise.resolve(null),
): Promise<void> {
  const { output: outputs, timeout } = options
  const format = options.format ?? 'text'
  const timeoutMs = timeout === null ? null : timeout * 1000
  const color = useColor(context, chosen)
  await refuseInputsAsOutputs({ context, options, words })
  await clearOutputs(outputs)
  const report = await underSignals(context, timeoutMs, async (signal) => {
    const found = await work(signal)
    const done = typeof found === 'string' ? found : repeatInReport(found, repeat)
    // Under the time limit too: a pipe may have no reader.
    if (typeof done !== 'string')
      await writeOutputs(outputs, (as) => write(done, as, { look }), signal)
    return done
  })
  if (typeof report === 'string') {
    context.exit = report
    return
  }
  const shown = await write(report, format, { color, width: getTextWidth(context), look })
  if (format === 'text') await printText(context.io, shown)
  else await context.io.stdout(shown)
  if (format === 'github') await addToSummary(context, await write(report, 'markdown'))
  context.exit = report.exitName
}

/** Reads what the HTML of a report shows besides it. */
type Look = (report: Report) => Promise<ObservationView | null>

interface Written {
  readonly color?: boolean
  readonly width?: number
  readonly look?: Look
}
async function write(
  report: Report,
  as: Format,
  { color = false, width, look }: Written = {},
): Promise<string> {
  const observation = as === 'html' && look !== undefined ? await look(report) : null
  return (await REPORTERS[as]())(report, { color, width, observation })
}

/** Appends to the job summary of GitHub Actions, which GITHUB_STEP_SUMMARY names; elsewhere it is not set. */
async function addToSummary({ env }: Context, text: string): Promise<void> {
  const path = env['GITHUB_STEP_SUMMARY'] ?? ''
  if (path !== '') await appendOutput(path, text)
}

type CommandResult = Report | ExitName

async function underSignals(
  context: Context,
  timeoutMs: number | null,
  work: (signal: AbortSignal) => Promise<CommandResult>,
): Promise<CommandResult> {
  const controller = new AbortController()
  const abort = (name: ExitName): void => controller.abort(name)
  const stop = context.onSignal(abort)
  const timer = timeoutMs === null ? undefined : setTimeout(() => abort('timeout'), timeoutMs)
  try {
    const done = await untilEnded(work(controller.signal), controller.signal)
    if (controller.signal.aborted && !isCancelled(done)) throw toEndedError(controller.signal)
    return done
  } finally {
    clearTimeout(timer)
    stop()
  }
}
const isCancelled = (done: CommandResult): boolean =>
  typeof done !== 'string' && done.verdict === 'cancelled'

/**
 * Time for a run that was ended to finish its running step, clean up and return a partial report: longer than the 10 s
 * timeout of a silent database, with room for a slow machine. A second signal ends it at once.
 */
export const GRACE_MS = 30_000

async function untilEnded(
  work: Promise<CommandResult>,
  signal: AbortSignal,
): Promise<CommandResult> {
  let grace: NodeJS.Timeout | undefined
  const overdue = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => {
      grace = setTimeout(() => reject(toEndedError(signal)), GRACE_MS)
    })
  })
  try {
    return await Promise.race([work, overdue])
  } catch (error) {
    // After a signal or the time limit, a later failure is a consequence of it: the end decides the exit.
    throw signal.aborted ? toEndedError(signal, error) : error
  } finally {
    clearTimeout(grace)
  }
}

/**
 * Makes, without throwing it, the error of a run that a signal or the time limit ended; its code is the reason of the
 * aborted signal: `interrupted`, `terminated` or `timeout`.
 */
export const toEndedError = (signal: AbortSignal, cause?: unknown): FfError =>
  new FfError(signal.reason as Ending, 'The command was ended before it was done.', {
    hint: 'Its finished steps remain. Run the same command again for the rest.',
    cause,
  })

/**
 * Precedence: `--color` > `NO_COLOR` > `FORCE_COLOR` > `CLICOLOR_FORCE` > `CLICOLOR=0` and `TERM=dumb` > whether stdout is a
 * terminal. `0` and the empty text count as unset for `CLICOLOR_FORCE`.
 */
export function useColor(
  { env, io }: Pick<Context, 'env'> & { readonly io: Pick<Context['io'], 'stdoutIsTerminal'> },
  chosen: boolean | null,
): boolean {
  if (chosen !== null) return chosen
  const { NO_COLOR = '', FORCE_COLOR = '', CLICOLOR_FORCE = '', CLICOLOR, TERM } = env
  if (NO_COLOR !== '') return false
  if (FORCE_COLOR !== '') return FORCE_COLOR !== '0'
  if (!['', '0'].includes(CLICOLOR_FORCE)) return true
  return io.stdoutIsTerminal && CLICOLOR !== '0' && TERM !== 'dumb'
}
