import { loadArtefact, packaged } from '../artefacts/load.ts'
import { cellProblems } from '../artefacts/rules/cell-rules.ts'
import type { JsonNode, JsonObject } from '../core/json/read.ts'
import { buildCells } from '../core/parity/cells.ts'
import type { ParityReport } from '../core/report/types.ts'
import type { TargetSpec } from '../core/parity/target.ts'
import type { Instant } from '../core/state/instant.ts'
import { FfError } from '../errors.ts'
import type { TokenVerifier } from '../ports.ts'
import type { Adapters } from './adapters.ts'
import { artefactError } from './artefact-error.ts'
import { withBoth } from './bracket.ts'
import { loadParityInputs, type ParityInputs } from './parity-inputs.ts'
import { groupOf, runExhaustive } from './run-exhaustive.ts'
import { runParity, type Sides } from './run-parity.ts'

export interface ParityRequest {
  /** The package folder. */
  readonly root: string
  readonly baseline: TargetSpec
  readonly candidate: TargetSpec
  readonly signal: AbortSignal
  readonly now: () => Date
  readonly adapters: Adapters
}

/** `ff parity run`: the vectors, on both sides. @param more further matrices @param only one vector's id */
export async function parityRun(
  request: ParityRequest & { readonly more: readonly string[]; readonly only: string | null },
): Promise<ParityReport> {
  const inputs = await loadOrThrow(request.root, request.more)
  const { only, signal, now } = request
  if (only !== null && !inputs.vectors.some(({ id }) => id === only)) {
    throw new FfError('nothing_to_check', `No vector is called ${only}.`, {
      hint: 'Name one of vectors/parity_test_matrix.json.',
    })
  }
  const verifiers = await makeVerifiers(inputs, request.adapters)
  return withSides(request, inputs, (sides) =>
    runParity(inputs.vectors, sides, {
      rules: inputs.contract.value.decision,
      only,
      around: {
        verifierFor: ({ fixture }) => verifiers.get(fixture?.id ?? '') as TokenVerifier,
        signal,
        now,
      },
    }),
  )
}

/** `ff parity exhaustive`: every cell at every boundary, held to the oracle. @param only one cell's four dimensions */
export async function parityExhaustive(
  request: ParityRequest & { readonly only: string | null },
): Promise<ParityReport> {
  const { root, adapters, signal, now, only } = request
  const inputs = await loadOrThrow(root, [])
  const loaded = await loadArtefact('oracle_cells', packaged(root, 'oracle_cells'), inputs.schemas)
  if (!loaded.ok) throw artefactError(loaded.problems)
  const problems = cellProblems(loaded.loaded, inputs.contract)
  if (problems.length > 0) throw artefactError(problems)
  const { value, node } = loaded.loaded
  const cells = buildCells(value.now as Instant)
  if (only !== null && !cells.some((cell) => groupOf(cell) === only)) {
    throw new FfError('nothing_to_check', `No cell is called ${only}.`, {
      hint: 'Write MODE/SCOPE/PATH/TTL, such as verified/user/SP-2/valid.',
    })
  }
  const outcomes = (node as JsonObject).members.find(
    ([name]) => name === 'outcomes',
  )?.[1] as readonly JsonNode[]
  const credentials = await adapters.cellCredentials(
    root,
    inputs.fixtures.value,
    value.now as Instant,
  )
  return withSides(request, inputs, (sides) =>
    runExhaustive(cells, sides, {
      rules: inputs.contract.value.decision,
      oracle: {
        outcomes,
        cells: value.cells,
      },
      credentials,
      only,
      expected: inputs.contract.value.cells.count,
      around: {
        signal,
        now,
      },
    }),
  )
}

/** Opens both sides, each in scratch state of its own, and closes them whatever happens. */
export function withSides<T>(
  { baseline, candidate, adapters }: ParityRequest,
  { migrations, persistence }: ParityInputs,
  use: (sides: Sides) => Promise<T>,
): Promise<T> {
  const needs = { migrations, versions: persistence.value.postgres }
  return withBoth(
    [() => adapters.openScratch(baseline, needs), () => adapters.openScratch(candidate, needs)],
    (b, c) => use({ baseline: b, candidate: c }),
  )
}

/** One verifier a fixture, and one for those who name none. */
async function makeVerifiers(
  { fixtures }: ParityInputs,
  adapters: Adapters,
): Promise<ReadonlyMap<string, TokenVerifier>> {
  const { issuer, audience } = fixtures.value
  const named = [null, ...fixtures.value.fixtures]
  const made = named.map(
    async (fixture) =>
      [fixture?.id ?? '', await adapters.verifierFor(fixture, { issuer, audience })] as const,
  )
  return new Map(await Promise.all(made))
}

/** @throws FfError `artefact_invalid` with every problem */
export async function loadOrThrow(root: string, more: readonly string[]): Promise<ParityInputs> {
  const result = await loadParityInputs(root, more)
  if (result.ok) return result.loaded
  throw artefactError(result.problems)
}
