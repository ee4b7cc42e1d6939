import { closeAfter } from '../../../concurrency/open-all.ts'
import { compareJson } from '../../../core/parity/compare.ts'
import type { TargetSpec } from '../../../core/parity/target.ts'
import { FfError } from '../../../errors.ts'
import { loadPersistence, type DdlContract } from '../../migrate/load-persistence.ts'
import { type DiffResult, diffSources, SETTLE_MS } from '../../import-export/diff-sources.ts'
import { openBoth } from '../../import-export/open-both.ts'
import type { RowFinding } from '../../import-export/row-report.ts'
import { requireDatabase, type WithResource, type ProbeContext } from '../framework/probe.ts'
import { generateTenants, withGeneratedStore } from './generated-store.ts'
import { importStore, requireStore, withMigratedDatabase } from './scratch-database.ts'

/** The store that is replaced, and the database that has to hold the same rows. */
export interface StorePair {
  readonly store: TargetSpec
  readonly database: TargetSpec
}

/**
 * Lends the named store and the named database; opens neither.
 *
 * @throws FfError `target_missing` where one is not named
 */
export const withLiveStores: WithResource<StorePair> = (context, use) =>
  use({ store: requireStore(context), database: requireDatabase(context) })

const COPIED = { tenants: generateTenants(20), revision: 1 }
/**
 * Lends a generated store and a copy of it in a scratch database, corrupted by the SQL of `fault`; removes both
 * afterwards. Needs no named store or database.
 *
 * @throws FfError `production_refused`, or the error of the copy
 */
export const withCorruptedCopy =
  (fault: string): WithResource<StorePair> =>
  (context, use) =>
    withGeneratedStore(context, COPIED, (store) =>
      withMigratedDatabase(context, async (scratch, inputs) => {
        const stores = { store, database: scratch.target }
        await importStore(context, inputs, { source: store, database: stores.database })
        await scratch.run(fault)
        return use(stores)
      }),
    )

/**
 * Lends a generated store and a copy of another one in a scratch database; removes both afterwards.
 *
 * @throws FfError `production_refused`, or the error of the copy
 */
export const withCopyOfAnother: WithResource<StorePair> = (context, use) =>
  withCorruptedCopy('')(context, ({ database }) =>
    withGeneratedStore(context, { ...COPIED, revision: 2 }, (store) => use({ store, database })),
  )

/** The comparison stops after this many differences. */
const MAX_DIFFERENCES = 1_000

/**
 * Compares every row of the store (baseline) with every row of the database (candidate), read only; a differing row is
 * read again up to three times. Ends early after 1,000 differences (`complete` is false), and where the run is aborted
 * (`complete` stays true). Returns the differences of each table, and the persistence contract as `inputs`.
 *
 * @throws FfError `store_corrupt` where a side does not match its own digest or counts or is out of order,
 *   `backing_unavailable` where rows changed at each read, `artefact_invalid`, or the error of opening a side
 */
export async function compareStores(
  { store, database }: StorePair,
  { adapters, root, signal, progress }: ProbeContext,
): Promise<DiffResult & { readonly inputs: DdlContract }> {
  const inputs = await loadPersistence(root)
  return closeAfter(async (keep) => {
    const [baseline, candidate] = await openBoth(keep, [store, database], {
      adapters,
      needs: inputs,
    })
    const of = Object.values(baseline.counts).reduce((all, one) => all + one, 0)
    const result = await diffSources(
      { baseline, candidate },
      {
        maxDiffs: MAX_DIFFERENCES,
        progress: (rows) => progress(Math.min(rows, of), of),
        stopped: () => signal.aborted,
        compare: compareJson,
        pauseMs: SETTLE_MS,
        sample: null,
      },
    )
    const [fault] = [...baseline.faults(), ...candidate.faults()]
    if (fault !== undefined)
      throw new FfError(
        'store_corrupt',
        `A side does not match its own digest or counts: ${fault.detail}.`,
        {
          hint: 'Restore the store, or run ff migrate verify on the database.',
        },
      )
    const moving = result.tables.reduce((all, { inFlight }) => all + inFlight.length, 0)
    if (moving > 0)
      throw new FfError(
        'backing_unavailable',
        `${moving} rows changed at each read, so they could not be compared.`,
        {
          hint: 'Run ff probe run again while fewer writes arrive.',
        },
      )
    return { ...result, inputs }
  })
}

/** A finding in one table. */
export interface TableFinding extends RowFinding {
  readonly table: string
}
/** The findings of all tables in one list, in the order of the tables, each with the name of its table. */
export const listTableFindings = ({ tables }: DiffResult): readonly TableFinding[] =>
  tables.flatMap(({ table, findings }) => findings.map((one) => ({ ...one, table })))

/** The number of keys compared in all tables; a key on both sides counts once. */
export const countRows = ({ tables }: DiffResult): number =>
  tables.reduce((all, { rows }) => all + rows, 0)
