import type { TargetSpec } from '../../../core/parity/target.ts'
import { FfError } from '../../../errors.ts'
import type { ScratchDatabase } from '../../../ports/database.ts'
import { importInto, type ImportRequest } from '../../import-export/import-rows.ts'
import { migrateUp } from '../../migrate/migrate.ts'
import { loadPersistence, type DdlContract } from '../../migrate/load-persistence.ts'
import { identifyTarget, refuseProduction } from './production-guard.ts'
import type { ProbeContext } from '../framework/probe.ts'

/** Lends a new database on the scratch server, at the head of the migrations. @throws FfError `production_refused` */
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
    await migrateUp({ root, database, adapters, signal, to: null, dryRun: false })
    return use(scratch, inputs)
  })
}

/** The store that the database takes over from. @throws FfError `target_missing` */
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

/** Imports a store into a scratch database. @throws FfError `row_refused` where a row was refused */
export async function importStore(
  { root, signal, now, adapters }: ProbeContext,
  inputs: DdlContract,
  way: Pick<ImportRequest, 'source' | 'database'> & Partial<Pick<ImportRequest, 'adapters'>>,
): Promise<void> {
  const progress = (): void => undefined
  const request = { root, signal, now, adapters, dryRun: false, progress, ...way }
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
