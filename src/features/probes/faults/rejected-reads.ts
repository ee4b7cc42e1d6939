import { FfError } from '../../../errors.ts'
import type { ServiceStore } from '../../../ports/store.ts'
import { overrideMethods } from '../testbed/faulty-store.ts'

/**
 * The planted fault of the load probes: a store of which each `every`-th read rejects with FfError
 * `backing_unavailable`; all else is unchanged.
 */
export function rejectSome(store: ServiceStore, every: number): ServiceStore {
  let reads = 0
  return overrideMethods(store, () => ({
    read: (query) => {
      reads += 1
      if (reads % every !== 0) return store.read(query)
      return Promise.reject(
        new FfError('backing_unavailable', 'The store rejected a read.', {
          hint: 'A control of a probe injects this error.',
        }),
      )
    },
  }))
}
