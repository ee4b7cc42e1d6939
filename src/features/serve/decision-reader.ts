import type { DecisionCache } from '../../ports/cache.ts'
import type { ServiceStore } from '../../ports/store.ts'
import { isAway } from './guarded-store.ts'
import type { KnownRows, LastKnownGood } from './last-known-good.ts'

/** Reads what the decisions of one request need. */
export interface DecisionReader extends Pick<ServiceStore, 'kind' | 'read' | 'readMany' | 'page'> {
  /** Absent where no decisions are cached. */
  readonly decisions?: DecisionCache | undefined
}

/** The reader of one request, by what the service stands on. */
export const openDecisionReader = ({
  managed,
  reader,
  store,
  lastKnown,
}: {
  readonly managed?: { openReader(): DecisionReader }
  readonly reader?: DecisionReader
  readonly store: DecisionReader
  readonly lastKnown: LastKnownGood | null
}): DecisionReader => managed?.openReader() ?? createDecisionReader(reader ?? store, lastKnown)

/**
 * Creates the reader of one request: the store (through its cache, where it has one), or the last known rows from the
 * first read on that finds the store away. So a request waits for the store once, and all its decisions have one
 * source.
 *
 * @returns a reader that throws the error of the store where there are no such rows
 */
export function createDecisionReader(
  store: DecisionReader,
  lastKnown: LastKnownGood | null,
): DecisionReader {
  if (lastKnown === null) return store
  let known: KnownRows | null = null
  const answer = async <T>(ask: () => Promise<T>, recall: (rows: KnownRows) => T): Promise<T> => {
    if (known !== null) return recall(known)
    try {
      return await ask()
    } catch (error) {
      known = isAway(error) ? lastKnown.find() : null
      if (known === null) throw error
      return recall(known)
    }
  }
  return {
    kind: store.kind,
    decisions: store.decisions,
    read: (query) =>
      answer(
        () => store.read(query),
        (rows) => rows.read(query),
      ),
    readMany: (query) =>
      answer(
        () => store.readMany(query),
        (rows) => query.flag_keys.map((flag_key) => rows.read({ ...query, flag_key })),
      ),
    page: (query) =>
      answer(
        () => store.page(query),
        (rows) => rows.page(query),
      ),
  }
}
