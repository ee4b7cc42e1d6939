import { EMPTY_HEAD } from '../../core/audit/record.ts'
import type { Adapters } from '../../ports/adapters.ts'
import { readdir } from 'node:fs/promises'
import { quoteForShell, quoteValue } from '../../core/text/quote.ts'
import { FfError } from '../../errors.ts'
import { nullIfMissing } from '../../files/read-or-null.ts'

const NO_BATCHES: AsyncIterable<never> = {
  [Symbol.asyncIterator]: () => ({ next: () => Promise.resolve({ done: true, value: undefined }) }),
}
const NO_ROWS = { flag_registry: 0, tenant_override: 0, user_override: 0 }

/**
 * Creates an empty file store, and its folder where that is missing.
 *
 * @throws FfError `option_invalid` where the folder holds a store or other files already; else that of the file system
 */
export async function initStore(
  folder: string,
  { writeNewStore }: Pick<Adapters, 'writeNewStore'>,
): Promise<void> {
  const names = (await nullIfMissing(readdir(folder))) ?? []
  const others = names.filter((name) => !HARMLESS.has(name)).toSorted()
  // A store has its own error.
  if (others.length > 0 && !others.includes(SNAPSHOT)) throw makeOccupiedError(folder, others)
  await writeNewStore(folder, { epoch: 0, head: EMPTY_HEAD, counts: NO_ROWS }, NO_BATCHES)
}

const SNAPSHOT = 'snapshot.ndjson'
/** The lock of an interrupted start, and what a new file system has at its root. */
const HARMLESS: ReadonlySet<string> = new Set(['.lock', 'lost+found'])
const MOST_NAMES = 3

function makeOccupiedError(folder: string, names: readonly string[]): FfError {
  const shown = names.slice(0, MOST_NAMES).map(quoteValue).join(', ')
  const more = names.length > MOST_NAMES ? ` and ${names.length - MOST_NAMES} more` : ''
  return new FfError(
    'option_invalid',
    `The folder ${quoteValue(folder)} is not empty: it contains ${shown}${more}.`,
    { hint: `Name a new or empty folder, such as ${quoteForShell(`${folder}/store`)}.` },
  )
}
