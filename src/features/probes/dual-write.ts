import { setTimeout as sleep } from 'node:timers/promises'
import { mapConcurrently } from '../../concurrency/map-concurrently.ts'
import type { Measurement } from '../../core/gate/judge-measurement.ts'
import { percentile } from '../../core/load-stats/load.ts'
import { FfError } from '../../errors.ts'
import { HELD_RECORDS_SQL, OTHER_ROWS_SQL, REFUSED_RECORDS_SQL } from './faults/broken-mirror.ts'
import { defineProbe, type ProbeContext, type WithResource } from './framework/probe.ts'
import { attempt } from './framework/run-probe.ts'
import type { StagingNeeds } from './framework/staging-target.ts'
import { type ManagedCutover, withManagedCutover } from './testbed/managed-cutover.ts'
import { GENERATED_FLAG } from './testbed/generated-store.ts'
import { type StagingCutover, withStagingCutover } from './testbed/staging-cutover.ts'
import { withStagingFault } from './testbed/staging-faults.ts'
import { compareStores, listTableFindings, type StorePair } from './testbed/store-pair.ts'

/** A cutover, and what is done to its database once both stores are written: before the changes, and before the failure. */
interface Written {
  /** Null for that of staging. */
  readonly cutover: ManagedCutover | null
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

const NEEDS: StagingNeeds = {
  instances: 2,
  callers: 1,
  scopes: ['ff:registry:write', 'ff:override:write', 'ff:tenant:any'],
  fault: 'database',
  changes: `instances in dual_write or shadow_read; FF_STORE_DIR and FF_DATABASE_URL: their file store on this host, and their database, which are read. It sets the flag ${GENERATED_FLAG}, which stays, overrides it for twenty tenants until its end, and has the database fail for two seconds and as long as the program takes to end that`,
}

const refused = withWrites({ spoilRepair: REFUSED_RECORDS_SQL })
/**
 * C3: after changes at two `ff serve` processes that write a scratch file and a scratch database, with a failure of the
 * database for two seconds among them: the records that it lacks, the rows that differ, the 99th percentile of the time in
 * which a change was in both stores (as its caller waited for it), and how long after the failure both had the same
 * records. The controls refuse records, write other rows, and hold records back. Inconclusive (`proof_inconclusive`) on an
 * unexpected status.
 *
 * Where instances of staging are named, these are changed in its place, while the program of FF_STAGING_FAULTS lets their
 * database fail. How long that takes is up to the program, so the time in which a change was in both stores is that of the
 * changes before the failure alone, and the repair counts from when the program has ended it.
 */
export const dualWrite = defineProbe<
  Written,
  'unresolved' | 'divergences' | 'lag_p99_ms' | 'repair_s'
>({
  version: 1,
  site: 'scratch',
  staging: NEEDS,
  isolation: 'parallel',
  sound: (context, use) =>
    context.targets.staging === undefined
      ? withWrites({})(context, use)
      : use({ cutover: null, spoilChanges: null, spoilRepair: null }),
  faulty: {
    unresolved: refused,
    divergences: withWrites({ spoilChanges: OTHER_ROWS_SQL }),
    lag_p99_ms: withWrites({ spoilChanges: HELD_RECORDS_SQL }),
    repair_s: refused,
  },
  measure: async ({ cutover, spoilChanges, spoilRepair }, context) => {
    if (cutover === null)
      return withStagingCutover(context, NEEDS, (one) => measureStaging(one, context))
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
    requireMet(during)
    const lags = [...before, ...during]
    const pair = { store: cutover.store, database: database.target }
    const differing = await listDifferences(pair, context)
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

/** @throws FfError `proof_inconclusive` where no change waited for the database */
function requireMet(during: readonly number[]): void {
  if (Math.max(...during) >= MET_MS) return
  throw new FfError('proof_inconclusive', 'No change met the failure of the database.', {
    hint: 'Run the probe again on a machine that does less at the same time.',
  })
}

/** Changes of staging before its failure: as many as have to be looked at. */
const BEFORE_STAGING = { count: 100, atOnce: 4 } as const
const FAILED_MS = 2_000

async function measureStaging(
  cutover: StagingCutover,
  context: ProbeContext,
): Promise<Measurement> {
  const change = (from: number, { count, atOnce }: typeof BEFORE_STAGING | typeof DURING) =>
    mapConcurrently(
      Array.from({ length: count }, (_, at) => from + at),
      atOnce,
      cutover.change,
    )
  const before = await change(1, BEFORE_STAGING)
  // In an object: the failure is not waited for by the changes, which wait for its end.
  const { changes } = await withStagingFault(context, 'database', async () => {
    const begun = attempt(() => change(1 + BEFORE_STAGING.count, DURING))
    await sleep(FAILED_MS)
    return { changes: begun }
  })
  const { unresolved, repairMs } = await untilRepaired(cutover, context)
  const during = await changes
  if (!during.ok) throw during.error
  requireMet(during.value)
  const differing = await listDifferences(cutover, context)
  return {
    measured: {
      unresolved,
      divergences: differing.length,
      lag_p99_ms: Math.round(percentile(before, 0.99)),
      repair_s: Math.round(repairMs / 100) / 10,
    },
    met: { ...cutover.met, changes_before: before.length, changes_meanwhile: during.value.length },
    sample_size: before.length,
    example: differing[0] ?? null,
  }
}

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
  cutover: Pick<ManagedCutover, 'countBehind'>,
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

async function listDifferences(pair: StorePair, context: ProbeContext): Promise<readonly string[]> {
  const result = await compareStores(pair, context)
  return listTableFindings(result).map(
    ({ table, pointer, code }) => `${table}${pointer ?? ''}: ${code}`,
  )
}
