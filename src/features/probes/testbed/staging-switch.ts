import { hostname } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  type Closable,
  closeAfter,
  closeAll,
  type KeepOpen,
} from '../../../concurrency/open-all.ts'
import type { Measurement } from '../../../core/gate/judge-measurement.ts'
import type { TargetSpec } from '../../../core/parity/target.ts'
import { FfError } from '../../../errors.ts'
import {
  beginDrill,
  checkDrill,
  type DrillStart,
  type DrillTools,
  endDrill,
  requireTaken,
} from '../../cutover/drill.ts'
import { CUTOVER_CLOCK } from '../../cutover/lease-clock.ts'
import type { StepPlan } from '../../cutover/refuse-step.ts'
import { type ProbeContext, requireDatabase } from '../framework/probe.ts'
import { askIdentity, makeMissingError } from '../framework/staging.ts'
import type { StagingCaller, StagingNeeds, StagingTarget } from '../framework/staging-target.ts'
import { toOverridePath } from './audited-changes.ts'
import type { ServiceInstance } from './cached-services.ts'
import { sendChange, withCalledInstances } from './called-instances.ts'
import { buildFlagBody } from './endpoints.ts'
import { GENERATED_FLAG } from './generated-store.ts'

/** Longer than a way back is tried again for. */
const DRILL_S = 600
/** Of each wait of a step. */
const BOUND_MS = 30_000

/**
 * What a probe needs of staging to move its authority.
 *
 * @param needs.changes what it does there besides
 */
export const describeSwitchNeeds = ({
  changes,
  ...needs
}: Omit<StagingNeeds, 'instances'>): StagingNeeds => ({
  ...needs,
  instances: 2,
  changes: `the host of the file of staging in shadow_read, with FF_ENV, FF_STORE_DIR, FF_DATABASE_URL, FF_CUTOVER_LEASE and FF_AUDIT_DIGEST_KEY_FILE of its instances: it gives the authority to the database and takes it back as \`ff cutover drill --staging\` does; where it dies, the writer goes back ${DRILL_S / 60} minutes later. It sets the flag ${GENERATED_FLAG}, which stays, and ${changes}`,
})

/** The instances of staging, whose authority can be given to the database and back. */
export interface StagingSwitch {
  readonly instances: readonly ServiceInstance[]
  /** Who may send a load, each for a tenant of its own. */
  readonly callers: readonly StagingCaller[]
  /** Who asks for the sample: no caller of the load has its tenant. */
  readonly sampler: StagingCaller
  /** The file of staging. */
  readonly store: TargetSpec & { readonly kind: 'file' }
  /** Changes what the sampler is decided, until each instance knows it. @throws FfError `proof_inconclusive` */
  readonly change: () => Promise<void>
  readonly met: Measurement['met']
  /** Begins a drill. @throws FfError as `beginDrill`; `proof_inconclusive` where an instance is in none after it */
  readonly forth: () => Promise<void>
  /** Has work done once the drill is over, the last one first. */
  readonly later: (work: () => Promise<void>) => void
  /** Ends it. @throws FfError as `endDrill`; `proof_inconclusive` where the writer has ended it before */
  readonly back: () => Promise<void>
}

/**
 * Lends the instances of staging once a drill could begin there, and has the authority with the file again afterwards. Each
 * caller has an override of the generated flag, 0, which is removed afterwards.
 *
 * @throws FfError `target_missing` where the stores are not named, or are not those of all of the instances; as `beginDrill`
 *   and `withCalledInstances`
 */
export async function withStagingSwitch<T>(
  context: ProbeContext,
  { staging, needs }: { readonly staging: StagingTarget; readonly needs: StagingNeeds },
  use: (drill: StagingSwitch) => Promise<T>,
): Promise<T> {
  // A run that has ended begins no further measurement.
  context.signal.throwIfAborted()
  const tools = toTools(context, staging)
  const gate = toPlan(context)
  await requireSameCutover(await checkDrill(tools, gate), staging, context)
  const { adapters } = context
  const wanted = { count: needs.instances, decorate: () => adapters, needs }
  return withCalledInstances(context, wanted, ({ instances, callers, met }) =>
    closeAfter(async (keep) => {
      await prepare(instances[0] as ServiceInstance, callers, keep)
      const kept: Promise<Closable>[] = []
      await keep(Promise.resolve({ close: () => closeAll(kept.toReversed()) }))
      const drill = new Drill(tools, { seconds: DRILL_S, gate })
      await keep(Promise.resolve(drill))
      const sampler = callers.at(-1) as StagingCaller
      return use({
        instances,
        callers: callers.slice(0, -1),
        sampler,
        store: { kind: 'file', folder: tools.request.folder },
        change: () => changeEverywhere(instances, sampler, context.now().getTime()),
        met: { ...met, drill: `for ${DRILL_S} s at most, on the host ${tools.host}` },
        forth: async () => {
          await drill.forth()
          await requireDrilled(instances, staging)
        },
        later: (close) => void kept.push(Promise.resolve({ close })),
        back: () => drill.back(),
      })
    }),
  )
}

/** What each step has at hand. @throws FfError `target_missing` */
function toTools(context: ProbeContext, { cutover }: StagingTarget): DrillTools {
  const { adapters, root, environment, signal, targets } = context
  const { store } = targets
  if (store?.kind !== 'file' || store.folder === null)
    throw new FfError('target_missing', 'The probe needs the folder of the file of staging.', {
      hint: 'Run it on the host of that file, with FF_STORE_DIR or --store file:DIR.',
    })
  return {
    request: {
      adapters,
      root,
      environment,
      folder: store.folder,
      database: requireDatabase(context),
      tools: { digestKey: cutover.digestKey, phase: 'file' },
      // The step that meets it says so.
      failed: () => undefined,
    },
    limits: { boundMs: BOUND_MS, leaseMs: cutover.leaseMs, drainMs: cutover.drainMs },
    clock: CUTOVER_CLOCK,
    signal,
    host: hostname(),
    observe: () => undefined,
  }
}

const toPlan = ({ plan }: ProbeContext): StepPlan | null =>
  plan === null
    ? null
    : {
        report: { identity: { environment: plan.environment, database: plan.database } },
        stagingDatabase: plan.staging_database ?? null,
      }

/** @throws FfError `target_missing` where the named instances are not the ones that take part in this cutover, all of them */
async function requireSameCutover(
  { live, ready }: Awaited<ReturnType<typeof checkDrill>>,
  { instances }: StagingTarget,
  context: ProbeContext,
): Promise<void> {
  const { database } = await askIdentity(instances[0]?.admin ?? '', context)
  const { identity } = ready.look
  if (database !== identity)
    throw new FfError(
      'target_missing',
      `The instances are on the database ${database ?? 'of no cutover'}, and FF_DATABASE_URL leads to ${identity}.`,
      { hint: 'Set FF_DATABASE_URL, or --database, to the database of the instances.' },
    )
  if (live.length !== instances.length)
    throw makeMissingError(
      `every instance of the cutover: ${live.length} take part in it, and ${instances.length} are named`,
    )
}

/** Makes the flag and the overrides, which are removed at the end. @throws FfError `proof_inconclusive` */
async function prepare(
  instance: ServiceInstance,
  callers: readonly StagingCaller[],
  keep: KeepOpen,
): Promise<void> {
  const [{ headers }] = callers as readonly [StagingCaller]
  const body = buildFlagBody({ value_type: 'number', default_value: 0, safe_value: 0 })
  const path = `/v1/flags/${GENERATED_FLAG}`
  await sendChange(instance, { method: 'PUT', path, headers, body })
  for (const caller of callers)
    await keep(
      sendChange(instance, { ...toOverride(caller), method: 'PUT', body: '{"value":0}' }),
      () => sendChange(instance, { ...toOverride(caller), method: 'DELETE' }),
    )
}

const toOverride = ({ tenant_id, headers }: StagingCaller) => ({
  path: toOverridePath(encodeURIComponent(tenant_id)),
  headers,
})

/** Changes an override, and waits until each instance decides by it. @throws FfError `proof_inconclusive` */
async function changeEverywhere(
  instances: readonly ServiceInstance[],
  caller: StagingCaller,
  value: number,
): Promise<void> {
  const [first] = instances as readonly [ServiceInstance]
  await sendChange(first, { ...toOverride(caller), method: 'PUT', body: JSON.stringify({ value }) })
  const knows = async (instance: ServiceInstance): Promise<boolean> => {
    const asked = await instance.evaluate(caller.headers)
    return asked.ok && asked.answer.value === value
  }
  await untilEach(instances, knows, {
    mostMs: MOST_SPREAD_MS,
    otherwise: 'has not heard of a change',
  })
}
/** A change is known everywhere long before. */
const MOST_SPREAD_MS = 10_000

/** Waits for a lease until each instance says itself that it is in the drill. @throws FfError `proof_inconclusive` */
const requireDrilled = (
  instances: readonly ServiceInstance[],
  { cutover: { leaseMs } }: StagingTarget,
): Promise<void> => {
  const isDrilled = async (one: ServiceInstance): Promise<boolean> =>
    (await one.count('ff_cutover_drill')) === 1
  return untilEach(instances, isDrilled, { mostMs: leaseMs, otherwise: 'is in no drill' })
}

const LOOK_MS = 100
async function untilEach(
  instances: readonly ServiceInstance[],
  isSo: (instance: ServiceInstance) => Promise<boolean>,
  { mostMs, otherwise }: { readonly mostMs: number; readonly otherwise: string },
): Promise<void> {
  const until = performance.now() + mostMs
  for (const instance of instances)
    while (!(await isSo(instance))) {
      if (performance.now() >= until)
        throw new FfError('proof_inconclusive', `Instance ${instance.at} ${otherwise}.`, {
          hint: 'Name the instances of this cutover with --staging; `ff cutover status` lists them.',
        })
      await sleep(LOOK_MS)
    }
}

/** The steps of a drill, which is over once it is closed. */
class Drill {
  private readonly tools: DrillTools
  private readonly start: DrillStart
  /** `given_up` after a way back that failed: it is measured, and the writer goes back in the end. */
  private standing: 'over' | 'begun' | 'given_up' = 'over'

  constructor(tools: DrillTools, start: DrillStart) {
    this.tools = tools
    this.start = start
  }

  async forth(): Promise<void> {
    this.standing = 'begun'
    await beginDrill(this.tools, this.start)
  }

  async back(): Promise<void> {
    this.standing = 'given_up'
    const step = await endDrill(this.tools)
    this.standing = 'over'
    requireTaken(step)
  }

  /** Takes the way back where it was not tried, or failed before. @throws FfError of it, unless it failed before */
  async close(): Promise<void> {
    if (this.standing === 'over') return
    const { standing } = this
    try {
      await endDrill(this.tools)
    } catch (error) {
      if (standing !== 'given_up' || !(error instanceof FfError)) throw error
    }
  }
}
