import { parityRun } from '../parity/parity.ts'
import {
  formatExample,
  requireMeasured,
  defineParityProbe,
  buildProofRequest,
  describeSides,
} from './testbed/parity-proofs.ts'

/**
 * E1: the decisions of a temporary file store and scratch state in a database on the vectors of the gate, and the parts
 * of the coverage without a vector. The control drops user overrides on load into the database. Inconclusive
 * (`proof_inconclusive`) where the proof is.
 */
export const parityVectors = defineParityProbe(async (adapters, context) => {
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
})
