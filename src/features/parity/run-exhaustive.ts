import type { JsonNode, JsonObject } from '../../core/json/read.ts'
import type { Cell } from '../../core/parity/cells.ts'
import { buildExpectedEnvelope } from '../../core/parity/expected-cell.ts'
import { judgeVector } from '../../core/parity/judge-vector.ts'
import type { JudgedCase } from '../../core/parity/summarise.ts'
import type { ParityReport } from '../../core/report/types.ts'
import { withNearMiss } from '../../core/parity/unrelated-rows.ts'
import { type RowsByTable, TABLE_NAMES } from '../../core/rows/rows.ts'
import { FfError } from '../../errors.ts'
import type { Credentials } from '../../ports/auth.ts'
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

/** Predictions of the oracle: `cells` maps the key of a cell to its index in `outcomes`. */
export interface Oracle {
  readonly outcomes: readonly JsonNode[]
  readonly cells: Readonly<Record<string, number>>
}

export interface ExhaustiveOptions extends JudgingRules {
  readonly oracle: Oracle
  readonly credentials: Credentials
  /** Number of cells that the contract requires, boundaries not counted. */
  readonly expected: number
  /** The one cell to run, by its four dimensions; the others count as skipped. Null runs all. */
  readonly only: string | null
  readonly around: Pick<RunDependencies, 'signal' | 'now' | 'compare'>
}

/**
 * Evaluates every cell twice on both sides, 16 cells at once, and compares the answers with each other and with the
 * oracle. Loads the rows of all cells once: no two cells share a flag. Cells outside `only` count as skipped; after an
 * unanswered cell or an abort, the rest as never reached. Where nothing differs, ends with a planted fault. Returns the
 * report `parity_exhaustive`.
 *
 * @throws FfError `nothing_to_check` for a cell without a prediction; also errors of loading the rows
 */
export async function runExhaustive(
  cells: readonly Cell[],
  sides: ParitySides,
  options: ExhaustiveOptions,
): Promise<ParityReport> {
  const { around, expected, only, rules, leaves } = options
  const started = around.now()
  const state = mergeStates(cells)
  await Promise.all([sides.baseline.load(state), sides.candidate.load(state)])
  const loaded = around.now().getTime()
  const cases = Array.from<JudgedCase>({ length: cells.length })
  let next = 0
  let lost = false
  const judgeCell = async (cell: Cell): Promise<JudgedCase> => {
    if (only !== null && formatCellGroup(cell) !== only)
      return toSkippedCase(toSubject(cell), 'skipped')
    if (lost || around.signal.aborted) return toSkippedCase(toSubject(cell), 'never_reached')
    return runCell(cell, sides, options)
  }
  const work = async (): Promise<void> => {
    for (let at = next++; at < cells.length; at = next++) {
      const cell = cells[at] as Cell
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
    { kind: 'parity_exhaustive', cases, expected, covers, askedMs, judging, planted },
    sides,
    { around, started },
  )
}

async function runCell(
  cell: Cell,
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
    command: `ff parity exhaustive --cell ${formatCellGroup(cell)}`,
  })
}

function toPreparedCase(
  cell: Cell,
  { oracle, credentials }: Pick<ExhaustiveOptions, 'oracle' | 'credentials'>,
): PreparedCase {
  const { id, given, request, covers } = cell
  const { credential, ...authenticator } = credentials[covers.auth_mode]
  const question = { credential, request, now: given.now, environment: given.environment }
  return {
    id,
    state: given.state,
    prepared: { question, given, ...authenticator },
    expected: buildExpectedEnvelope(findPrediction(oracle, cell), cell),
  }
}

function findPrediction({ outcomes, cells }: Oracle, { key }: Cell): JsonObject {
  const outcome = outcomes[cells[key] ?? -1]
  if (outcome !== undefined) return outcome as JsonObject
  throw new FfError('nothing_to_check', `The oracle has no prediction for the cell ${key}.`, {
    hint: 'Run `npm run oracle`.',
  })
}

/** The cell as `MODE/SCOPE/PATH/TTL`, the argument of `--cell`; its boundaries share one text. */
export const formatCellGroup = ({ covers }: Cell): string =>
  [covers.auth_mode, covers.scope, covers.sensitive_path, covers.ttl_state].join('/')
const toSubject = (cell: Cell) => ({
  id: cell.id,
  group: formatCellGroup(cell),
  title: 'every boundary and required_auth',
})

/** The rows of all cells, each with overrides of a near miss of its tenant and its user. */
function mergeStates(cells: readonly Cell[]): RowsByTable {
  const states = cells.map(({ given, author }, turn) =>
    withNearMiss(
      given.state,
      { tenant_id: author.tenant_id ?? '', user_id: author.user_id ?? '' },
      turn,
    ),
  )
  const merged = TABLE_NAMES.map((table) => [table, states.flatMap((state) => [...state[table]])])
  return Object.fromEntries(merged) as unknown as RowsByTable
}
