import { toEndedError } from './run-report.ts'
import { getEnding } from '../concurrency/ended.ts'
import type { DrillStep } from '../core/report/cutover-documents.ts'
import { nameEnvironment } from '../core/auth/environment.ts'
import { FfError } from '../errors.ts'
import { parseTargetOrThrow } from '../features/parity/resolve-target.ts'
import { runCutoverDrill } from '../features/probes/testbed/cutover-drill.ts'
import { loadGateFiles } from '../features/team-folder/load-gate-files.ts'
import { formatCutoverDrill, formatDrillStep } from '../reports/cutover-text.ts'
import { formatDrillPage } from '../reports/drill-html.ts'
import type { Context, Invocation } from './context.ts'
import type { CUTOVER_DRILL } from './declarations/cutover-options.ts'
import { printDocument } from './document.ts'
import { clearOutputs, writeOutput } from './output.ts'
import { requireScratch } from './probe.ts'
import { loadSettings } from './settings.ts'
import { runStagingDrill } from './staging-drill.ts'

/**
 * `ff cutover drill`: on a scratch copy, or with `--staging` as `runStagingDrill`.
 * @throws FfError `option_invalid` for an option of the other one; as the one that it runs
 */
export async function runCutoverDrillCommand(
  invocation: Invocation<typeof CUTOVER_DRILL>,
): Promise<void> {
  const { staging, ...options } = invocation.options
  const foreign = (staging ? (['scratch', 'out'] as const) : (['database'] as const)).find(
    (name) => options[name] !== null,
  )
  if (foreign !== undefined)
    throw new FfError(
      'option_invalid',
      `--${foreign} ${staging ? 'does not go with --staging' : 'goes with --staging alone'}.`,
      { hint: `Leave --${foreign} out, or ${staging ? 'leave --staging out' : 'add --staging'}.` },
    )
  return staging ? runStagingDrill(invocation) : runScratchDrill(invocation)
}

/**
 * `ff cutover drill`: makes a scratch copy, sends load to it, goes forward through every phase and back from every phase,
 * prints what was measured, and ends `ok`, `no_go` where a write was lost, decisions differ or a limit of I1 is broken, or
 * `inconclusive` where too little was measured. Writes no evidence; removes the copy. Progress is on stderr.
 * @throws FfError `target_invalid` for a store that is no file, and for a `--scratch` that is no PostgreSQL on this
 * machine; `production_refused`; `step_backed_out` and the like of a step; `proof_inconclusive`, `store_corrupt`, `output_failed`,
 * `checklist_loosened`, `artefact_invalid`; `interrupted`, `terminated`
 */
async function runScratchDrill(invocation: Invocation<typeof CUTOVER_DRILL>): Promise<void> {
  const { context, options } = invocation
  const controller = new AbortController()
  const { signal } = controller
  const stop = context.onSignal((name) => controller.abort(name))
  const { out } = options
  try {
    if (out !== null) await clearOutputs([{ path: out }])
    const document = await runCutoverDrill(await toRequest(invocation, signal))
    if (out !== null) await writeOutput(out, formatDrillPage(document), signal)
    await printDocument(invocation, {
      json: { schemaVersion: 1, ...document },
      text: (width) => formatCutoverDrill(document, width),
    })
    context.exit = EXITS[document.verdict]
  } catch (error) {
    throw getEnding(signal) === null ? error : toEndedError(signal, error)
  } finally {
    stop()
  }
}
/** Of load in each phase, where the option does not say. */
const SCRATCH_S = 2
const EXITS = { pass: 'ok', fail: 'no_go', inconclusive: 'inconclusive' } as const

async function toRequest(
  { context, options }: Invocation<typeof CUTOVER_DRILL>,
  signal: AbortSignal,
): Promise<Parameters<typeof runCutoverDrill>[0]> {
  const { root, cwd, env, adapters, now, io } = context
  const { values } = await loadSettings(env, cwd)
  // A scratch server that is the one of production by the plan is refused.
  const { checklist, plan } = await loadGateFiles({ root, cwd, checklist: null })
  const item = checklist.value.items.find(({ id }) => id === 'I1')
  if (item === undefined)
    throw new FfError('option_invalid', 'The checklist has no item I1.', {
      hint: "Run `ff checklist diff`, and take the package's item.",
    })
  const scratch = requireScratch(parseTargetOrThrow(options.scratch ?? 'embedded', env))
  return {
    item,
    seconds: options.seconds ?? SCRATCH_S,
    store: findStore(context, options.store),
    onStep: (step: DrillStep) => io.stderr(`${formatDrillStep(step)}\n`),
    context: {
      root,
      cwd,
      adapters,
      targets: { scratch, database: null, store: null },
      plan,
      environment: nameEnvironment(values),
      params: {},
      now,
      signal,
      progress: () => undefined,
    },
  }
}

function findStore({ env }: Context, named: string | null) {
  if (named === null) return null
  const spec = parseTargetOrThrow(named, env)
  if (spec.kind === 'file' && spec.folder !== null) return spec
  throw new FfError('target_invalid', `--store names a target of kind ${spec.kind}.`, {
    hint: 'Write --store file:DIR.',
  })
}
