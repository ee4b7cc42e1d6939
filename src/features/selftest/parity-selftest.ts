import { withAll } from '../../concurrency/open-all.ts'
import type { TargetSpec } from '../../core/parity/target.ts'
import type { CheckReport } from '../../core/report/types.ts'
import {
  loadCells,
  requireParityInputs,
  type ParityRequest,
  withCredentials,
  withAuthenticators,
} from '../parity/parity.ts'
import { createStoreSides } from '../parity/sides.ts'
import { runExhaustive } from '../parity/run-exhaustive.ts'
import { runParity } from '../parity/run-parity.ts'
import { withCacheProofs } from './cache-proof.ts'
import { FAULT_CATALOGUE } from './catalogue.ts'
import type { PlantedFault } from './fault.ts'
import { runSelftest } from './run-selftest.ts'
import { withServed } from './served-sides.ts'
import { STORED_ROWS } from './stored-rows.ts'

/**
 * `ff parity selftest`: opens a scratch store and a service for each side, plants each fault of the catalogue and
 * checks that its proof catches it. An item for each fault fails with `fault_not_caught` if the proof found nothing,
 * and a proof that raises a false alarm, or cannot run here (`not_run`), makes the report inconclusive. Closes all it
 * opened.
 *
 * @param catalogue the faults; a test passes others, such as one without effect
 * @throws FfError `artefact_invalid` for a bad artefact of the package, `backing_unavailable` if a side gave no
 *   answer, the code of the ending if the run is aborted; also errors of an opening and of a proof
 */
export async function paritySelftest(
  request: ParityRequest & { readonly progress: (done: number, of: number) => void },
  catalogue: readonly PlantedFault[] = FAULT_CATALOGUE,
): Promise<CheckReport> {
  const { root, adapters, signal, now, progress, baseline, candidate } = request
  const inputs = await requireParityInputs(root, [])
  const { cells, situations, oracle, time } = await loadCells(root, inputs)
  const { decision: rules, cells: expected } = inputs.contract.value
  const { migrations, persistence } = inputs
  const withRedis = catalogue.some(({ proof }) => proof === 'redis')
  const open = (spec: TargetSpec) => () =>
    adapters.openScratchServiceStore(spec, { migrations, versions: persistence.value.postgres })
  return withAuthenticators(inputs, adapters, (authenticatorFor) =>
    withCredentials(root, { inputs, adapters, time }, (credentials) =>
      withAll([open(baseline), open(candidate)], (b, c) => {
        const scratches = { baseline: b, candidate: c }
        return withServed(request, scratches, (services) =>
          withCacheProofs({ root, adapters, signal, withRedis }, (caches) =>
            runSelftest(catalogue, scratches, {
              ...caches,
              signal,
              now,
              progress,
              judging: { rules, leaves: inputs.leaves },
              lines: STORED_ROWS,
              vectors: ({ sides, dependencies }) =>
                runParity(inputs.vectors, createStoreSides(sides, dependencies.ask), {
                  rules,
                  leaves: inputs.leaves,
                  only: null,
                  around: { authenticatorFor, signal, now, compare: dependencies.compare },
                }),
              served: ({ served, dependencies }) => {
                services.serve(served)
                return runParity(inputs.vectors, services.paritySides, {
                  rules,
                  leaves: inputs.leaves,
                  only: null,
                  around: { authenticatorFor, signal, now, compare: dependencies.compare },
                })
              },
              cells: ({ sides, dependencies }) =>
                runExhaustive({ cells, situations }, createStoreSides(sides, dependencies.ask), {
                  rules,
                  leaves: inputs.leaves,
                  oracle,
                  credentials,
                  expected,
                  only: null,
                  around: { signal, now, compare: dependencies.compare },
                }),
            }),
          ),
        )
      }),
    ),
  )
}
