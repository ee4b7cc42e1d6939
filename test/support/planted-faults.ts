import { FAULT_CATALOGUE } from '../../src/features/selftest/catalogue.ts'
import { paritySelftest } from '../../src/features/selftest/parity-selftest.ts'
import type { TargetSpec } from '../../src/core/parity/target.ts'
import type { CheckReport } from '../../src/core/report/types.ts'
import { ROOT } from './run-ff.ts'
import { oneOfEach } from './scale.ts'
import { adapters } from '../../src/composition.ts'

/**
 * The faults that a test run plants: all in a full run, else one for each proof and place. The cells take seconds for each
 * fault: they get one in the rows of a side and one in the core, and the vectors one in each place.
 */
export const FAULTS = oneOfEach(FAULT_CATALOGUE, ({ id, proof }) => {
  const [place = ''] = id.split('.')
  return proof === 'cells' ? `${proof} ${place === 'core'}` : `${proof} ${place}`
})

/** One fault for each proof, where the faults themselves are not the subject; all in a full run. */
export const ONE_OF_EACH_PROOF = oneOfEach(FAULT_CATALOGUE, ({ proof }) => proof)

/** Runs `ff parity selftest` over these faults in this process. */
export const runSelftestHere = (
  candidate: TargetSpec,
  faults: typeof FAULTS = FAULTS,
): Promise<CheckReport> =>
  paritySelftest(
    {
      root: ROOT,
      baseline: { kind: 'file', folder: null },
      candidate,
      signal: new AbortController().signal,
      now: () => new Date(),
      adapters,
      progress: () => undefined,
    },
    faults,
  )
