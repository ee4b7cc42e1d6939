import type { ArtefactProblem } from './problem.ts'
import { FfError } from '../errors.ts'

/** One error for all that is wrong with the artefacts of a run: it cannot start. */
export function toArtefactError(problems: readonly ArtefactProblem[]): FfError {
  const lines = problems.map(
    ({ file, pointer, code, detail }) =>
      `${file}${pointer === '' ? '' : `#${pointer}`}: ${code}${detail === '' ? '' : ` (${detail})`}`,
  )
  const files = [...new Set(problems.map(({ file }) => file))].join(', ')
  return new FfError(
    'artefact_invalid',
    `${files}: ${problems.length} problem${problems.length === 1 ? '' : 's'}, so nothing was measured.`,
    {
      hint: 'Correct what is listed, then run `ff artefacts validate`.',
      details: lines,
    },
  )
}
