import { throwIfEnded } from '../../concurrency/ended.ts'
import { closeAfter } from '../../concurrency/open-all.ts'
import { settingsFromContract } from '../../core/auth/contract.ts'
import type { Exemption } from '../../core/parity/field-rules.ts'
import type { HarnessCheck } from '../../core/parity/pass-rule.ts'
import type { Scene } from '../../core/parity/scene.ts'
import type { CheckReport } from '../../core/report/types.ts'
import { FfError } from '../../errors.ts'
import { type CheckResult, buildCheckReport, passResult } from '../../core/report/check-report.ts'
import { openCallers } from './fuzz-callers.ts'
import { toSceneFile, toVectorFile } from './fuzz-case.ts'
import { type FuzzContext, type FuzzMiss, ScenePlayer } from './fuzz-player.ts'
import { requireParityInputs, type ProofRequest, withSides } from './parity.ts'
import type { ParityInputs } from './parity-inputs.ts'
import { checkPlantedScenes } from './fuzz-controls.ts'
import { requireUnlikeSides } from './sides.ts'
import { checkJudging } from './harness-checks.ts'
import { PRODUCTION } from './dependencies.ts'

/**
 * Input of `ff parity fuzz`; the run ends after `runs` scenes or `timeMs`, but not before each proof has compared
 * something.
 */
export interface FuzzRequest extends ProofRequest {
  readonly runs: number
  readonly seed: number
  readonly timeMs: number | null
  /** Receives the number of finished scenes. */
  readonly progress: (done: number, of: number) => void
}
/** Scenes played beyond `runs` at most; one scene in five holds no write. */
const MORE_SCENES = 50

/**
 * `ff parity fuzz`: opens two stores with scratch state of their own, plays random scenes on both and shrinks the
 * first divergence to the smallest failing scene, the report's `counterexample`. Inconclusive if an item compared
 * nothing or a control failed. Closes all it opened.
 *
 * @throws FfError `artefact_invalid` for a bad artefact of the package, `target_invalid` for a service,
 *   `sides_alike` for sides of one kind, `backing_unavailable` if a side gives no answer, the code of the ending if
 *   the run is aborted; also errors of an opening and of a store
 */
export async function parityFuzz(request: FuzzRequest): Promise<CheckReport> {
  const { adapters, root } = request
  const inputs = await requireParityInputs(root, [])
  const settings = settingsFromContract(inputs.auth.value, inputs.fixtures.value)
  const { fixtures } = inputs.fixtures.value
  return closeAfter(async (keep) => {
    const callers = await openCallers({ adapters, settings, fixtures }, keep)
    return withSides(request, inputs, (sides) => {
      requireUnlikeSides(sides, request)
      return runFuzz(request, inputs, { sides, dependencies: PRODUCTION, callers })
    })
  })
}

/**
 * The fuzz run on sides that are open. Returns items for decisions, writes and the metamorphic twins, the controls,
 * a planted fault for each of these proofs, and the exemptions. At a divergence, returns only the failed item, the
 * controls and the exemptions, and adds the smallest failing scene as `counterexample`. Inconclusive if an item
 * compared nothing or a control failed.
 *
 * @throws FfError the code of the ending if the run is aborted, `backing_unavailable` if a side gives no answer;
 *   also errors of a store
 */
export async function runFuzz(
  { adapters, runs, seed, timeMs, signal, now, progress }: FuzzRequest,
  inputs: Pick<ParityInputs, 'contract' | 'leaves'>,
  context: FuzzContext,
): Promise<CheckReport> {
  const judging = { rules: inputs.contract.value.decision, leaves: inputs.leaves }
  const player = new ScenePlayer(context, judging.rules)
  const started = now()
  let done = 0
  let miss: FuzzMiss | null = null
  const hasEnough = (): boolean => miss === null && done >= runs && player.hasComparedAll()
  const { played, smallest } = await adapters.searchScenes(
    async (scene) => {
      const found = await player.play(scene)
      miss = found ?? miss
      done += 1
      progress(Math.min(done, runs), runs)
      return found !== null
    },
    { runs: runs + MORE_SCENES, seed, timeMs, stopped: () => signal.aborted || hasEnough() },
  )
  throwIfEnded(
    signal,
    (ending) =>
      new FfError(ending, 'The fuzz run was stopped before it was complete.', {
        hint: `Run it again with --seed ${seed} to begin with the same scenes.`,
      }),
  )
  const items = toItems(player, { played, seed })
  const controls = [
    ...listAlikeSides(context.sides),
    ...checkJudging(judging, context.dependencies.compare).map(buildCheckControl),
    buildAaControl(player),
    ...player.exemptions().map(buildExemptionItem),
  ]
  const timing = buildTiming(started, now(), player.compared + player.twins)
  if (smallest === null || miss === null)
    return buildCheckReport(
      'parity_fuzz',
      [
        ...Object.values(items).map(toCheckResult),
        ...controls,
        // A divergence shows as much, so a run that found one plants none.
        ...(await checkPlantedScenes(context, judging.rules)),
      ],
      {
        timing,
      },
    )
  return buildCheckReport('parity_fuzz', [buildFailedItem(miss, items, seed), ...controls], {
    counterexample: buildCounterexample(smallest, miss, context),
    timing,
  })
}

/** The items of the report, each with the number of its comparisons. */
type Items = Readonly<Record<'decisions' | 'writes' | 'metamorphic', CountedItem>>
interface CountedItem {
  readonly item: CheckResult
  readonly count: number
}
function toItems(
  { compared, writes, twins }: ScenePlayer,
  { played, seed }: { readonly played: number; readonly seed: number },
): Items {
  const countItem = (id: string, count: number, title: string): CountedItem => ({
    item: passResult(id, title),
    count,
  })
  return {
    decisions: countItem(
      'decisions',
      compared,
      `${played} scenes of seed ${seed}, ${compared} decisions compared`,
    ),
    writes: countItem('writes', writes, `${writes} writes, each compared and its row read back`),
    metamorphic: countItem(
      'metamorphic',
      twins,
      `${twins} decisions compared again among unrelated rows`,
    ),
  }
}
const toCheckResult = ({ item, count }: CountedItem): CheckResult =>
  count > 0
    ? item
    : { ...item, state: 'inconclusive', next: 'Run again with more --runs or --time.' }

/** What two sides of one kind are worth, which were asked for. */
const listAlikeSides = ({ baseline, candidate }: FuzzContext['sides']): readonly CheckResult[] =>
  baseline.facts.backing === candidate.facts.backing
    ? [passResult('sides', 'both are of one kind, so this proves nothing about a move')]
    : []

/** A rule that exempts a field, as an item, so that the report names it. */
const buildExemptionItem = ({ pointer, rule, differences }: Exemption): CheckResult =>
  passResult('rule', `${pointer} ${rule}, ${differences} differences`)

/** A judge that misses a known difference would miss it in any scene. */
function buildCheckControl({ id, faults, pairs }: HarnessCheck): CheckResult {
  const item = passResult(`control.${id}`, `${pairs} pairs with a known answer`)
  if (faults.length === 0) return item
  const findings = faults.map((detail) => ({ code: 'control_not_held', pointer: null, detail }))
  return { ...item, state: 'inconclusive', findings }
}

/** A/A control: each side agrees with itself. Inconclusive if no question was put twice. */
function buildAaControl({ twice, noise }: ScenePlayer): CheckResult {
  const item = passResult('control.a_a', `${twice} questions put to one side twice`)
  if (noise === 0 && twice > 0) return item
  const detail = `${noise} got two different answers`
  const findings = [{ code: 'control_not_held', pointer: null, detail }]
  return { ...item, state: 'inconclusive', findings }
}

function buildTiming(from: Date, to: Date, decisions: number): NonNullable<CheckReport['timing']> {
  const duration_ms = to.getTime() - from.getTime()
  const decisions_per_second = Math.round((decisions * 1000) / Math.max(duration_ms, 1))
  return { started_at: from.toISOString(), duration_ms, ms: {}, decisions_per_second }
}

const ITEM_BY_KIND: Readonly<Record<FuzzMiss['kind'], keyof Items>> = {
  divergence: 'decisions',
  write_differs: 'writes',
  row_differs: 'writes',
  metamorphic: 'metamorphic',
}

/** The failed item: the difference, and every write before it, which the fault may depend on. */
function buildFailedItem({ kind, at, written }: FuzzMiss, items: Items, seed: number): CheckResult {
  const { pointer, left, right } = at
  const writes = written.map((write) => ({
    code: 'written_before',
    pointer: null,
    detail: JSON.stringify(write),
  }))
  return {
    ...items[ITEM_BY_KIND[kind]].item,
    state: 'fail',
    findings: [
      { code: kind, pointer, detail: `${left ?? 'absent'} | ${right ?? 'absent'}` },
      ...writes,
    ],
    next: `Run ff parity fuzz --seed ${seed} to find it again; its smallest case follows.`,
  }
}

/** The counterexample: a vector if a decision differs, else a scene. */
function buildCounterexample(
  scene: Scene,
  { evaluated, state }: FuzzMiss,
  { callers }: FuzzContext,
): object {
  // A refused credential has no coverage, so a matrix cannot hold it.
  if (evaluated?.baseline.status !== 'decided') return toSceneFile(scene)
  return toVectorFile({ ...evaluated, state, given: scene.given }, callers)
}
