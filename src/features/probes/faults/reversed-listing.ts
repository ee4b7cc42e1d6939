import type { ServiceStore } from '../../../ports/store.ts'
import { overrideMethods } from '../testbed/faulty-store.ts'

/** A store that lists the wrong way round. */
export const createReversedListing = (store: ServiceStore): ServiceStore =>
  overrideMethods(store, () => ({ page: async (query) => (await store.page(query)).toReversed() }))
