import { buildCells } from '../../core/parity/cells.ts'
import { buildSituations } from '../../core/parity/situations.ts'
import { deriveCoverage } from '../../core/parity/coverage.ts'
import type { Instant } from '../../core/rows/instant.ts'
import type { LoadedArtefact } from '../load.ts'
import type { ArtefactProblem } from '../problem.ts'

/**
 * Checks the numbers of cells and situations by the contract (`cell_count_differs`), the coverage of each cell by its
 * inputs (`covers_differs`), and that the oracle predicts exactly these cells and situations (`vector_missing`,
 * `vector_unexpected`). Empty where all hold; each problem points to `/cells` or `/situations`.
 */
export function findCellProblems(
  { file, value }: LoadedArtefact<'oracle_cells'>,
  contract: LoadedArtefact<'cutover_parity_matrix'>,
): readonly ArtefactProblem[] {
  const now = value.now as Instant
  const cells = buildCells(now)
  const dimensions = new Set(cells.map(({ covers }) => JSON.stringify(covers)))
  const situations = buildSituations(now)
  const at =
    (table: 'cells' | 'situations', code: ArtefactProblem['code']) =>
    (detail: string): ArtefactProblem => ({ file, pointer: `/${table}`, code, detail })
  const checkTable = (
    table: 'cells' | 'situations',
    keys: ReadonlySet<string>,
  ): readonly ArtefactProblem[] => [
    ...[...keys]
      .filter((key) => value.outcomes[value[table][key] ?? -1] === undefined)
      .map(at(table, 'vector_missing')),
    ...Object.keys(value[table])
      .filter((key) => !keys.has(key))
      .map(at(table, 'vector_unexpected')),
  ]
  const checkCount = (
    table: 'cells' | 'situations',
    { count, wanted }: { readonly count: number; readonly wanted: number },
  ): readonly ArtefactProblem[] =>
    count === wanted ? [] : [at(table, 'cell_count_differs')(`${count} instead of ${wanted}`)]
  const wanted = contract.value.cells
  return [
    ...checkCount('cells', { count: dimensions.size, wanted: wanted.count }),
    ...checkCount('situations', { count: situations.length, wanted: wanted.situations }),
    ...cells
      .filter(
        ({ given, author, request, covers }) =>
          JSON.stringify(deriveCoverage(given, author, request)) !== JSON.stringify(covers),
      )
      .map(({ id }) => id)
      .map(at('cells', 'covers_differs')),
    ...checkTable('cells', new Set(cells.map(({ key }) => key))),
    ...checkTable('situations', new Set(situations.map(({ id }) => id))),
  ]
}
