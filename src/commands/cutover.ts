import { hostname } from 'node:os'
import { getEnding } from '../concurrency/ended.ts'
import type { PhaseRecord } from '../core/cutover/record.ts'
import type { CutoverPlanDocument, CutoverStep } from '../core/report/cutover-documents.ts'
import { instantFromMs } from '../core/rows/instant.ts'
import { formatJson } from '../core/text/terminal.ts'
import { FfError } from '../errors.ts'
import { goOnWithDatabase, goOnWithFile } from '../features/cutover/go-on-alone.ts'
import { coordinate, type Coordinated, withCutoverSides } from '../features/cutover/open-sides.ts'
import { planCutover, planRollback } from '../features/cutover/plan-steps.ts'
import { readCutoverStatus } from '../features/cutover/read-status.ts'
import type { StepGate } from '../features/cutover/refuse-step.ts'
import { rollBackInTurns } from '../features/cutover/roll-back.ts'
import { advanceCutover } from '../features/cutover/take-step.ts'
import { judgeFolder, toReport } from '../features/gate/gate.ts'
import { digestConfiguration } from '../features/team-folder/identity.ts'
import {
  formatCutoverPlan,
  formatCutoverStatus,
  formatCutoverStep,
} from '../reports/cutover-text.ts'
import type { Context, Invocation } from './context.ts'
import {
  type CutoverCommand,
  nameOperator,
  runCutoverCommand,
  toStepTools,
} from './cutover-context.ts'
import type {
  CUTOVER_ADVANCE,
  CUTOVER_PLAN,
  CUTOVER_ROLLBACK,
  CUTOVER_STATUS,
} from './declarations/cutover-options.ts'
import { printDocument } from './document.ts'
import { buildGateRequest } from './gate.ts'
import { getTextWidth } from './text-width.ts'

/**
 * `ff cutover plan`: prints what each step will do, by the records as they are, and ends `ok`. Changes nothing.
 * @throws FfError `target_invalid` without a file store or a database, `setting_invalid`, `secret_in_option`, and the
 * errors of the file's side
 */
export const runCutoverPlan = (invocation: Invocation<typeof CUTOVER_PLAN>): Promise<void> =>
  runCutoverCommand(invocation, async ({ both }) =>
    printPlan(invocation, await withCutoverSides(await both(), planCutover)),
  )

/**
 * `ff cutover status`: prints where the cutover stands and the command that leads on, and ends `ok`; with `--watch`
 * again after each change, until a signal.
 * @throws FfError as `runCutoverPlan`
 */
export const runCutoverStatus = (invocation: Invocation<typeof CUTOVER_STATUS>): Promise<void> =>
  runCutoverCommand(invocation, async ({ both, clock, leaseMs, signal }) => {
    const { context, options } = invocation
    const request = await both()
    const findWriter = () => context.adapters.findLockHolder(request.folder)
    await withCutoverSides(request, async (sides) => {
      let shown = ''
      do {
        const tools = { sides, clock, leaseMs, signal, host: hostname(), findWriter }
        const status = await readCutoverStatus(tools)
        const text =
          options.format === 'json'
            ? `${formatJson({ schemaVersion: 1, ...status })}\n`
            : formatCutoverStatus(status, getTextWidth(context))
        if (text !== shown) await context.io.stdout(text)
        shown = text
        if (options.watch) await clock.rest(WATCH_MS, signal)
      } while (options.watch && !signal.aborted)
    })
    // `--watch` ends by SIGTERM, so SIGTERM is a success.
    context.exit = getEnding(signal) === 'interrupted' ? 'interrupted' : 'ok'
  })
const WATCH_MS = 1_000

/**
 * `ff cutover advance`: takes one step, or with `--file-lost` goes on with the database alone; prints the phase that it
 * leads to, and ends `ok`. A signal has the step back out.
 * @throws FfError `phase_refused` for a step that is blocked or has no GO, `step_backed_out`, `step_unsettled`,
 * `chains_forked`, `database_left`, `cutover_locked`, `stopped_missing`, `option_invalid`; `interrupted`, `terminated`;
 * as `runCutoverPlan`
 */
export const runCutoverAdvance = (invocation: Invocation<typeof CUTOVER_ADVANCE>): Promise<void> =>
  runCutoverCommand(invocation, async (command) => {
    const { context, options } = invocation
    const { bound, oneWriter, fileLost, stopped } = options
    refuseStopped(stopped, fileLost, '--file-lost')
    if (fileLost) {
      const request = { ...(await command.database()), file: await command.fileIfHere() }
      const record = await goOnWithDatabase(
        request,
        toAlone(command, { bound, stopped, now: context.now }),
      )
      return printStep(invocation, toLossStep(record, { from: 'db_authoritative', stopped }))
    }
    return coordinate(await command.both(), async (coordinated) => {
      const step = await advanceCutover({
        ...toStepTools(command, coordinated, bound),
        environment: command.environment,
        oneWriter,
        judge: () => judgeStep(context, command.leaseMs),
      })
      await printStep(invocation, step)
    })
  })

/**
 * `ff cutover rollback`: goes back to the phase of `--to`, or with `--db-lost` to `file` with the file alone; prints it,
 * and ends `ok`; with `--plan` prints the steps only.
 * @throws FfError as `runCutoverAdvance`
 */
export const runCutoverRollback = (
  invocation: Invocation<typeof CUTOVER_ROLLBACK>,
): Promise<void> =>
  runCutoverCommand(invocation, async (command) => {
    const { to, plan, bound, dbLost, stopped } = invocation.options
    refuseStopped(stopped, dbLost, '--db-lost')
    if (plan) {
      const request = await command.both()
      return printPlan(
        invocation,
        await withCutoverSides(request, (sides) => planRollback(sides, to)),
      )
    }
    if (dbLost) {
      const request = await command.file()
      const { record: before } = await (
        await request.adapters.openCutoverFile(request.folder)
      ).read()
      const record = await goOnWithFile(
        request,
        toAlone(command, { bound, stopped, now: invocation.context.now }),
      )
      return printStep(invocation, toLossStep(record, { from: before.phase, stopped }))
    }
    const toTools = (coordinated: Coordinated) => toStepTools(command, coordinated, bound)
    await printStep(invocation, await rollBackInTurns(await command.both(), { to, toTools }))
  })

/** @throws FfError `option_invalid` for --stopped without the option that it belongs to */
function refuseStopped(stopped: string | null, isLost: boolean, option: string): void {
  if (stopped === null || isLost) return
  throw new FfError('option_invalid', `--stopped goes with ${option} alone.`, {
    hint: `Add ${option}, or leave --stopped out.`,
  })
}

const toAlone = (
  { leaseMs, clock, signal }: CutoverCommand,
  {
    bound,
    stopped,
    now,
  }: { readonly bound: number; readonly stopped: string | null; readonly now: Context['now'] },
) => ({
  leaseMs,
  clock,
  signal,
  stopped,
  boundMs: bound * 1_000,
  describe: () => ({ actor: nameOperator(), occurred_at: instantFromMs(now().getTime()) }),
})

/** The next command is another one once the lost side is back: it asks both. */
const toLossStep = (
  { phase, epoch, attempt }: PhaseRecord,
  { from, stopped }: Pick<CutoverStep, 'from' | 'stopped'>,
): CutoverStep => ({
  from,
  phase,
  epoch,
  attempt,
  filled: null,
  paused_ms: null,
  one_writer: false,
  stopped,
  next: { standing: phase === 'complete' ? 'finished' : 'ready', command: 'ff cutover status' },
})

const printPlan = (
  invocation: Invocation<typeof CUTOVER_PLAN>,
  document: CutoverPlanDocument,
): Promise<void> =>
  printDocument(invocation, {
    json: { schemaVersion: 1, ...document },
    text: (width) => formatCutoverPlan(document, width),
  })
const printStep = (
  invocation: Invocation<typeof CUTOVER_PLAN>,
  document: CutoverStep,
): Promise<void> =>
  printDocument(invocation, {
    json: { schemaVersion: 1, ...document },
    text: () => formatCutoverStep(document),
  })

/** The verdict on the team folder, as of now. @param leaseMs that of this command */
export async function judgeStep(context: Context, leaseMs: number): Promise<StepGate> {
  const request = await buildGateRequest(context, {})
  const judged = await judgeFolder(request, context.adapters)
  return {
    report: toReport(judged, context.now),
    stagingDatabase: judged.files.plan?.staging_database ?? null,
    configuration: digestConfiguration(request.settings, leaseMs),
  }
}
