import type { ArtefactProblem } from './problem.ts'
import { FfError } from '../errors.ts'

/**
 * Makes, without throwing it, one FfError `artefact_invalid` for all problems of the artefacts of a run, with one
 * detail line each: `file#pointer: code (detail)`.
 */
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
      hint: 'Correct each listed place, or the path, then run the same command again.',
      details: lines,
    },
  )
}
