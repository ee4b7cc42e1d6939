import { join } from 'node:path'
import {
  formatDecisionFile,
  gateOffline,
  type GateSubject,
} from '../features/gate/decision-file.ts'
import { runGateCheck, judgeFolder, toReport } from '../features/gate/gate.ts'
import type { ObservationView } from '../core/observe/series.ts'
import type { GateReport, Report } from '../core/report/types.ts'
import { FfError } from '../errors.ts'
import type { GateRequest } from '../features/item-states/gate-inputs.ts'
import type { Context, Invocation } from './context.ts'
import type { GATE, GATE_DECISION } from './declarations/options.ts'
import { clearOutputs, writeOutput } from './output.ts'
import { runReportCommand } from './run-report.ts'
import { readRunningVersion } from './running-version.ts'
import { loadSettings } from './settings.ts'
import { readVersion } from './version.ts'

/**
 * `ff gate`: prints the verdict on this folder, or with `--offline` on a decision file as of now, and sets its exit.
 * `--decision` also writes the verdict with all its inputs to that file, over an earlier one. Measures nothing.
 * @throws FfError `option_invalid` for an input option with `--offline`, a subject that is missing there, and one
 * without it; `decision_altered` for an altered file, `decision_of_other_version`; `artefact_invalid`,
 * `checklist_loosened`, `waiver_invalid`, `waiver_altered`, `setting_invalid`, `evidence_unreadable`,
 * `evidence_old_form` for the inputs; and the errors of `runReportCommand`, such as `output_failed`
 */
export const runGate = (invocation: Invocation<typeof GATE_DECISION>): Promise<void> =>
  runReportCommand(
    invocation,
    async (signal) => {
      const { offline, decision } = invocation.options
      if (offline !== null) return judgeOffline(invocation, offline)
      refuseSubject(invocation.options)
      return decision === null ? judge(invocation) : writeDecision(invocation, decision, signal)
    },
    lookAtStaging(invocation.context),
  )

const lookAtStaging =
  ({ adapters, cwd }: Context) =>
  async (report: Report): Promise<ObservationView | null> => {
    if (report.kind !== 'gate') return null
    // HTML alone needs it.
    const { readGateObservation } = await import('../features/observe/gate-observation.ts')
    return readGateObservation(report, adapters, cwd)
  }

/**
 * `ff report`: prints the verdict of `ff gate` on this folder, as markdown by default, and sets its exit. Measures
 * nothing.
 * @throws FfError `artefact_invalid`, `checklist_loosened`, `waiver_invalid`, `waiver_altered`, `setting_invalid`,
 * `evidence_unreadable`, `evidence_old_form`, and the errors of `runReportCommand`, such as `output_failed`
 */
export const runReport = (invocation: Invocation<typeof GATE>): Promise<void> => {
  const { format } = invocation.options
  const options = { ...invocation.options, format: format ?? 'markdown' }
  const look = lookAtStaging(invocation.context)
  return runReportCommand({ ...invocation, options }, () => judge(invocation), look)
}

async function judge({ context, options }: Invocation<typeof GATE>): Promise<GateReport> {
  return runGateCheck(await buildGateRequest(context, options), context.adapters)
}

/** Writes the verdict and all its inputs to the file at `path`. */
async function writeDecision(
  { context, options }: Invocation<typeof GATE>,
  path: string,
  signal: AbortSignal,
): Promise<GateReport> {
  const { adapters, now, root } = context
  await clearOutputs([{ path }])
  const judged = await judgeFolder(await buildGateRequest(context, options), adapters)
  const report = toReport(judged, now)
  const text = formatDecisionFile(judged, { report, tool_version: readVersion(root) })
  await writeOutput(path, text, signal)
  return report
}

async function judgeOffline(
  { context: { root, cwd, env, adapters, now }, options }: Invocation<typeof GATE_DECISION>,
  path: string,
): Promise<GateReport> {
  refuseOtherInputs(options)
  const { FF_TRUST_SHA256, FF_CODE_VERSION, FF_EVIDENCE_HEAD } = (await loadSettings(env, cwd))
    .values
  const subject = requireSubject(options, FF_CODE_VERSION)
  const tool_version = readVersion(root)
  const build = await adapters.buildDigest(root)
  const pins = { trust_pin: FF_TRUST_SHA256, pinned_heads: FF_EVIDENCE_HEAD }
  return gateOffline({ root, path, subject, ...pins, tool_version, build, now }, adapters)
}

type DecisionOptions = Invocation<typeof GATE_DECISION>['options']

/** A decision file holds its own inputs, so these options would be ignored in silence. */
function refuseOtherInputs(options: DecisionOptions): void {
  const given = (['checklist', 'evidence', 'decision'] as const).find(
    (one) => options[one] !== null,
  )
  if (given === undefined) return
  throw new FfError('option_invalid', `--${given} does not go with --offline.`, {
    hint: 'Leave one of them out: --offline takes every input from its file.',
  })
}

const SUBJECT = ['environment', 'cutover', 'attempt', 'code'] as const

/**
 * The subject that a third party asks about: without it a GO about staging would pass for one about production.
 *
 * @throws FfError `option_invalid`
 */
function requireSubject(options: DecisionOptions, version: string | null): GateSubject {
  const { environment, cutover, attempt } = options
  const code = options.code ?? version
  if (environment !== null && cutover !== null && attempt !== null && code !== null)
    return { environment, cutover_id: cutover, attempt, code }
  const found = { environment, cutover, attempt, code }
  const missing = SUBJECT.filter((name) => found[name] === null).map((name) => `--${name}`)
  throw new FfError(
    'option_invalid',
    `--offline does not say what to decide about: ${missing.join(', ')} ${missing.length === 1 ? 'is' : 'are'} missing.`,
    {
      hint: 'Add --environment, --cutover, --attempt and --code with what is deployed: `FF_CODE_VERSION` stands for --code.',
    },
  )
}

/** A verdict on a folder is about the plan of that folder. @throws FfError `option_invalid` */
function refuseSubject(options: DecisionOptions): void {
  const given = SUBJECT.find((name) => options[name] !== null)
  if (given === undefined) return
  throw new FfError('option_invalid', `--${given} goes with --offline alone.`, {
    hint: 'Leave it out: a folder is judged about its `checklists/plan.json` and FF_CODE_VERSION.',
  })
}

/**
 * The request for a verdict on the folder `cwd`, with the settings that apply there. The code version is
 * FF_CODE_VERSION, else from git, null if unknown; the evidence folder is `.ff/evidence` unless given. Reads settings,
 * git, migrations and the package's own files, but no evidence.
 * @throws FfError `setting_invalid`; the system's error where a file of the package cannot be read
 */
export async function buildGateRequest(
  { root, cwd, env, adapters, now }: Pick<Context, 'root' | 'cwd' | 'env' | 'adapters' | 'now'>,
  { checklist = null, evidence = null }: Partial<Invocation<typeof GATE>['options']>,
): Promise<GateRequest> {
  const settings = await loadSettings(env, cwd)
  const { FF_TRUST_SHA256, FF_EVIDENCE_HEAD } = settings.values
  return {
    folder: { root, cwd, checklist },
    evidence: evidence ?? join(cwd, '.ff', 'evidence'),
    trust_pin: FF_TRUST_SHA256,
    pinned_heads: FF_EVIDENCE_HEAD,
    ...(await readRunningVersion({ root, cwd, adapters }, settings)),
    now,
  }
}
