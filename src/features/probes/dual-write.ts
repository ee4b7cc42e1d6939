import { setTimeout as sleep } from 'node:timers/promises'
import { mapConcurrently } from '../../concurrency/map-concurrently.ts'
import { percentile } from '../../core/load-stats/load.ts'
import { FfError } from '../../errors.ts'
import { HELD_RECORDS_SQL, OTHER_ROWS_SQL, REFUSED_RECORDS_SQL } from './faults/broken-mirror.ts'
import { defineProbe, type ProbeContext, type WithResource } from './framework/probe.ts'
import { type ManagedCutover, withManagedCutover } from './testbed/managed-cutover.ts'
import { compareStores, listTableFindings } from './testbed/store-pair.ts'

/** A cutover, and what is done to its database once both stores are written: before the changes, and before the failure. */
interface Written {
  readonly cutover: ManagedCutover
  readonly spoilChanges: string | null
  readonly spoilRepair: string | null
}
const withWrites =
  (spoil: Partial<Omit<Written, 'cutover'>>): WithResource<Written> =>
  (context, use) =>
    withManagedCutover(context, (cutover) =>
      use({ cutover, spoilChanges: null, spoilRepair: null, ...spoil }),
    )

/** Changes before the failure, and while it lasts. */
const BEFORE = { count: 80, atOnce: 4 } as const
const DURING = { count: 20, atOnce: 20 } as const
/** How long a repair may take before the probe gives up: longer than any limit of the item. */
const GIVEN_UP_MS = 61_000
const LOOK_MS = 100

/**
 * Takes no record for two seconds, and ends each connection meanwhile, again and again: new ones alone would get through
 * between two turns.
 */
const FAILURE_SQL = `DO $$ BEGIN
  LOCK TABLE ff.audit IN ACCESS EXCLUSIVE MODE;
  FOR turn IN 1..40 LOOP
    PERFORM pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = current_database() AND pid <> pg_backend_pid();
    PERFORM pg_stat_clear_snapshot();
    PERFORM pg_sleep(0.05);
  END LOOP;
END $$`

/** After this time the failure is under way; a change that has met it waits longer than the other one. */
const BEGUN_MS = 300
const MET_MS = 1_000

const refused = withWrites({ spoilRepair: REFUSED_RECORDS_SQL })
/**
 * C3: after changes at two `ff serve` processes that write a scratch file and a scratch database, with a failure of the
 * database for two seconds among them: the records that it lacks, the rows that differ, the 99th percentile of the time in
 * which a change was in both stores (as its caller waited for it), and how long after the failure both had the same
 * records. The controls refuse records, write other rows, and hold records back. Inconclusive (`proof_inconclusive`) on an
 * unexpected status.
 */
export const dualWrite = defineProbe<
  Written,
  'unresolved' | 'divergences' | 'lag_p99_ms' | 'repair_s'
>({
  version: 1,
  site: 'scratch',
  isolation: 'parallel',
  sound: withWrites({}),
  faulty: {
    unresolved: refused,
    divergences: withWrites({ spoilChanges: OTHER_ROWS_SQL }),
    lag_p99_ms: withWrites({ spoilChanges: HELD_RECORDS_SQL }),
    repair_s: refused,
  },
  measure: async ({ cutover, spoilChanges, spoilRepair }, context) => {
    const { database } = cutover
    await cutover.advanceTo('dual_write')
    const [before] = await Promise.all([
      makeChanges(cutover, { from: 0, ...BEFORE }),
      spoilChanges === null ? null : database.run(spoilChanges),
    ])
    if (spoilRepair !== null) await database.run(spoilRepair)
    const [during, { unresolved, repairMs }] = await Promise.all([
      // Of changes that begin with the failure, many end before its first turn.
      sleep(BEGUN_MS).then(() => makeChanges(cutover, { from: BEFORE.count, ...DURING })),
      database.run(FAILURE_SQL).then(() => untilRepaired(cutover, context)),
    ])
    if (Math.max(...during) < MET_MS)
      throw new FfError('proof_inconclusive', 'No change met the failure of the database.', {
        hint: 'Run the probe again on a machine that does less at the same time.',
      })
    const lags = [...before, ...during]
    const differing = await listDifferences(cutover, context)
    return {
      measured: {
        unresolved,
        divergences: differing.length,
        lag_p99_ms: Math.round(percentile(lags, 0.99)),
        repair_s: Math.round(repairMs / 100) / 10,
      },
      met: {
        service: 'two ff serve processes, FF_BACKING=managed, over HTTP on loopback',
        server: `PostgreSQL ${cutover.database.server}`,
        failure: 'no record taken and every connection ended for two seconds',
      },
      sample_size: lags.length,
      example: differing[0] ?? null,
    }
  },
})

/** Makes changes of a row each. @returns how long each caller waited, in milliseconds */
async function makeChanges(
  cutover: ManagedCutover,
  {
    from,
    count,
    atOnce,
  }: { readonly from: number; readonly count: number; readonly atOnce: number },
): Promise<readonly number[]> {
  const numbers = Array.from({ length: count }, (_, at) => from + at)
  const took: number[] = []
  await mapConcurrently(numbers, atOnce, async (value) => {
    const change = { tenant: `T-${value}`, value, request_id: `dual-${value}` }
    took.push((await cutover.change(change, value)).tookMs)
  })
  return took
}

/** Waits until the database has all that the file has. */
async function untilRepaired(
  cutover: ManagedCutover,
  { signal }: ProbeContext,
): Promise<{ readonly unresolved: number; readonly repairMs: number }> {
  const start = performance.now()
  for (;;) {
    signal.throwIfAborted()
    const behind = await cutover.countBehind()
    const repairMs = performance.now() - start
    if (behind === 0) return { unresolved: 0, repairMs }
    if (repairMs > GIVEN_UP_MS) return { unresolved: behind ?? DURING.count, repairMs }
    await sleep(LOOK_MS)
  }
}

async function listDifferences(
  { store, database }: ManagedCutover,
  context: ProbeContext,
): Promise<readonly string[]> {
  const result = await compareStores({ store, database: database.target }, context)
  return listTableFindings(result).map(
    ({ table, pointer, code }) => `${table}${pointer ?? ''}: ${code}`,
  )
}
