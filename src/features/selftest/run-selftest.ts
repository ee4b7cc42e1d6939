import { throwIfEnded } from '../../concurrency/ended.ts'
import type { CheckItem, CheckReport, ParityReport } from '../../core/report/types.ts'
import { FfError } from '../../errors.ts'
import { type CheckResult, buildCheckReport, passResult } from '../../core/report/check-report.ts'
import { findComparerFaults } from '../../core/parity/comparer-controls.ts'
import type { ScratchSides } from '../parity/run-parity.ts'
import { PRODUCTION, type ParityDependencies } from '../parity/dependencies.ts'
import type { SelftestContext, PlantedFault, ProofName, StoredLine } from './fault.ts'
import { UNCHANGED_SERVICES } from './served-sides.ts'
import { findInRows } from './stored-rows.ts'

/** The proofs of a parity run, made on a bench that may have a fault in it. */
export type RunProof = (context: SelftestContext) => Promise<ParityReport>
export interface SelftestOptions {
  readonly vectors: RunProof
  readonly cells: RunProof
  readonly served: RunProof
  /** The rows that both sides of a diff hold while there is no fault. */
  readonly lines: readonly StoredLine[]
  readonly signal: AbortSignal
  readonly now: () => Date
  /** Told what came of each fault as it comes. */
  readonly progress: (done: number, of: number) => void
}

/** By what a fault was seen; null where nothing saw it. */
type SeenBy = NonNullable<CheckItem['seen_by']>

/**
 * Plants each fault of the catalogue, one after the other, and makes the proof that has to catch it. The proofs
 * without any fault come first and last: an alarm there would make every other one worthless.
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
  }
  const items: CheckResult[] = await controls('before', sound, options)
  const ms: Record<string, number> = {}
  for (const fault of catalogue) {
    if (signal.aborted) break
    const from = now().getTime()
    items.push(await tried(fault, sound, options))
    ms[fault.id] = now().getTime() - from
    progress(Object.keys(ms).length, catalogue.length)
  }
  // A side that went wrong on the way would have seemed to catch all that came after.
  if (!signal.aborted) items.push(...(await controls('after', sound, options)))
  throwIfEnded(
    signal,
    (ending) =>
      new FfError(ending, 'The selftest was ended before it was done.', {
        hint: 'Run it again: a part of the catalogue proves nothing.',
      }),
  )
  const timing = {
    started_at: started.toISOString(),
    duration_ms: now().getTime() - started.getTime(),
    ms,
  }
  return buildCheckReport('parity_selftest', items, { timing })
}

async function controls(
  when: 'before' | 'after',
  sound: SelftestContext,
  options: SelftestOptions,
): Promise<CheckResult[]> {
  const proofs: readonly ProofName[] = ['comparer', 'vectors', 'cells', 'rows', 'served']
  const items: CheckResult[] = []
  for (const proof of proofs) {
    const seen = await prove(proof, sound, options)
    const id = `control.${proof}.${when}`
    items.push(
      seen === null
        ? passResult(id, 'no fault, and no alarm')
        : {
            ...passResult(id, 'no fault, and an alarm all the same'),
            state: 'inconclusive',
            findings: [{ code: 'false_alarm', pointer: seen.pointer, detail: seen.subject }],
            next: `Run ff parity ${COMMANDS[proof]} and mend what it shows.`,
            seen_by: seen,
          },
    )
  }
  return items
}

/** What makes each proof for a person. */
const COMMANDS: Readonly<Record<ProofName, string>> = {
  comparer: 'run',
  vectors: 'run',
  cells: 'exhaustive',
  rows: 'diff',
  served: 'run',
}

async function tried(
  fault: PlantedFault,
  sound: SelftestContext,
  options: SelftestOptions,
): Promise<CheckResult> {
  const { id, models, proof, plant } = fault
  const seen = await prove(proof, plant(sound), options)
  if (seen !== null) return { ...passResult(id, models), seen_by: seen }
  return {
    ...passResult(id, models),
    state: 'fail',
    findings: [{ code: 'fault_not_caught', pointer: null, detail: `by ${proof}` }],
    next: 'Either the fault does nothing, or the proof is blind to it.',
    seen_by: null,
  }
}

/** @returns the first thing that gave the fault away @throws FfError where a side was lost: that catches nothing */
async function prove(
  proof: ProofName,
  context: SelftestContext,
  options: SelftestOptions,
): Promise<SeenBy | null> {
  if (proof === 'comparer') return seenByPairs(context.dependencies)
  if (proof === 'rows') return findInRows(context)
  const report = await refusable(() => options[proof](context))
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
        hint: 'Check the server and run again: what a side does not answer catches no fault.',
      },
    )
  return seenIn(proof, report)
}

function seenIn(proof: ProofName, { findings, controls, verdict }: ParityReport): SeenBy {
  const [finding] = findings
  const subject = finding?.subject ?? controls.find(({ held }) => !held)?.id ?? verdict
  return { proof, subject, pointer: finding?.pointer ?? null }
}

/** A row that a store does not let in, or finds damaged, is caught before anybody asks for it. */
const REFUSALS: readonly string[] = ['row_refused', 'store_corrupt']
async function refusable(work: () => Promise<ParityReport>): Promise<ParityReport | string> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof FfError && REFUSALS.includes(error.code)) return error.code
    throw error
  }
}

function seenByPairs({ compare }: ParityDependencies): SeenBy | null {
  const [pair] = findComparerFaults(compare)
  return pair === undefined ? null : { proof: 'comparer', subject: pair, pointer: null }
}
