import type { RunningSummary } from '../../core/parity/running-summary.ts'
import type { JsonComparer } from '../../core/parity/compare.ts'
import { checkJudging, type JudgingRules } from './harness-checks.ts'
import type { ParityReport } from '../../core/report/types.ts'
import type { ReplaySides } from './replay-sides.ts'
import { deriveParityEnd } from './run-parity.ts'

interface EndedReplay {
  readonly sides: ReplaySides
  readonly judging: JudgingRules
  readonly compare: JsonComparer
  readonly started: Date
  readonly signal: AbortSignal
  readonly now: () => Date
}

/** Pairs of answers per request: each side answers it twice. */
const ASKED_EACH = 2

/**
 * The report of a replay that is over, complete or not: counts, differing requests, controls, verdict and exit; of
 * the verdict and the ending of an aborted run, the one that takes precedence sets the exit. Coverage is empty;
 * `pairs_per_second` counts both answers to each compared request.
 */
export function buildReplayReport(
  runningSummary: RunningSummary,
  expected: number,
  { sides, judging, compare, started, signal, now }: EndedReplay,
): ParityReport {
  const { verdict, ...found } = runningSummary.summary({
    expected,
    checks: checkJudging(judging, compare),
    rules: judging.rules,
  })
  const duration_ms = now().getTime() - started.getTime()
  return {
    schemaVersion: 1,
    kind: 'parity_replay',
    ...deriveParityEnd(verdict, signal),
    sides: { baseline: sides.baseline.facts, candidate: sides.candidate.facts },
    ...found,
    coverage: [],
    timing: {
      started_at: started.toISOString(),
      duration_ms,
      pairs_per_second: Math.round(
        (found.counts.compared * ASKED_EACH * 1000) / Math.max(duration_ms, 1),
      ),
    },
  }
}
