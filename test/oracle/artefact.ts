import { NOW, predictCells } from './oracle.ts'
import { predictSituations } from './situations.ts'

/**
 * The artefact `vectors/oracle_cells.json`: the distinct outcomes, and the index of the outcome of each cell and each
 * situation.
 */
export function oracleCells(): object {
  const outcomes: string[] = []
  const toPlaces = (
    predictions: readonly (readonly [key: string, outcome: object])[],
  ): Record<string, number> =>
    Object.fromEntries(
      predictions.map(([key, outcome]) => {
        const text = JSON.stringify(outcome)
        if (!outcomes.includes(text)) outcomes.push(text)
        return [key, outcomes.indexOf(text)]
      }),
    )
  const cells = toPlaces(predictCells())
  const situations = toPlaces(predictSituations())
  const read = outcomes.map((text) => JSON.parse(text) as object)
  return { kind: 'oracle_cells', schemaVersion: 1, now: NOW, outcomes: read, cells, situations }
}
