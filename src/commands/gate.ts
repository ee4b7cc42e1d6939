import { join } from 'node:path'
import { formatDecisionFile, gateOffline } from '../features/gate/decision-file.ts'
import { runGateCheck, judgeFolder, toReport } from '../features/gate/gate.ts'
import { findNewestMigration } from '../features/migrate/load-persistence.ts'
import type { GateReport } from '../core/report/types.ts'
import { FfError } from '../errors.ts'
import type { GateRequest } from '../features/item-states/gate-inputs.ts'
import type { Context, Invocation } from './context.ts'
import type { GATE, GATE_DECISION } from './declarations/options.ts'
import { clearOutputs, writeOutput } from './output.ts'
import { runReportCommand } from './run-report.ts'
import { behaviouralSettings, loadSettings } from './settings.ts'
import { readVersion } from './version.ts'

/**
 * `ff gate`: prints the verdict on this folder, or with `--offline` on a decision file as of now, and sets its exit.
 * `--decision` also writes the verdict with all its inputs to that file.
 *
 * @throws FfError `option_invalid` for an input option with `--offline`, `decision_altered` for an altered file, and
 * the errors of the inputs
 */
export const runGate = (invocation: Invocation<typeof GATE_DECISION>): Promise<void> =>
  runReportCommand(invocation, async () => {
    const { offline, decision } = invocation.options
    if (offline !== null) return judgeOffline(invocation, offline)
    return decision === null ? judge(invocation) : writeDecision(invocation, decision)
  })

/** `ff report`: the verdict and exit of `ff gate`, as markdown by default. */
export const runReport = (invocation: Invocation<typeof GATE>): Promise<void> => {
  const { format } = invocation.options
  const options = { ...invocation.options, format: format ?? 'markdown' }
  return runReportCommand({ ...invocation, options }, () => judge(invocation))
}

async function judge({ context, options }: Invocation<typeof GATE>): Promise<GateReport> {
  return runGateCheck(await buildGateRequest(context, options), context.adapters)
}

/** Writes the verdict and all its inputs to the file at `path`. */
async function writeDecision(
  { context, options }: Invocation<typeof GATE>,
  path: string,
): Promise<GateReport> {
  const { adapters, now, root } = context
  await clearOutputs([{ path }])
  const judged = await judgeFolder(await buildGateRequest(context, options), adapters)
  const report = toReport(judged, now)
  await writeOutput(path, formatDecisionFile(judged, { report, tool_version: readVersion(root) }))
  return report
}

async function judgeOffline(
  { context: { root, cwd, env, adapters, now }, options }: Invocation<typeof GATE_DECISION>,
  path: string,
): Promise<GateReport> {
  refuseOtherInputs(options)
  const { FF_TRUST_SHA256, FF_EVIDENCE_HEAD } = (await loadSettings(env, cwd)).values
  const pins = { trust_pin: FF_TRUST_SHA256, pinned_heads: FF_EVIDENCE_HEAD }
  return gateOffline({ root, path, ...pins, now }, adapters)
}

/** A decision file holds its own inputs, so these options would be ignored in silence. */
function refuseOtherInputs(options: Invocation<typeof GATE_DECISION>['options']): void {
  const given = (['checklist', 'evidence', 'decision'] as const).find(
    (one) => options[one] !== null,
  )
  if (given === undefined) return
  throw new FfError('option_invalid', `--${given} does not go with --offline.`, {
    hint: 'Leave one of them out: --offline takes every input from its file.',
  })
}

/**
 * The request for a verdict on the folder `cwd`, with the settings that apply there. The code version is
 * FF_CODE_VERSION, else from git, null if unknown; the evidence folder is `.ff/evidence` unless given. Reads settings,
 * git and migrations, but no evidence.
 *
 * @throws FfError `setting_invalid`
 */
export async function buildGateRequest(
  { root, cwd, env, adapters, now }: Pick<Context, 'root' | 'cwd' | 'env' | 'adapters' | 'now'>,
  { checklist = null, evidence = null }: Partial<Invocation<typeof GATE>['options']>,
): Promise<GateRequest> {
  const settings = await loadSettings(env, cwd)
  const { FF_CODE_VERSION, FF_TRUST_SHA256, FF_EVIDENCE_HEAD } = settings.values
  const [code, schema_head] = await Promise.all([
    FF_CODE_VERSION ?? adapters.codeVersion(root),
    findNewestMigration(root),
  ])
  return {
    folder: { root, cwd, checklist },
    evidence: evidence ?? join(cwd, '.ff', 'evidence'),
    trust_pin: FF_TRUST_SHA256,
    pinned_heads: FF_EVIDENCE_HEAD,
    code,
    schema_head,
    settings: behaviouralSettings(settings),
    now,
  }
}
