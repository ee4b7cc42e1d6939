import { getEnding } from '../../concurrency/ended.ts'
import { EXIT_BY_STATE } from '../../core/exit.ts'
import type { JsonComparer } from '../../core/parity/compare.ts'
import { countCoverage } from '../../core/parity/coverage.ts'
import { judgeVector, type VectorVerdict } from '../../core/parity/judge-vector.ts'
import type { HarnessCheck } from '../../core/parity/pass-rule.ts'
import {
  type JudgedCase,
  summarizeCases,
  type Summary,
  type SummaryTerms,
} from '../../core/parity/summarise.ts'
import type { Vector, VectorCoverage } from '../../core/parity/vector.ts'
import { deriveRunEnd, type RunEnding } from '../../core/report/run-end.ts'
import type { ItemState, ParityReport, RowTexts } from '../../core/report/types.ts'
import {
  type AnyRow,
  type RowOrBroken,
  type RowsOfFlag,
  serializeRow,
} from '../../core/rows/rows.ts'
import { FfError } from '../../errors.ts'
import type { OpenScratchStore } from '../../ports/store.ts'
import type { VectorCredential } from '../../artefacts/vectors.ts'
import type { EvaluatedAnswer } from '../evaluation/answer-question.ts'
import { checkJudging, type JudgingRules } from './harness-checks.ts'
import { checkPlantedFault, type PreparedCase } from './planted-fault.ts'
import type { ParitySide, ParitySides } from './sides.ts'
import type { AuthenticatorWithScript } from '../../ports/auth.ts'

/** Both sides as stores of their own scratch state. */
export interface ScratchSides {
  readonly baseline: OpenScratchStore
  readonly candidate: OpenScratchStore
}
/** Dependencies of a run. */
export interface RunDependencies {
  readonly authenticatorFor: (credential: VectorCredential) => AuthenticatorWithScript
  readonly compare: JsonComparer
  /** The abort reason is the exit name of the run. */
  readonly signal: AbortSignal
  readonly now: () => Date
}
type Runnable = Vector<VectorCredential>

export interface RunOptions extends JudgingRules {
  /** Id of the one vector to run; the others count as skipped. Null runs all. */
  readonly only: string | null
}

/**
 * Runs the vectors one after the other: loads the rows of each into both sides and evaluates it twice on each. A side
 * that fails to load or answer with an FfError makes the vector unanswered; the vectors after it, or after an abort,
 * count as never reached, and those outside `only` as skipped. Where nothing differs, ends with a planted fault. Returns
 * the report `parity_run`.
 *
 * @throws any other error than FfError of a side
 */
export async function runParity(
  vectors: readonly Runnable[],
  sides: ParitySides,
  options: RunOptions & { readonly around: RunDependencies },
): Promise<ParityReport> {
  const { around, only, rules, leaves } = options
  const started = around.now()
  const done: JudgedCase[] = []
  let lost = false
  for (const vector of vectors) {
    if (only !== null && vector.id !== only) done.push(toSkippedCase(toSubject(vector), 'skipped'))
    else if (lost || around.signal.aborted)
      done.push(toSkippedCase(toSubject(vector), 'never_reached'))
    else {
      const one = await runVector(vector, sides, { rules, around })
      lost = one.state === 'unanswered'
      done.push(one)
    }
  }
  const answered = vectors.filter((_, at) => isAnswered(done[at]))
  const covers = answered.map((vector) => vector.covers)
  const askedMs = around.now().getTime() - started.getTime()
  const planted = await checkPlanted(done, around, () =>
    checkPlantedFault(
      vectors.map((vector) => toPreparedCase(vector, around)),
      sides,
      { rules, compare: around.compare },
    ),
  )
  return buildReport(
    {
      kind: 'parity_run',
      cases: done,
      expected: vectors.length,
      covers,
      askedMs,
      judging: { rules, leaves },
      planted,
    },
    sides,
    { around, started },
  )
}

/**
 * Runs `check` for a planted fault and returns its result as a list of one. Does not run it and returns an empty
 * list where a case failed, which shows that the proof can see, and where the run is aborted.
 *
 * @throws the errors of `check`
 */
export const checkPlanted = async (
  cases: readonly JudgedCase[],
  { signal }: Pick<RunDependencies, 'signal'>,
  check: () => Promise<HarnessCheck>,
): Promise<readonly HarnessCheck[]> =>
  signal.aborted || cases.some(({ state }) => state === 'fail') ? [] : [await check()]

function toPreparedCase(vector: Runnable, around: RunDependencies): PreparedCase {
  const { id, given, credential, request, expected } = vector
  const question = { credential, request, now: given.now, environment: given.environment }
  return {
    id,
    state: given.state,
    prepared: { question, given, ...around.authenticatorFor(credential) },
    expected,
  }
}

const isAnswered = (one: JudgedCase | undefined): boolean =>
  one?.state === 'pass' || one?.state === 'fail'

interface ReportInputs {
  readonly kind: ParityReport['kind']
  readonly cases: readonly JudgedCase[]
  readonly expected: number
  readonly covers: readonly VectorCoverage[]
  /** Duration of the evaluations. */
  readonly askedMs: number
  readonly judging: JudgingRules
  /** The result of a planted fault; empty where none was planted. */
  readonly planted: readonly HarnessCheck[]
  readonly situations?: SummaryTerms['situations']
}

/**
 * Builds the report of a run over vectors or cells: counts, coverage of the answered cases, controls, findings,
 * verdict and exit; of the verdict and the ending of an aborted run, the one that takes precedence sets the exit.
 * Checks comparer and judge on pairs with a known answer. `pairs_per_second` counts two pairs of answers for each
 * case and situation.
 */
export function buildReport(
  { kind, cases, expected, covers, askedMs, judging, planted, situations }: ReportInputs,
  { baseline, candidate }: ParitySides,
  {
    around,
    started,
  }: {
    readonly around: Pick<RunDependencies, 'signal' | 'now' | 'compare'>
    readonly started: Date
  },
): ParityReport {
  const { rules } = judging
  const checks = [...checkJudging(judging, around.compare), ...planted]
  const { verdict, ...summary } = summarizeCases(cases, {
    expected,
    checks,
    rules,
    ...(situations && { situations }),
  })
  const asked = summary.counts.cases + (summary.counts.situations?.compared ?? 0)
  return {
    schemaVersion: 1,
    kind,
    ...deriveParityEnd(verdict, around.signal),
    sides: { baseline: baseline.facts, candidate: candidate.facts },
    ...summary,
    coverage: countCoverage(covers),
    timing: {
      started_at: started.toISOString(),
      duration_ms: around.now().getTime() - started.getTime(),
      pairs_per_second: Math.round((asked * ASKED_EACH * 1000) / Math.max(askedMs, 1)),
    },
  }
}

/** Evaluations per side: one for the answer, one for the A/A control. */
const ASKED_EACH = 2

/**
 * Derives the exit of a parity run from its verdict and, if a signal or a deadline aborted it, from that ending; of
 * the two, the one that takes precedence counts.
 */
export const deriveParityEnd = (verdict: Summary['verdict'], signal: AbortSignal): RunEnding =>
  deriveRunEnd(EXIT_BY_STATE[verdict], ...[getEnding(signal)].filter((ending) => ending !== null))

async function runVector(
  vector: Runnable,
  sides: ParitySides,
  { rules, around }: Pick<RunOptions, 'rules'> & { readonly around: RunDependencies },
): Promise<JudgedCase> {
  const { state, prepared } = toPreparedCase(vector, around)
  const evaluateTwice = async (
    side: ParitySide,
  ): Promise<readonly [EvaluatedAnswer, EvaluatedAnswer]> => {
    try {
      await side.load(state)
    } catch (error) {
      if (!(error instanceof FfError)) throw error
      const silent: EvaluatedAnswer = {
        answer: { status: 'unanswered', code: error.code },
        rows: null,
      }
      return [silent, silent]
    }
    return [await side.ask(prepared), await side.ask(prepared)]
  }
  const [[b, b2], [c, c2]] = await Promise.all([
    evaluateTwice(sides.baseline),
    evaluateTwice(sides.candidate),
  ])
  const verdict = judgeVector(
    vector.expected,
    {
      baseline: { kind: sides.baseline.facts.backing, answer: b.answer, again: b2.answer },
      candidate: { kind: sides.candidate.facts.backing, answer: c.answer, again: c2.answer },
    },
    { rules, compare: around.compare },
  )
  return toJudgedCase(toSubject(vector), verdict, {
    rows: { baseline: b.rows, candidate: c.rows },
    command: `ff parity run --vector ${vector.id}`,
  })
}

interface Subject {
  readonly id: string
  readonly group: string
  readonly title: string
}
interface CaseDetails {
  readonly rows: { readonly baseline: RowsOfFlag | null; readonly candidate: RowsOfFlag | null }
  readonly command: string
}

/**
 * A case with its verdict. `detail` is null if it passes without noise; else it holds the reason chains, the rows that
 * were read as JSON text (null for an absent row) and the command that reproduces it.
 */
export function toJudgedCase(
  subject: Subject,
  verdict: VectorVerdict,
  { rows, command: reproduce }: CaseDetails,
): JudgedCase {
  const clean = verdict.status === 'pass' && verdict.noise.length === 0
  const read = { baseline: toRowTexts(rows.baseline), candidate: toRowTexts(rows.candidate) }
  const detail = clean ? null : { chains: verdict.chains, rows: read, reproduce }
  return { ...subject, state: verdict.status, detail, verdict }
}

/**
 * Builds the case of a vector, cell or situation that was not evaluated, in the given state; its detail and verdict
 * are null.
 */
export const toSkippedCase = (subject: Subject, state: ItemState): JudgedCase => ({
  ...subject,
  state,
  detail: null,
  verdict: null,
})

const toSubject = ({ id, title }: Runnable): Subject => ({ id, group: id, title })

function toRowTexts(rows: RowsOfFlag | null): RowTexts {
  const text = (stored: RowOrBroken<AnyRow> | null | undefined): string | null => {
    if (stored == null) return null
    return stored.row === undefined
      ? JSON.stringify({ broken: stored.broken })
      : serializeRow(stored.row)
  }
  return { flag: text(rows?.flag), tenant: text(rows?.tenant), user: text(rows?.user) }
}
