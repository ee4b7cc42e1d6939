import { randomBytes, randomUUID } from 'node:crypto'
import type { CutoverPhase } from '../../../core/cutover/phases.ts'
import type { Measurement } from '../../../core/gate/judge-measurement.ts'
import type { TargetSpec } from '../../../core/parity/target.ts'
import { FfError } from '../../../errors.ts'
import type { Adapters } from '../../../ports/adapters.ts'
import { withCutoverSides } from '../../cutover/open-sides.ts'
import { type ProbeContext, requireDatabase } from '../framework/probe.ts'
import { askIdentity } from '../framework/staging.ts'
import type { StagingCaller, StagingNeeds } from '../framework/staging-target.ts'
import { toOverridePath } from './audited-changes.ts'
import type { ServiceInstance } from './cached-services.ts'
import { CalledInstance } from './called-events.ts'
import { removeRows, withCalledInstances } from './called-instances.ts'
import { countBehind, sendTenantChange } from './managed-cutover.ts'
import { identifyTarget } from './production-guard.ts'
import { requireStore } from './scratch-database.ts'
import { requirePhase } from './staging-phase.ts'
import type { StorePair } from './store-pair.ts'

/** Tenants whose override of the generated flag is changed; as many changes at once as that are of different rows. */
const TENANTS = 20

/** A file store and a database that the instances of staging write both, the file first. */
export interface StagingCutover extends StorePair {
  readonly met: Measurement['met']
  /** Changes a row at an instance, again while the answer is 503. @returns for how many milliseconds its caller waited */
  readonly change: (value: number) => Promise<number>
  /** How many records the database lacks; null where it does not answer. */
  readonly countBehind: () => Promise<number | null>
}

const writesFileFirst = (phase: CutoverPhase | null): boolean =>
  phase === 'dual_write' || phase === 'shadow_read'

/**
 * Lends the cutover of staging, and removes the rows that were changed afterwards.
 *
 * @throws FfError `target_missing` for another phase, without the file store of the instances or their database, and where
 *   these are others; as `withCalledInstances`; `proof_inconclusive` where a row may have stayed
 */
export function withStagingCutover<T>(
  context: ProbeContext,
  needs: StagingNeeds,
  use: (cutover: StagingCutover) => Promise<T>,
): Promise<T> {
  const wanted = { count: needs.instances, decorate: (own: Adapters) => own, needs }
  return withCalledInstances(context, wanted, async ({ instances, callers, met }) => {
    const phase = await requirePhase(context, writesFileFirst)
    const [first] = instances as readonly [ServiceInstance]
    const caller = callers[0] as StagingCaller
    const sides = await findSides(context)
    const before = await sides.readFileSeq()
    await new CalledInstance(first, caller).change()
    if ((await sides.readFileSeq()) <= before)
      throw makeSideError('the file store of the instances, and a change does not show in this one')
    const { store, database, countBehind } = sides
    const change = createChange(instances, caller, context)
    try {
      return await use({
        store,
        database,
        countBehind,
        change,
        met: { ...met, phase: String(phase) },
      })
    } finally {
      await removeRows(first, listRows(caller))
    }
  })
}

interface StagingSides extends StorePair, Pick<StagingCutover, 'countBehind'> {
  readonly readFileSeq: () => Promise<number>
}

/** The file store and the database of the instances, as this process reads them. */
async function findSides(context: ProbeContext): Promise<StagingSides> {
  const { adapters, root, targets } = context
  const [store, database] = [requireStore(context), requireDatabase(context)]
  const said = await askIdentity(targets.staging?.instances[0]?.admin ?? '', context)
  if ((await identifyTarget(database, context)) !== said.database)
    throw makeSideError(
      `the database ${said.database ?? ''} of the instances, and another is named`,
    )
  const { environment } = said
  // Another process holds the lock of the file, so that nothing is written with it.
  const tools = { digestKey: randomBytes(32), phase: 'file' } as const
  const request = { adapters, root, folder: toFolder(store), database, environment, tools }
  return {
    store,
    database,
    readFileSeq: () => withCutoverSides(request, async ({ chain }) => (await chain.head()).seq),
    countBehind: () => countBehind(request),
  }
}

function toFolder(store: TargetSpec): string {
  if (store.kind === 'file' && store.folder !== null) return store.folder
  throw makeSideError('the file store of the instances, and another kind of store is named')
}

const makeSideError = (what: string): FfError =>
  new FfError('target_missing', `The probe needs ${what}.`, {
    hint: 'Run it on the host of the file, with FF_STORE_DIR and FF_DATABASE_URL of the instances of staging.',
  })

const toTenant = (at: number): string => `T-written-${at}`
const listRows = ({ headers }: StagingCaller) =>
  Array.from({ length: TENANTS }, (_, at) => ({ path: toOverridePath(toTenant(at)), headers }))

/** Each change has a key of its own: one under a known key would not be made again. */
function createChange(
  instances: readonly ServiceInstance[],
  { headers }: StagingCaller,
  { signal }: ProbeContext,
): StagingCutover['change'] {
  return async (value) => {
    const { client } = instances[value % instances.length] as ServiceInstance
    const change = { tenant: toTenant(value % TENANTS), value, request_id: randomUUID() }
    return (await sendTenantChange(client, change, { headers, signal })).tookMs
  }
}
