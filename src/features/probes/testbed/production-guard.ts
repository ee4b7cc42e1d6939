import type { TargetSpec } from '../../../core/parity/target.ts'
import { FfError } from '../../../errors.ts'
import { loadPersistence } from '../../migrate/load-persistence.ts'
import type { ProbeContext } from '../framework/probe.ts'

/** `system_identifier/oid/schema` (page 9). @throws FfError saying why it cannot be asked */
export const identifyTarget = async (
  spec: TargetSpec,
  { adapters, root }: ProbeContext,
): Promise<string> => adapters.identifyDatabase(spec, (await loadPersistence(root)).versions)

/** @throws FfError `production_refused` where the plan says that this is the server that is in production */
export function refuseProduction(
  database: string | null,
  { plan }: Pick<ProbeContext, 'plan'>,
): void {
  if (database === null || plan?.environment !== 'production') return
  if (getCluster(database) === getCluster(plan.database)) throw makeProductionError()
}

export const makeProductionError = (): FfError =>
  new FfError('production_refused', 'It writes, and the server is that of production.', {
    hint: 'Point it at staging, or at a scratch server: no probe writes to production.',
  })

/** The server that a database is on: scratch state is made in other databases and schemas of it. */
const getCluster = (database: string): string => database.split('/', 1)[0] as string
