import type { ServiceStore } from '../../../ports/store.ts'
import { overlaid } from '../testbed/faulty-store.ts'

/** A store that lists the wrong way round. */
export const reversed = (store: ServiceStore): ServiceStore =>
  overlaid(store, () => ({ page: async (query) => (await store.page(query)).toReversed() }))
