import type { Measurement } from '../../core/gate/judge-measurement.ts'
import { CATALOGUE } from '../selftest/catalogue.ts'
import { COMPARER_FAULTS } from '../selftest/comparer-faults.ts'
import type { Fault } from '../selftest/fault.ts'
import { paritySelftest } from '../selftest/parity-selftest.ts'
import { FfError } from '../../errors.ts'
import { given, probe } from './framework/probe.ts'
import { exampleOf, proofRequest } from './testbed/parity-proofs.ts'

const PROOFS = [...new Set(CATALOGUE.map(({ proof }) => proof))]
/** An entry that does nothing, for each proof: it has to be found out. */
const IDLE = PROOFS.map((proof): Fault => ({
  id: `idle.${proof}`,
  models: 'nothing at all',
  proof,
  plant: (bench) => bench,
}))
/** As many entries as ours, so that only those that do nothing make the difference; the others are quickly caught. */
const idleAmong = (catalogue: readonly Fault[]): readonly Fault[] => [
  ...IDLE,
  ...catalogue.slice(IDLE.length).map((_, at) => {
    return COMPARER_FAULTS[at % COMPARER_FAULTS.length] as Fault
  }),
]

/** E3: whether every fault of the catalogue is caught. */
export const selftestCatches = probe<readonly Fault[]>({
  version: 1,
  site: 'scratch',
  company: 'together',
  honest: given(() => CATALOGUE),
  faulty: given(() => idleAmong(CATALOGUE)),
  measure: async (catalogue, world): Promise<Measurement> => {
    const request = { ...proofRequest(world, world.adapters), progress: world.progress }
    const report = await paritySelftest(request, catalogue)
    const alarms = report.items.filter(isAlarm)
    const faults = report.items.filter(({ id }) => !id.startsWith(CONTROL))
    if (alarms.some(({ state }) => state !== 'pass'))
      throw new FfError('proof_inconclusive', 'A proof raised an alarm without any fault.', {
        hint: 'Run ff parity run and ff parity exhaustive, and mend what they show.',
      })
    const caught = faults.filter(({ state }) => state === 'pass').length
    return {
      measured: { catalogue: faults.length, caught_gap: faults.length - caught },
      met: { candidate: world.targets.scratch.kind, caught, proofs_without_a_fault: alarms.length },
      sample_size: faults.length,
      example: exampleOf(report),
    }
  },
})

const CONTROL = 'control.'
const isAlarm = ({ id }: { readonly id: string }): boolean => id.startsWith(CONTROL)
