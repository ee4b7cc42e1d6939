import { toArtefactError } from '../../artefacts/artefact-error.ts'
import { loadArtefact, packagedArtefact } from '../../artefacts/load.ts'

/** The ids that a user may type. */
export interface CompletionValues {
  /** Of the checklist of the package. */
  readonly items: readonly string[]
  /** Of the vectors of the package. */
  readonly vectors: readonly string[]
}

/**
 * Reads the ids of the packaged checklist and vectors below the package folder `root`.
 * @throws FfError `artefact_invalid` with every problem of both
 */
export async function readCompletionValues(root: string): Promise<CompletionValues> {
  const [checklist, matrix] = await Promise.all([
    loadArtefact(
      'cutover_readiness_checklist',
      packagedArtefact(root, 'cutover_readiness_checklist'),
    ),
    loadArtefact('parity_test_matrix', packagedArtefact(root, 'parity_test_matrix')),
  ])
  if (!checklist.ok || !matrix.ok)
    throw toArtefactError([checklist, matrix].flatMap((one) => (one.ok ? [] : one.problems)))
  return {
    items: checklist.loaded.value.items.map(({ id }) => id),
    vectors: matrix.loaded.value.vectors.map(({ id }) => id),
  }
}
