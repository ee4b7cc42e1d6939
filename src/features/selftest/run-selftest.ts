import { throwIfEnded } from '../../concurrency/ended.ts'
import type { CheckItem, CheckReport, ParityReport } from '../../core/report/types.ts'
import { FfError } from '../../errors.ts'
import { type CheckResult, buildCheckReport, passResult } from '../../core/report/check-report.ts'
import { checkJudging, type JudgingRules } from '../parity/harness-checks.ts'
import type { ScratchSides } from '../parity/run-parity.ts'
import { PRODUCTION, type ParityDependencies } from '../parity/dependencies.ts'
import type { SelftestContext, PlantedFault, ProofName, StoredLine } from './fault.ts'
import { SOUND_CACHE } from './cache-parts.ts'
import { UNCHANGED_SERVICES } from './served-sides.ts'
import { findInRows } from './stored-rows.ts'

/** Runs one proof in a context that may hold a planted fault. */
export type RunProof = (context: SelftestContext) => Promise<ParityReport>
/** Compares what an instance reads through its cache; null where nothing differs. */
export type FindInCache = (context: SelftestContext) => Promise<SeenBy | null>
/** The proofs to run for each fault, and the frame of the run. */
export interface SelftestOptions {
  readonly vectors: RunProof
  readonly cells: RunProof
  readonly served: RunProof
  readonly cached: FindInCache
  /** Or why it cannot run here. */
  readonly redis: FindInCache | FfError
  readonly judging: JudgingRules
  /** The rows that both sides of a diff hold without a fault. */
  readonly lines: readonly StoredLine[]
  readonly signal: AbortSignal
  readonly now: () => Date
  /** Receives the number of finished faults. */
  readonly progress: (done: number, of: number) => void
}

/** The proof and the finding that caught a fault. */
type SeenBy = NonNullable<CheckItem['seen_by']>

/**
 * Plants each fault of the catalogue, one after the other, and runs the proof that has to catch it. Runs each proof
 * that the catalogue names first and last without a fault: a false alarm there would discredit every catch. Returns one
 * item for each fault, failed with `fault_not_caught` if its proof found nothing, and two controls for each such proof,
 * inconclusive at a false alarm; the timing has the milliseconds of each fault. What a proof that cannot run here has to
 * catch is inconclusive too (`not_run`). A store that refuses a row or finds itself damaged counts as a catch.
 *
 * @throws FfError `backing_unavailable` if a side gave no answer, the code of the ending if the run is aborted; also
 *   other errors of a proof
 */
export async function runSelftest(
  catalogue: readonly PlantedFault[],
  sides: ScratchSides,
  options: SelftestOptions,
): Promise<CheckReport> {
  const { signal, now, progress } = options
  const started = now()
  const lines = { baseline: options.lines, candidate: options.lines }
  const sound: SelftestContext = {
    sides,
    dependencies: PRODUCTION,
    lines,
    served: UNCHANGED_SERVICES,
    cache: SOUND_CACHE,
  }
  const proofs = PROOFS.filter((name) => catalogue.some(({ proof }) => proof === name))
  const items: CheckResult[] = await controls('before', proofs, { sound, options })
  const ms: Record<string, number> = {}
  for (const fault of catalogue) {
    if (signal.aborted) break
    const from = now().getTime()
    items.push(await tryFault(fault, sound, options))
    ms[fault.id] = now().getTime() - from
    progress(Object.keys(ms).length, catalogue.length)
  }
  // A side that broke during the run would seem to catch every later fault.
  if (!signal.aborted) items.push(...(await controls('after', proofs, { sound, options })))
  throwIfEnded(
    signal,
    (ending) =>
      new FfError(ending, 'The selftest was stopped before it was complete.', {
        hint: 'Run ff parity selftest again: a part of the catalogue proves nothing.',
      }),
  )
  const timing = {
    started_at: started.toISOString(),
    duration_ms: now().getTime() - started.getTime(),
    ms,
  }
  return buildCheckReport('parity_selftest', items, { timing })
}

const PROOFS: readonly ProofName[] = [
  'comparer',
  'vectors',
  'cells',
  'rows',
  'served',
  'cached',
  'redis',
]

async function controls(
  when: 'before' | 'after',
  proofs: readonly ProofName[],
  { sound, options }: { readonly sound: SelftestContext; readonly options: SelftestOptions },
): Promise<CheckResult[]> {
  const items: CheckResult[] = []
  for (const proof of proofs) {
    if (options.signal.aborted) break
    const seen = await prove(proof, sound, options)
    const id = `control.${proof}.${when}`
    if (seen instanceof FfError) {
      items.push(buildNotRun(id, 'not run', seen))
      continue
    }
    items.push(
      seen === null
        ? passResult(id, 'no alarm without a fault')
        : {
            ...passResult(id, 'a false alarm without a fault'),
            state: 'inconclusive',
            findings: [{ code: 'false_alarm', pointer: seen.pointer, detail: seen.subject }],
            next: AFTER_ALARM[proof],
            seen_by: seen,
          },
    )
  }
  return items
}

const runAgain = (subcommand: string): string =>
  `Run ff parity ${subcommand} and correct the cause of what it reports.`
const DISTRUST_CACHE =
  'Unset FF_REDIS_URL, so that no decision comes from the cache, and report a bug.'
/** What to do where a proof raises a false alarm. */
const AFTER_ALARM: Readonly<Record<ProofName, string>> = {
  comparer: runAgain('run'),
  vectors: runAgain('run'),
  cells: runAgain('exhaustive'),
  rows: runAgain('diff'),
  served: runAgain('run'),
  cached: DISTRUST_CACHE,
  redis: DISTRUST_CACHE,
}

/** A proof that cannot run here says nothing about a fault. */
const buildNotRun = (id: string, title: string, { message, hint }: FfError): CheckResult => ({
  ...passResult(id, title),
  state: 'inconclusive',
  findings: [{ code: 'not_run', pointer: null, detail: message }],
  next: hint,
})

async function tryFault(
  fault: PlantedFault,
  sound: SelftestContext,
  options: SelftestOptions,
): Promise<CheckResult> {
  const { id, models, proof, plant } = fault
  const seen = await prove(proof, plant(sound), options)
  if (seen instanceof FfError) return buildNotRun(id, models, seen)
  if (seen !== null) return { ...passResult(id, models), seen_by: seen }
  return {
    ...passResult(id, models),
    state: 'fail',
    findings: [{ code: 'fault_not_caught', pointer: null, detail: `by ${proof}` }],
    next: 'Correct the fault if it has no effect, or else the proof that misses it.',
    seen_by: null,
  }
}

/**
 * @returns the first finding; null if the proof found nothing, and why if it cannot run here
 * @throws FfError `backing_unavailable` if a side gave no answer: an outage does not count as a catch
 */
async function prove(
  proof: ProofName,
  context: SelftestContext,
  options: SelftestOptions,
): Promise<SeenBy | FfError | null> {
  if (proof === 'comparer') return findInPairs(options.judging, context.dependencies)
  if (proof === 'rows') return findInRows(context)
  if (proof === 'cached') return options.cached(context)
  if (proof === 'redis')
    return options.redis instanceof FfError ? options.redis : options.redis(context)
  const report = await getReportOrRefusal(() => options[proof](context))
  if (typeof report === 'string') return { proof, subject: report, pointer: null }
  if (report.verdict === 'pass' || report.verdict === 'cancelled') return null
  const lost = report.findings.find(
    ({ code, left }) => code === 'unanswered' && !REFUSALS.includes(left ?? ''),
  )
  if (lost !== undefined)
    throw new FfError(
      'backing_unavailable',
      `A side gave no answer to ${lost.subject}: ${lost.left ?? ''}.`,
      {
        hint: 'Check that the server runs, and run ff parity selftest again.',
      },
    )
  return toSeenBy(proof, report)
}

function toSeenBy(proof: ProofName, { findings, controls, verdict }: ParityReport): SeenBy {
  const [finding] = findings
  const subject = finding?.subject ?? controls.find(({ held }) => !held)?.id ?? verdict
  return { proof, subject, pointer: finding?.pointer ?? null }
}

/** Errors that catch a fault: the store refuses a row, or finds it damaged, before an evaluation reads it. */
const REFUSALS: readonly string[] = ['row_refused', 'store_corrupt']
async function getReportOrRefusal(
  work: () => Promise<ParityReport>,
): Promise<ParityReport | string> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof FfError && REFUSALS.includes(error.code)) return error.code
    throw error
  }
}

function findInPairs(judging: JudgingRules, { compare }: ParityDependencies): SeenBy | null {
  const [pair] = checkJudging(judging, compare).flatMap(({ faults }) => faults)
  return pair === undefined ? null : { proof: 'comparer', subject: pair, pointer: null }
}
