import { openEntry } from './entry.ts'
import { KnownChanges } from './known-changes.ts'

/** By what a cache believes an entry: its seal, and the changes that are known of its rows. */
export interface EntryChecks {
  readonly open: typeof openEntry
  readonly createKnown: (limits: ConstructorParameters<typeof KnownChanges>[0]) => KnownChanges
}
/** The checks of every cache but those of the selftest. */
export const ENTRY_CHECKS: EntryChecks = {
  open: openEntry,
  createKnown: (limits) => new KnownChanges(limits),
}
