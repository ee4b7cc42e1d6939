import { setTimeout as sleep } from 'node:timers/promises'
import { CUTOVER_PHASES, type CutoverPhase, PHASE_RULES } from '../../../core/cutover/phases.ts'
import { judgeMeasurement, type Measurement } from '../../../core/gate/judge-measurement.ts'
import type { ChecklistItem } from '../../../core/gate/types.ts'
import { roundToHundredths } from '../../../core/load-stats/load.ts'
import type { TargetSpec } from '../../../core/parity/target.ts'
import type {
  CutoverDrill,
  CutoverStep,
  DrillStep,
} from '../../../core/report/cutover-documents.ts'
import { FfError } from '../../../errors.ts'
import type { ProbeContext } from '../framework/probe.ts'
import { ServiceInstance } from './cached-services.ts'
import { withCopiedStore } from './copied-store.ts'
import { readAuditRecords } from './crash-targets.ts'
import {
  type DecisionSample,
  listDiffering,
  listSampledFlags,
  loadSampleRules,
  sampleDecisions,
  type SampleQuestion,
} from './decision-sample.ts'
import { DrillLoad } from './drill-load.ts'
import { GENERATED_FLAG } from './generated-store.ts'
import { LOADED, type ManagedCutover, withManagedCutover } from './managed-cutover.ts'

export interface DrillRequest {
  readonly context: ProbeContext
  /** The item whose limits decide. */
  readonly item: ChecklistItem
  /** Of load in each phase. */
  readonly seconds: number
  /** A store whose rows are copied; null for one with a single flag. */
  readonly store: TargetSpec | null
  readonly onStep: (step: DrillStep) => void
}

const CALLERS = 8
/** Of each client between two requests. */
const PAUSE_MS = 5
const SAMPLED_TENANTS = 10

/**
 * A drill on a scratch copy with load on it: forward through every phase, and back from every phase, one step after the
 * other. What each step took, what the load was answered meanwhile, which acknowledged writes are not there, and whether a
 * sample of decisions is the same in every phase.
 *
 * @throws FfError of a step that is taken back, `proof_inconclusive`, and those of making and filling the copy
 */
export const runCutoverDrill = (request: DrillRequest): Promise<CutoverDrill> => {
  const { context, store } = request
  const copied = store === null ? {} : { withStore: withCopiedStore(store) }
  return withManagedCutover(context, (cutover) => new Drill(request, cutover).run(), {
    times: LOADED,
    ...copied,
  })
}

class Drill {
  private readonly request: DrillRequest
  private readonly cutover: ManagedCutover
  private readonly samples: DecisionSample[] = []
  private readonly steps: DrillStep[] = []

  constructor(request: DrillRequest, cutover: ManagedCutover) {
    this.request = request
    this.cutover = cutover
  }

  async run(): Promise<CutoverDrill> {
    const { cutover, request } = this
    if (request.store !== null) await cutover.putFlag()
    const callers = cutover.makeCallers(Array.from({ length: CALLERS }, (_, at) => `T-drill-${at}`))
    const questions = await this.makeQuestions()
    const instances = cutover.services.map(
      ({ client }, at) => new ServiceInstance(at, { client, admin: client }),
    )
    const load = new DrillLoad(instances, { callers, pauseMs: PAUSE_MS })
    try {
      await this.look('file', questions)
      for (const to of CUTOVER_PHASES.slice(1))
        await this.step({ load, questions }, to, () => cutover.advance())
      // One command for each: straight from `complete` the folder is closed to the services until the last step.
      for (const to of CUTOVER_PHASES.slice(0, -1).toReversed())
        await this.step({ load, questions }, to, () => cutover.rollBackTo(to))
    } finally {
      await load.stop()
    }
    this.addRest(load)
    return this.conclude(load)
  }

  /** What was answered after the last step counts to it, such as writes that waited for their time limit. */
  private addRest(load: DrillLoad): void {
    const { requests, failed, stale, acknowledged } = load.counter.take()
    const last = this.steps.pop() as DrillStep
    this.steps.push({
      ...last,
      requests: last.requests + requests,
      failed: last.failed + failed,
      stale: last.stale + stale,
      acknowledged: last.acknowledged + acknowledged,
    })
  }

  /** Tenants whose rows the load leaves alone: each asks for the generated flag, the first for flags of the copy too. */
  private async makeQuestions(): Promise<readonly SampleQuestion[]> {
    const tenants = Array.from({ length: SAMPLED_TENANTS }, (_, at) => `T-sampled-${at}`)
    for (const [at, tenant] of tenants.entries()) {
      const change = { tenant, value: at + 1, request_id: `sampled-${tenant}` }
      const { revision } = await this.cutover.change(change, at)
      if (revision === null) throw makeUnchangedError(tenant)
    }
    const callers = this.cutover.makeCallers(tenants)
    const { context, store } = this.request
    const keys = store === null ? [] : await listSampledFlags(context, store)
    return [
      ...callers.map(({ headers }) => ({ flag_key: GENERATED_FLAG, headers })),
      ...keys.map((flag_key) => ({ flag_key, headers: callers[0]?.headers ?? {} })),
    ]
  }

  private async step(
    {
      load,
      questions,
    }: { readonly load: DrillLoad; readonly questions: readonly SampleQuestion[] },
    to: CutoverPhase,
    take: () => Promise<CutoverStep>,
  ): Promise<void> {
    const { context, seconds, onStep } = this.request
    context.signal.throwIfAborted()
    const start = performance.now()
    const { from, paused_ms } = await take()
    const tookMs = performance.now() - start
    await this.look(to, questions)
    await sleep(seconds * 1_000, undefined, { signal: context.signal })
    const lost = await load.countLost()
    const step: DrillStep = {
      from,
      to,
      at_ms: Math.round(start - load.counter.startedAt),
      seconds: roundToHundredths(tookMs / 1_000),
      paused_ms: paused_ms === null ? null : Math.round(paused_ms),
      ...load.counter.take(),
      lost,
    }
    this.steps.push(step)
    onStep(step)
  }

  private async look(phase: CutoverPhase, questions: readonly SampleQuestion[]): Promise<void> {
    const kind = PHASE_RULES[phase].authority === 'database' ? 'db' : 'file'
    const clients = this.cutover.services.map(({ client }) => client)
    this.samples.push(await sampleDecisions(clients, questions, kind))
  }

  /** Judges what was measured, by the limits of the item; the services are still there. */
  private async conclude(load: DrillLoad): Promise<CutoverDrill> {
    const { context, item, seconds, store } = this.request
    const { steps, samples, cutover } = this
    const rules = await loadSampleRules(context.root)
    const [first, ...later] = samples as [DecisionSample, ...DecisionSample[]]
    const differing = later.flatMap((one) => listDiffering(first, one, rules))
    const { missing, tooMany } = load.compare(
      await readAuditRecords(context, { store: cutover.store, selectWritten: (all) => all }),
    )
    const count = sumSteps(steps)
    const writes = { missing: missing.length, repeated: tooMany.length }
    const judged = judgeDrill(item, { steps, count, writes, differing })
    return {
      ...judged,
      seconds,
      server: `PostgreSQL ${cutover.database.server}`,
      store: store?.kind === 'file' ? store.folder : null,
      steps,
      total: { ...count, failed_share: toShare(count) },
      writes,
      decisions: { compared: later.length * first.answers.length, differing: differing.length },
      slices: load.counter.listSlices(),
      examples: [...differing.slice(0, MOST_EXAMPLES), ...load.examples],
    }
  }
}
const MOST_EXAMPLES = 5

const toShare = ({ failed, requests }: DrillSum): number => (requests === 0 ? 1 : failed / requests)

export type DrillSum = Omit<CutoverDrill['total'], 'failed_share'>
function sumSteps(steps: readonly DrillStep[]): DrillSum {
  const sum = (name: keyof DrillSum): number => steps.reduce((all, step) => all + step[name], 0)
  return {
    requests: sum('requests'),
    failed: sum('failed'),
    stale: sum('stale'),
    acknowledged: sum('acknowledged'),
  }
}

interface Drilled extends Pick<CutoverDrill, 'steps' | 'writes'> {
  readonly count: DrillSum
  readonly differing: readonly string[]
}
/** The verdict by the limits of I1 that a drill measures, and no acknowledged write lost or made twice. */
export function judgeDrill(
  { limits, min_sample }: ChecklistItem,
  { steps, count, writes, differing }: Drilled,
): Pick<CutoverDrill, 'verdict' | 'because'> {
  const lost = steps.reduce((all, step) => all + step.lost, 0) + writes.missing + writes.repeated
  const back = steps.find(({ from, to }) => from === 'db_authoritative' && to === 'shadow_read')
  const measured: Measurement['measured'] = {
    ...(back === undefined ? {} : { back_s: back.seconds }),
    failed_share: toShare(count),
    decisions_differing: differing.length,
  }
  const own = limits.filter(({ measure }) => measure !== 'forward_again')
  const found = { measured, met: {}, sample_size: count.requests, example: null }
  const judged = judgeMeasurement({ limits: own, min_sample }, found)
  const because = [
    ...(lost === 0 ? [] : [`${lost} acknowledged writes are lost or were made twice`]),
    ...(judged.detail === '' ? [] : [`${judged.codes.join(', ')}: ${judged.detail}`]),
  ]
  if (lost > 0 || judged.result === 'fail') return { verdict: 'fail', because }
  return { verdict: judged.result === 'pass' ? 'pass' : 'inconclusive', because }
}

const makeUnchangedError = (tenant: string): FfError =>
  new FfError('proof_inconclusive', `A change of ${tenant} was not acknowledged.`, {
    hint: 'Run the drill again on a machine that does less at the same time.',
  })
