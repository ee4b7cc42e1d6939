import { loadArtefact, packagedArtefact } from '../../artefacts/load.ts'
import { findCellProblems } from '../../artefacts/rules/cell-rules.ts'
import { withAll } from '../../concurrency/open-all.ts'
import type { JsonNode, JsonObject } from '../../core/json/read.ts'
import { buildCells, type Cell } from '../../core/parity/cells.ts'
import { buildSituations, type Situation } from '../../core/parity/situations.ts'
import type { ParityReport } from '../../core/report/types.ts'
import { isSameService, type TargetSpec } from '../../core/parity/target.ts'
import type { Instant } from '../../core/rows/instant.ts'
import { FfError } from '../../errors.ts'
import type { VectorCredential } from '../../artefacts/vectors.ts'
import type { OpenAuthenticator } from '../../ports/auth.ts'
import { settingsFromContract } from '../../core/auth/contract.ts'
import type { Adapters } from '../../ports/adapters.ts'
import { toArtefactError } from '../../artefacts/artefact-error.ts'
import { loadParityInputs, type ParityInputs } from './parity-inputs.ts'
import { openHarnessSide } from './harness-side.ts'
import { createStoreSide, type ParitySides, requireUnlikeSides, type UnlikeSides } from './sides.ts'
import type { CredentialsByKeys, AuthenticatorWithScript } from '../../ports/auth.ts'
import { formatGroup, type Oracle, runExhaustive } from './run-exhaustive.ts'
import { runParity, type ScratchSides } from './run-parity.ts'
import { makeSameSidesError } from './resolve-target.ts'
import { PRODUCTION } from './dependencies.ts'

/** Input of every parity command with two sides. */
export interface ParityRequest {
  /** The package folder. */
  readonly root: string
  readonly baseline: TargetSpec
  readonly candidate: TargetSpec
  readonly signal: AbortSignal
  readonly now: () => Date
  readonly adapters: Adapters
}

/** Input of a proof of a file against a database. */
export interface ProofRequest extends ParityRequest, UnlikeSides {}

/**
 * `ff parity run`: evaluates each vector twice on both sides, each a store with scratch state or a harness, and
 * compares the answers. The report `parity_run` has counts, coverage, findings, verdict and exit; unanswered,
 * skipped and never reached vectors are counted in it. Closes all it opened.
 *
 * @param request `more`: paths of further matrices; `only`: id of the one vector to run, null for all
 * @throws FfError `artefact_invalid` for a bad artefact, `nothing_to_check` for an unknown `only`, `target_invalid`
 *   for the same service on both sides or a service that is no harness, `sides_alike` for sides of one kind; also
 *   errors of an opening
 */
export async function parityRun(
  request: ProofRequest & { readonly more: readonly string[]; readonly only: string | null },
): Promise<ParityReport> {
  const inputs = await requireParityInputs(request.root, request.more)
  const { only, signal, now } = request
  if (only !== null && !inputs.vectors.some(({ id }) => id === only)) {
    throw new FfError('nothing_to_check', `There is no vector ${only}.`, {
      hint: 'The ids stand in vectors/parity_test_matrix.json.',
      unknown: { name: only, known: inputs.vectors.map(({ id }) => id) },
    })
  }
  return withAuthenticators(inputs, request.adapters, (authenticatorFor) =>
    withParitySides(request, inputs, (sides) =>
      runParity(inputs.vectors, sides, {
        rules: inputs.contract.value.decision,
        leaves: inputs.leaves,
        only,
        around: { authenticatorFor, signal, now, compare: PRODUCTION.compare },
      }),
    ),
  )
}

/**
 * `ff parity exhaustive`: evaluates every cell at every boundary and every situation on both sides, compares the
 * answers with each other and with the oracle, and builds the report `parity_exhaustive`. Where nothing differs,
 * ends with a planted fault, which has to be found. Closes all it opened.
 *
 * @param request `only`: one `MODE/SCOPE/PATH/TTL` or `SITUATION/MODE`, null for all
 * @throws FfError `artefact_invalid` for a bad artefact, `nothing_to_check` for an unknown `only` or a cell without
 *   a prediction, `target_invalid` for the same service on both sides or a service that is no harness, `sides_alike`
 *   for sides of one kind; also errors of an opening and of loading the rows
 */
export async function parityExhaustive(
  request: ProofRequest & { readonly only: string | null },
): Promise<ParityReport> {
  const { root, adapters, signal, now, only } = request
  const inputs = await requireParityInputs(root, [])
  const { cells, situations, oracle, time } = await loadCells(root, inputs)
  const known = [...cells, ...situations].map(formatGroup)
  if (only !== null && !known.includes(only)) {
    throw new FfError('nothing_to_check', `There is no cell ${only}.`, {
      hint: 'Write MODE/SCOPE/PATH/TTL, such as --cell verified/user/SP-2/valid, or a situation, such as --cell flag_unknown/none.',
      unknown: { name: only, known },
    })
  }
  return withCredentials(root, { inputs, adapters, time }, (credentials) =>
    withParitySides(request, inputs, (sides) =>
      runExhaustive({ cells, situations }, sides, {
        rules: inputs.contract.value.decision,
        leaves: inputs.leaves,
        oracle,
        credentials,
        only,
        expected: inputs.contract.value.cells,
        around: { signal, now, compare: PRODUCTION.compare },
      }),
    ),
  )
}

/**
 * Reads the predictions of the oracle from the package. Returns every cell at every boundary, every situation, the
 * predictions, and the time of evaluation.
 *
 * @throws FfError `artefact_invalid` with every problem of the file or with the parity contract
 */
export async function loadCells(
  root: string,
  inputs: ParityInputs,
): Promise<{
  readonly cells: readonly Cell[]
  readonly situations: readonly Situation[]
  readonly oracle: Oracle
  readonly time: Instant
}> {
  const loaded = await loadArtefact('oracle_cells', packagedArtefact(root, 'oracle_cells'))
  if (!loaded.ok) throw toArtefactError(loaded.problems)
  const problems = findCellProblems(loaded.loaded, inputs.contract)
  if (problems.length > 0) throw toArtefactError(problems)
  const { value, node } = loaded.loaded
  const time = value.now as Instant
  const outcomes = (node as JsonObject).members.find(
    ([name]) => name === 'outcomes',
  )?.[1] as readonly JsonNode[]
  const oracle = { outcomes, places: { ...value.cells, ...value.situations } }
  return { cells: buildCells(time), situations: buildSituations(time), oracle, time }
}

interface CredentialInputs {
  readonly inputs: ParityInputs
  readonly adapters: Adapters
  readonly time: Instant
}
/**
 * Opens a credential and its key server for each auth mode, and closes the servers after `use`, also after an error.
 * Returns the result of `use`.
 *
 * @throws errors of an opening and of `use`
 */
export function withCredentials<T>(
  root: string,
  { inputs, adapters, time }: CredentialInputs,
  use: (credentials: CredentialsByKeys) => Promise<T>,
): Promise<T> {
  const settings = settingsFromContract(inputs.auth.value, inputs.fixtures.value)
  return withAll([() => adapters.cellCredentials(root, settings, time)], ({ byKeys }) =>
    use(byKeys),
  )
}

/**
 * Opens both sides as stores, each with its own scratch state, and closes them after `use`, also after an error.
 * Returns the result of `use`.
 *
 * @throws FfError `target_invalid` for a service; also errors of an opening and of `use`
 */
export function withSides<T>(
  { baseline, candidate, adapters }: ParityRequest,
  { migrations, persistence }: ParityInputs,
  use: (sides: ScratchSides) => Promise<T>,
): Promise<T> {
  const needs = { migrations, versions: persistence.value.postgres }
  return withAll(
    [() => adapters.openScratch(baseline, needs), () => adapters.openScratch(candidate, needs)],
    (b, c) => use({ baseline: b, candidate: c }),
  )
}

/**
 * As `withSides`, for sides that may be services. A service must be a harness, which holds the rows and the clock of
 * one side.
 *
 * @throws FfError `target_invalid` if both sides are the same service, `sides_alike` if they are of one kind
 */
function withParitySides<T>(
  { baseline, candidate, adapters, allowSameKind }: ProofRequest,
  { migrations, persistence }: ParityInputs,
  use: (sides: ParitySides) => Promise<T>,
): Promise<T> {
  if (isSameService(baseline, candidate)) throw makeSameSidesError('service')
  const needs = { migrations, versions: persistence.value.postgres }
  const open = (spec: TargetSpec) => async () => {
    if (spec.kind === 'http') return openHarnessSide(spec, adapters)
    const scratch = await adapters.openScratch(spec, needs)
    return { ...createStoreSide(scratch, PRODUCTION.ask.baseline), close: () => scratch.close() }
  }
  return withAll([open(baseline), open(candidate)], (b, c) => {
    const sides = { baseline: b, candidate: c }
    requireUnlikeSides(sides, { allowSameKind })
    return use(sides)
  })
}

/**
 * Opens an authenticator for each fixture of the vectors, and one for vectors without; closes all after `use`, also
 * after an error. `use` gets a function from the credential of a vector to its authenticator and key-server script.
 * Returns its result.
 *
 * @throws errors of an opening and of `use`
 */
export function withAuthenticators<T>(
  { fixtures, auth, vectors }: ParityInputs,
  adapters: Adapters,
  use: (authenticatorFor: (credential: VectorCredential) => AuthenticatorWithScript) => Promise<T>,
): Promise<T> {
  const settings = settingsFromContract(auth.value, fixtures.value)
  const vectorFixtures = [...new Set(vectors.map(({ credential }) => credential.fixture))]
  return withAll(
    vectorFixtures.map(
      (fixture) => () => adapters.openScriptedAuthenticator(fixture?.jwks ?? null, settings),
    ),
    (...authenticators) =>
      use(({ fixture }) => ({
        authenticator: authenticators[vectorFixtures.indexOf(fixture)] as OpenAuthenticator,
        script: fixture?.jwks ?? null,
      })),
  )
}

/**
 * Reads and checks the contracts, fixtures, migrations and gate matrix of the package folder `root`, and the further
 * matrices at the paths `more`.
 *
 * @throws FfError `artefact_invalid` with every problem it found
 */
export async function requireParityInputs(
  root: string,
  more: readonly string[],
): Promise<ParityInputs> {
  const result = await loadParityInputs(root, more)
  if (result.ok) return result.loaded
  throw toArtefactError(result.problems)
}
