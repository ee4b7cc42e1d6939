import { EMPTY_HEAD } from '../../core/audit/record.ts'
import type { Adapters } from '../../ports/adapters.ts'

const NO_BATCHES: AsyncIterable<never> = {
  [Symbol.asyncIterator]: () => ({ next: () => Promise.resolve({ done: true, value: undefined }) }),
}
const NO_ROWS = { flag_registry: 0, tenant_override: 0, user_override: 0 }

/**
 * Creates an empty file store, and its folder where that is missing.
 *
 * @throws FfError `option_invalid` where the folder holds a store already; else that of the file system
 */
export async function initStore(
  folder: string,
  { writeNewStore }: Pick<Adapters, 'writeNewStore'>,
): Promise<void> {
  await writeNewStore(folder, { epoch: 0, head: EMPTY_HEAD, counts: NO_ROWS }, NO_BATCHES)
}
