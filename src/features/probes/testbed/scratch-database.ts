import type { TargetSpec } from '../../../core/parity/target.ts'
import { FfError } from '../../../errors.ts'
import type { ScratchDatabase } from '../../../ports/database.ts'
import { importInto, type ImportRequest } from '../../import-export/import-rows.ts'
import { migrateUp } from '../../migrate/migrate.ts'
import { loadPersistence, type DdlContract } from '../../migrate/load-persistence.ts'
import { identifyTarget, refuseProduction } from './production-guard.ts'
import type { ProbeContext } from '../framework/probe.ts'

/** The place of each database that a probe makes. */
export const SCRATCH_ENVIRONMENT = 'prod'

/**
 * Creates a database on the scratch server, or on a private one where none is named, applies all migrations, lends it
 * with the persistence contract, and drops it afterwards.
 *
 * @throws FfError `production_refused` where the scratch server is that of production, `target_invalid`,
 *   `artefact_invalid`, or the error of the connection or of a migration
 */
export async function withMigratedDatabase<T>(
  context: ProbeContext,
  use: (scratch: ScratchDatabase, inputs: DdlContract) => Promise<T>,
): Promise<T> {
  const { targets, adapters, root, signal } = context
  const inputs = await loadPersistence(root)
  if (targets.scratch.kind === 'postgres')
    refuseProduction(await identifyTarget(targets.scratch, context), context)
  return adapters.withScratchDatabase(targets.scratch, inputs.versions, async (scratch) => {
    const database = scratch.target
    const place = { environment: SCRATCH_ENVIRONMENT, adopt: false }
    await migrateUp({ root, database, adapters, signal, to: null, dryRun: false, ...place })
    return use(scratch, inputs)
  })
}

/**
 * The store that the database takes over from; opens nothing.
 *
 * @throws FfError `target_missing` where no option or setting names one
 */
export function requireStore({ targets }: Pick<ProbeContext, 'targets'>): TargetSpec {
  if (targets.store !== null) return targets.store
  throw new FfError(
    'target_missing',
    'The probe needs the store that the database takes over from, and none is named.',
    {
      hint: 'Set FF_STORE_DIR, or use --store file:DIR.',
    },
  )
}

/**
 * Imports all rows of a store into a migrated database, with the adapters of `way` where it names some.
 *
 * @throws FfError `row_refused` with the findings as details where the import did not end with `ok`, or the error of
 *   the import
 */
export async function importStore(
  { root, signal, now, adapters }: ProbeContext,
  inputs: DdlContract,
  way: Pick<ImportRequest, 'source' | 'database'> & Partial<Pick<ImportRequest, 'adapters'>>,
): Promise<void> {
  const progress = (): void => undefined
  const environment = SCRATCH_ENVIRONMENT
  const request = { root, signal, now, adapters, environment, dryRun: false, progress, ...way }
  const { exitName, findings } = await importInto(request, inputs)
  if (exitName === 'ok') return
  throw new FfError(
    'row_refused',
    'The import of the store into a scratch database refused rows.',
    {
      hint: 'Run ff import --dry-run on the store, and correct the rows that it names.',
      details: findings.map(({ code, pointer }) => `${code} ${pointer ?? ''}`),
    },
  )
}
