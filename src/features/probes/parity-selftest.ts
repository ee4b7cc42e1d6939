import type { Measurement } from '../../core/gate/judge-measurement.ts'
import { FAULT_CATALOGUE } from '../selftest/catalogue.ts'
import type { PlantedFault } from '../selftest/fault.ts'
import { paritySelftest } from '../selftest/parity-selftest.ts'
import { FfError } from '../../errors.ts'
import { fromValue, defineProbe } from './framework/probe.ts'
import { formatExample, buildProofRequest } from './testbed/parity-proofs.ts'

const PROOFS = [...new Set(FAULT_CATALOGUE.map(({ proof }) => proof))]
/** A fault that changes nothing, for each proof: no proof can catch it. */
const IDLE = PROOFS.map((proof): PlantedFault => ({
  id: `idle.${proof}`,
  models: 'nothing at all',
  proof,
  plant: (context) => context,
}))
/** The planted fault: a catalogue of such entries alone, which is short, too. */
const spoiled = fromValue((): readonly PlantedFault[] => IDLE)

/**
 * E3: the faults of the catalogue that the parity proofs catch, between a temporary file store and scratch state in a
 * database. The control has a catalogue of faults that change nothing, one for each proof.
 * Inconclusive (`proof_inconclusive`) where a proof fails without a fault, or cannot run without a Redis.
 */
export const selftestCatches = defineProbe<readonly PlantedFault[], 'caught_gap' | 'catalogue'>({
  version: 1,
  site: 'scratch',
  isolation: 'parallel',
  sound: fromValue(() => FAULT_CATALOGUE),
  faulty: { caught_gap: spoiled, catalogue: spoiled },
  measure: async (catalogue, probeContext): Promise<Measurement> => {
    const request = {
      ...buildProofRequest(probeContext, probeContext.adapters),
      progress: probeContext.progress,
    }
    const report = await paritySelftest(request, catalogue)
    const missing = report.findings.find(({ code }) => code === 'not_run')
    if (missing !== undefined)
      throw new FfError('proof_inconclusive', `A parity proof was not run: ${missing.detail}`, {
        hint: 'Install redis-server: sudo npm run setup:machine',
      })
    const alarms = report.items.filter(isAlarm)
    const faults = report.items.filter(({ id }) => !id.startsWith(CONTROL))
    if (alarms.some(({ state }) => state !== 'pass'))
      throw new FfError('proof_inconclusive', 'A parity proof failed without a planted fault.', {
        hint: 'Run ff parity run and ff parity exhaustive, and correct the failures that they show.',
      })
    const caught = faults.filter(({ state }) => state === 'pass').length
    return {
      measured: { catalogue: faults.length, caught_gap: faults.length - caught },
      met: {
        candidate: probeContext.targets.scratch.kind,
        caught,
        proofs_without_a_fault: alarms.length,
      },
      sample_size: faults.length,
      example: formatExample(report),
    }
  },
})

const CONTROL = 'control.'
const isAlarm = ({ id }: { readonly id: string }): boolean => id.startsWith(CONTROL)
