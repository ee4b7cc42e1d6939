import type { Measurement } from '../../core/gate/judge-measurement.ts'
import type { Adapters } from '../adapters.ts'
import { parityRun } from '../parity.ts'
import { forgettingUsers } from './faults/letting-in.ts'
import { probe } from './probe.ts'
import { exampleOf, measuredBy, proofRequest, sidesMet } from './proofs.ts'

/** E1: the vectors of the gate, on a file and a database. */
export const parityVectors = probe<Adapters>({
  version: 1,
  site: 'scratch',
  company: 'together',
  honest: ({ adapters }, use) => use(adapters),
  faulty: ({ adapters }, use) => use(forgettingUsers(adapters)),
  measure: async (adapters, world): Promise<Measurement> => {
    const request = { ...proofRequest(world, adapters), more: [], only: null }
    const report = measuredBy(await parityRun(request))
    const { items, counts, coverage, findings } = report
    return {
      measured: {
        vectors_passed: items.filter(({ state }) => state === 'pass').length,
        divergences: findings.length,
        coverage_missing: coverage.filter(({ vectors }) => vectors === 0).length,
      },
      met: { ...sidesMet(report), vectors: counts.compared, fields: counts.fields.compared },
      sample_size: counts.compared,
      example: exampleOf(report),
    }
  },
})
