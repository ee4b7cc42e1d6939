import { basename } from 'node:path'
import {
  type LoadedArtefact,
  loadArtefact,
  type LoadResult,
  packagedArtefact,
  type ArtefactPlace,
} from '../../artefacts/load.ts'
import { loadMigrations } from '../../artefacts/migrations.ts'
import { loadLeafPairs } from '../../artefacts/decision-leaves.ts'
import type { ArtefactProblem } from '../../artefacts/problem.ts'
import { findContractProblems, findGateMatrixProblems } from '../../artefacts/rules/parity-rules.ts'
import { findAuthProblems } from '../../artefacts/rules/auth-rules.ts'
import { findPersistenceProblems } from '../../artefacts/rules/persistence-rules.ts'
import { buildVectors, type RunnableVector } from '../../artefacts/vectors.ts'
import type { LeafPair } from '../../core/parity/leaf-pairs.ts'
import type { Migration } from '../../core/migrations/plan.ts'

/** The artefacts of a parity run, validated by their schemas and rules. */
export interface ParityInputs {
  readonly contract: LoadedArtefact<'cutover_parity_matrix'>
  readonly auth: LoadedArtefact<'jwks_integration_notes'>
  readonly fixtures: LoadedArtefact<'jwt_fixtures'>
  readonly persistence: LoadedArtefact<'persistence_schema'>
  readonly migrations: readonly Migration[]
  readonly vectors: readonly RunnableVector[]
  /** A pair of envelopes for each leaf of a decision. */
  readonly leaves: readonly LeafPair[]
}

/**
 * Reads the contracts, fixtures, migrations and gate matrix of the package and any further matrices, and checks each
 * by its schema and by the others. A vector id that two matrices share is a problem.
 *
 * @param root the package folder
 * @param more paths of matrices to run beside that of the gate
 * @returns the inputs, or every problem found; the rules between files are checked only once each file is valid alone
 */
export async function loadParityInputs(
  root: string,
  more: readonly string[],
): Promise<LoadResult<ParityInputs>> {
  const own = <K extends Parameters<typeof packagedArtefact>[1]>(
    kind: K,
  ): Promise<LoadResult<LoadedArtefact<K>>> => loadArtefact(kind, packagedArtefact(root, kind))
  const [contract, auth, fixtures, persistence, migrations, leaves, gate, ...extended] =
    await Promise.all([
      own('cutover_parity_matrix'),
      own('jwks_integration_notes'),
      own('jwt_fixtures'),
      own('persistence_schema'),
      loadMigrations(root),
      loadLeafPairs(root),
      own('parity_test_matrix'),
      ...more.map((path) => loadArtefact('parity_test_matrix', toArtefactPlace(path))),
    ])
  const parts = [contract, auth, fixtures, persistence, migrations, leaves, gate, ...extended]
  const broken = parts.flatMap((one) => (one.ok ? [] : one.problems))
  if (
    !contract.ok ||
    !auth.ok ||
    !fixtures.ok ||
    !persistence.ok ||
    !migrations.ok ||
    !leaves.ok ||
    !gate.ok ||
    broken.length > 0
  ) {
    return { ok: false, problems: broken }
  }
  const matrices = [gate, ...extended].flatMap((one) => (one.ok ? [one.loaded] : []))
  const built = matrices.map((matrix) => buildVectors(matrix, fixtures.loaded.value.fixtures))
  const vectors = built.flatMap((one) => one.vectors)
  const problems = [
    ...findContractProblems(contract.loaded),
    ...findAuthProblems(auth.loaded, fixtures.loaded),
    ...findPersistenceProblems(persistence.loaded, migrations.loaded),
    ...built.flatMap((one) => one.problems),
    ...findGateMatrixProblems(gate.loaded, contract.loaded),
    ...findRepeatedIds(matrices),
  ]
  if (problems.length > 0) return { ok: false, problems }
  return {
    ok: true,
    loaded: {
      contract: contract.loaded,
      auth: auth.loaded,
      fixtures: fixtures.loaded,
      persistence: persistence.loaded,
      migrations: migrations.loaded,
      vectors,
      leaves: leaves.loaded,
    },
  }
}

const toArtefactPlace = (path: string): ArtefactPlace => ({ path, shown: basename(path) })

/** The vector ids that two matrices of one run share; reports and options name a vector by its id alone. */
function findRepeatedIds(
  matrices: readonly LoadedArtefact<'parity_test_matrix'>[],
): readonly ArtefactProblem[] {
  const seen = new Set<string>()
  return matrices.flatMap(({ file, value }) => {
    const ids = new Set(value.vectors.map(({ id }) => id))
    const again = [...ids].filter((id) => seen.has(id))
    ids.forEach((id) => seen.add(id))
    return again.map((id): ArtefactProblem => ({
      file,
      pointer: '/vectors',
      code: 'id_repeated',
      detail: id,
    }))
  })
}
