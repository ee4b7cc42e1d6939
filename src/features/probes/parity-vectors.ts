import type { Adapters } from '../../ports/adapters.ts'
import { parityRun } from '../parity/parity.ts'
import { withoutUserOverrides } from './faults/unguarded-route.ts'
import type { WithResource } from './framework/probe.ts'
import {
  formatExample,
  requireMeasured,
  defineParityProbe,
  buildProofRequest,
  describeSides,
} from './testbed/parity-proofs.ts'

/** The vectors that a control answers before its database is lost. */
const ANSWERED = 8
/** The planted faults: the database drops user overrides, and is lost before the last vectors. */
const spoiled: WithResource<Adapters> = ({ adapters }, use) =>
  use(withoutUserOverrides(adapters, ANSWERED))

/**
 * E1: the decisions of a temporary file store and scratch state in a database on the vectors of the gate, and the parts
 * of the coverage without a vector. In the control the database drops user overrides on load, and is lost before the
 * last vectors. Inconclusive (`proof_inconclusive`) where the proof is.
 */
export const parityVectors = defineParityProbe<
  'vectors_passed' | 'divergences' | 'coverage_missing'
>({
  faulty: { vectors_passed: spoiled, divergences: spoiled, coverage_missing: spoiled },
  measure: async (adapters, context) => {
    const request = { ...buildProofRequest(context, adapters), more: [], only: null }
    const report = requireMeasured(await parityRun(request))
    const { items, counts, coverage, findings } = report
    return {
      measured: {
        vectors_passed: items.filter(({ state }) => state === 'pass').length,
        divergences: findings.length,
        coverage_missing: coverage.filter(({ vectors }) => vectors === 0).length,
      },
      met: { ...describeSides(report), vectors: counts.compared, fields: counts.fields.compared },
      sample_size: counts.compared,
      example: formatExample(report),
    }
  },
})
