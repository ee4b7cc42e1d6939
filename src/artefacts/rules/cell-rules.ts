import { buildCells } from '../../core/parity/cells.ts'
import { deriveCoverage } from '../../core/parity/coverage.ts'
import type { Instant } from '../../core/rows/instant.ts'
import type { LoadedArtefact } from '../load.ts'
import type { ArtefactProblem } from '../problem.ts'

/**
 * Checks the number of cells by the contract (`cell_count_differs`), the coverage of each cell by its inputs
 * (`covers_differs`), and that the oracle predicts exactly these cells (`vector_missing`, `vector_unexpected`). Empty
 * where all hold; each problem points to `/cells`.
 */
export function findCellProblems(
  { file, value }: LoadedArtefact<'oracle_cells'>,
  contract: LoadedArtefact<'cutover_parity_matrix'>,
): readonly ArtefactProblem[] {
  const cells = buildCells(value.now as Instant)
  const dimensions = new Set(cells.map(({ covers }) => JSON.stringify(covers)))
  const at = (code: ArtefactProblem['code'], detail: string): ArtefactProblem => ({
    file,
    pointer: '/cells',
    code,
    detail,
  })
  const wanted = contract.value.cells.count
  const keys = new Set(cells.map(({ key }) => key))
  return [
    ...(dimensions.size === wanted
      ? []
      : [at('cell_count_differs', `${dimensions.size} instead of ${wanted}`)]),
    ...cells
      .filter(
        ({ given, author, request, covers }) =>
          JSON.stringify(deriveCoverage(given, author, request)) !== JSON.stringify(covers),
      )
      .map(({ id }) => at('covers_differs', id)),
    ...[...keys]
      .filter((key) => value.outcomes[value.cells[key] ?? -1] === undefined)
      .map((key) => at('vector_missing', key)),
    ...Object.keys(value.cells)
      .filter((key) => !keys.has(key))
      .map((key) => at('vector_unexpected', key)),
  ]
}
