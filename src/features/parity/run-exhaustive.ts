import type { JsonNode, JsonObject } from '../../core/json/read.ts'
import type { Cell } from '../../core/parity/cells.ts'
import type { Situation } from '../../core/parity/situations.ts'
import { buildExpectedEnvelope } from '../../core/parity/expected-cell.ts'
import { judgeVector } from '../../core/parity/judge-vector.ts'
import type { JudgedCase } from '../../core/parity/summarise.ts'
import type { ParityReport } from '../../core/report/types.ts'
import { withNearMiss } from '../../core/parity/unrelated-rows.ts'
import { type RowsByTable, TABLE_NAMES } from '../../core/rows/rows.ts'
import { FfError } from '../../errors.ts'
import type { CredentialsByKeys } from '../../ports/auth.ts'
import type { JudgingRules } from './harness-checks.ts'
import type { ParitySide, ParitySides } from './sides.ts'
import { checkPlantedFault, type PreparedCase } from './planted-fault.ts'
import {
  buildReport,
  checkPlanted,
  toJudgedCase,
  toSkippedCase,
  type RunDependencies,
} from './run-parity.ts'

/** Cells in flight at once: enough to keep a connection pool busy. */
const AT_ONCE = 16

/** Predictions of the oracle: `places` maps the key of a cell or a situation to its index in `outcomes`. */
export interface Oracle {
  readonly outcomes: readonly JsonNode[]
  readonly places: Readonly<Record<string, number>>
}

/** Both tables of the proof; no two of their questions share a flag. */
export interface ExhaustiveTables {
  readonly cells: readonly Cell[]
  readonly situations: readonly Situation[]
}
type Question = Cell | Situation

export interface ExhaustiveOptions extends JudgingRules {
  readonly oracle: Oracle
  readonly credentials: CredentialsByKeys
  /** Numbers of cells, boundaries not counted, and of situations that the contract requires. */
  readonly expected: { readonly count: number; readonly situations: number }
  /** The one cell, by its four dimensions, or situation to run; the others count as skipped. Null runs all. */
  readonly only: string | null
  readonly around: Pick<RunDependencies, 'signal' | 'now' | 'compare'>
}

/**
 * Evaluates every cell and every situation twice on both sides, 16 at once, and compares the answers with each other and
 * with the oracle. Loads the rows of all once. Questions outside `only` count as skipped; after an unanswered one or an
 * abort, the rest as never reached. Where nothing differs, ends with a planted fault. Returns the report
 * `parity_exhaustive`.
 *
 * @throws FfError `nothing_to_check` for a question without a prediction; also errors of loading the rows
 */
export async function runExhaustive(
  { cells, situations }: ExhaustiveTables,
  sides: ParitySides,
  options: ExhaustiveOptions,
): Promise<ParityReport> {
  const { around, expected, only, rules, leaves } = options
  const started = around.now()
  const questions: readonly Question[] = [...cells, ...situations]
  const state = mergeStates(questions)
  await Promise.all([sides.baseline.load(state), sides.candidate.load(state)])
  const loaded = around.now().getTime()
  const cases = Array.from<JudgedCase>({ length: questions.length })
  let next = 0
  let lost = false
  const judgeCell = async (cell: Question): Promise<JudgedCase> => {
    if (only !== null && formatGroup(cell) !== only)
      return toSkippedCase(toSubject(cell), 'skipped')
    if (lost || around.signal.aborted) return toSkippedCase(toSubject(cell), 'never_reached')
    return runCell(cell, sides, options)
  }
  const work = async (): Promise<void> => {
    for (let at = next++; at < questions.length; at = next++) {
      const cell = questions[at] as Question
      const one = await judgeCell(cell)
      lost ||= one.state === 'unanswered'
      cases[at] = one
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  const askedMs = around.now().getTime() - loaded
  const answered = cells.filter(
    (_, at) => cases[at]?.verdict?.status !== 'unanswered' && cases[at]?.verdict != null,
  )
  const covers = answered.map((cell) => cell.covers)
  const judging = { rules, leaves }
  const planted = await checkPlanted(cases, around, () =>
    checkPlantedFault(
      cells.map((cell) => toPreparedCase(cell, options)),
      sides,
      { rules, compare: around.compare },
    ),
  )
  return buildReport(
    {
      kind: 'parity_exhaustive',
      cases: cases.slice(0, cells.length),
      situations: { judged: cases.slice(cells.length), expected: expected.situations },
      expected: expected.count,
      covers,
      askedMs,
      judging,
      planted,
    },
    sides,
    { around, started },
  )
}

async function runCell(
  cell: Question,
  sides: ParitySides,
  options: ExhaustiveOptions,
): Promise<JudgedCase> {
  const { prepared, expected } = toPreparedCase(cell, options)
  const { rules, around } = options
  const evaluateTwice = async (side: ParitySide) => {
    const first = await side.ask(prepared)
    const again = await side.ask(prepared)
    return {
      kind: side.facts.backing,
      answer: first.answer,
      again: again.answer,
      rows: first.rows,
    }
  }
  const [baseline, candidate] = await Promise.all([
    evaluateTwice(sides.baseline),
    evaluateTwice(sides.candidate),
  ])
  const verdict = judgeVector(expected, { baseline, candidate }, { rules, compare: around.compare })
  const rows = { baseline: baseline.rows, candidate: candidate.rows }
  return toJudgedCase(toSubject(cell), verdict, {
    rows,
    command: `ff parity exhaustive --cell ${formatGroup(cell)}`,
  })
}

function toPreparedCase(
  cell: Question,
  { oracle, credentials }: Pick<ExhaustiveOptions, 'oracle' | 'credentials'>,
): PreparedCase {
  const { id, given, request, author } = cell
  const keys = 'keys' in cell ? cell.keys : 'fresh'
  const { credential, ...authenticator } = credentials[keys][author.auth_mode]
  const question = { credential, request, now: given.now, environment: given.environment }
  return {
    id,
    state: given.state,
    prepared: { question, given, ...authenticator },
    expected: buildExpectedEnvelope(findPrediction(oracle, cell), cell),
  }
}

function findPrediction({ outcomes, places }: Oracle, cell: Question): JsonObject {
  const key = 'key' in cell ? cell.key : cell.id
  const outcome = outcomes[places[key] ?? -1]
  if (outcome !== undefined) return outcome as JsonObject
  throw new FfError('nothing_to_check', `The oracle has no prediction for ${key}.`, {
    hint: 'Run `npm run oracle`.',
  })
}

/** A cell as `MODE/SCOPE/PATH/TTL`, or a situation as `NAME/MODE`: the argument of `--cell`. */
export const formatGroup = (one: Question): string =>
  'covers' in one
    ? [
        one.covers.auth_mode,
        one.covers.scope,
        one.covers.sensitive_path,
        one.covers.ttl_state,
      ].join('/')
    : one.id
const toSubject = (one: Question) => ({
  id: one.id,
  group: formatGroup(one),
  title: 'covers' in one ? 'every boundary and required_auth' : 'left out by the cells',
})

/** The rows of all questions, each with overrides of a near miss of its tenant and its user. */
function mergeStates(questions: readonly Question[]): RowsByTable {
  const states = questions.map(({ given, author }, turn) =>
    withNearMiss(
      given.state,
      { tenant_id: author.tenant_id ?? '', user_id: author.user_id ?? '' },
      turn,
    ),
  )
  const merged = TABLE_NAMES.map((table) => [table, states.flatMap((state) => [...state[table]])])
  return Object.fromEntries(merged) as unknown as RowsByTable
}
