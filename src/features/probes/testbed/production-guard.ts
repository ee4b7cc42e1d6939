import { isProductionName } from '../../../core/auth/environment.ts'
import type { TargetSpec } from '../../../core/parity/target.ts'
import { FfError } from '../../../errors.ts'
import { loadPersistence } from '../../migrate/load-persistence.ts'
import type { ProbeContext } from '../framework/probe.ts'

/**
 * Connects to a database and returns its identity, `system_identifier/oid/schema/place`.
 *
 * @param environment the one that the database has to be made for; undefined for any
 * @throws FfError `place_refused` for a place of another environment, `target_invalid` for another kind of target,
 *   `artefact_invalid`, or the error of the connection
 */
export const identifyTarget = async (
  spec: TargetSpec,
  { adapters, root }: ProbeContext,
  environment?: string,
): Promise<string> =>
  adapters.identifyDatabase(spec, (await loadPersistence(root)).versions, environment)

/**
 * Refuses a database on the server (system identifier) that the plan names, where the plan's environment is production.
 * Does nothing for null, without a plan, or in another environment.
 *
 * @param database as `identifyTarget` returns it
 * @throws FfError `production_refused`
 */
export function refuseProduction(
  database: string | null,
  { plan }: Pick<ProbeContext, 'plan'>,
): void {
  if (database === null || plan === null || !isProductionName(plan.environment)) return
  if (getCluster(database) === getCluster(plan.database)) throw makeProductionError()
}

/**
 * Makes, but does not throw, the FfError `production_refused` of a probe that writes or disrupts, pointed at
 * production.
 */
export const makeProductionError = (): FfError =>
  new FfError(
    'production_refused',
    'The probe writes or disrupts, and the server is the one of production.',
    {
      hint: 'Use a server of staging, or a scratch server with --scratch URL.',
    },
  )

/** The server of a database: scratch state lies in other databases and schemas of the same server. */
const getCluster = (database: string): string => database.split('/', 1)[0] as string
