import { setTimeout as sleep } from 'node:timers/promises'
import type { Measurement } from '../../core/gate/judge-measurement.ts'
import { FfError } from '../../errors.ts'
import { CUTOVER_CLOCK } from '../cutover/lease-clock.ts'
import { DISABLED_SWITCH_SQL, OLDER_ROWS_SQL } from './faults/broken-mirror.ts'
import { defineProbe, type Probe, type ProbeContext, type WithResource } from './framework/probe.ts'
import { ServiceInstance } from './testbed/cached-services.ts'
import {
  type DecisionSample,
  listDiffering,
  listSampledFlags,
  loadSampleRules,
  sampleDecisions,
  type SampleQuestion,
} from './testbed/decision-sample.ts'
import { type DrillCaller, DrillLoad } from './testbed/drill-load.ts'
import { describeSwitchNeeds, withStagingSwitch } from './testbed/staging-switch.ts'
import { GENERATED_FLAG } from './testbed/generated-store.ts'
import { LOADED, type ManagedCutover, withManagedCutover } from './testbed/managed-cutover.ts'

/** Services whose authority can be given to the database and back, and what they are asked meanwhile. */
interface SwitchDrill {
  readonly instances: readonly ServiceInstance[]
  /** Who sends the load. */
  readonly callers: readonly DrillCaller[]
  /** Clients of each caller besides the one that writes. */
  readonly readers: number
  readonly questions: readonly SampleQuestion[]
  /** Gives the authority to the database. @throws FfError of the step */
  readonly forth: () => Promise<void>
  /** Gives it back to the file. @throws FfError of the step */
  readonly back: () => Promise<void>
  /** Changes rows that the questions depend on. @throws FfError `proof_inconclusive` */
  readonly change: () => Promise<void>
  readonly met: Measurement['met']
}

type DecorateDrill = (drill: SwitchDrill, cutover: ManagedCutover) => SwitchDrill
/** Enough for the least sample of the item. */
const REQUESTS = 1_200
/** A way back that takes longer has broken the limit of the item. */
const GIVEN_UP_MS = 301_000

const CALLERS = 8
const SAMPLED = 20
const list = (count: number, prefix: string): readonly string[] =>
  Array.from({ length: count }, (_, at) => `${prefix}${at}`)

const onScratch =
  (decorate: DecorateDrill): WithResource<SwitchDrill> =>
  (context, use) =>
    withManagedCutover(context, (cutover) => use(decorate(openDrill(cutover), cutover)), {
      times: LOADED,
    })

/** A drill of a cutover in phase `file`. */
function openDrill(cutover: ManagedCutover): SwitchDrill {
  const sampled = list(SAMPLED, 'T-sampled-')
  return {
    instances: cutover.services.map(
      ({ client }, at) => new ServiceInstance(at, { client, admin: client }),
    ),
    callers: cutover.makeCallers(list(CALLERS, 'T-drill-')),
    readers: 0,
    questions: cutover
      .makeCallers(sampled)
      .map(({ headers }) => ({ flag_key: GENERATED_FLAG, headers })),
    forth: () => cutover.advanceTo('db_authoritative'),
    back: async () => void (await cutover.rollBackTo('shadow_read')),
    change: async () => {
      for (const [at, tenant] of sampled.entries()) {
        const change = { tenant, value: at + 1, request_id: `sampled-${tenant}` }
        const { revision } = await cutover.change(change, at)
        if (revision === null) throw makeUnchangedError(tenant)
      }
    },
    met: {
      service: 'two ff serve processes, FF_BACKING=managed, over HTTP on loopback',
      server: `PostgreSQL ${cutover.database.server}`,
    },
  }
}

const READERS = 3
const NEEDS = describeSwitchNeeds({
  callers: 3,
  tenants: 'each',
  scopes: ['ff:registry:write', 'ff:override:write'],
  changes: 'an override of it for each caller, which it removes; both ways are taken twice',
})
/** On the instances of staging where some are named, else on scratch. */
const whereNamed: WithResource<SwitchDrill> = (context, use) => {
  const { staging } = context.targets
  if (staging === undefined) return onScratch((drill) => drill)(context, use)
  return withStagingSwitch(
    context,
    { staging, needs: NEEDS },
    async ({ sampler: { headers }, ...drill }) => {
      // The flag that `change` changes, and others as they are.
      const keys = new Set([GENERATED_FLAG, ...(await listSampledFlags(context, drill.store))])
      const questions = [...keys].map((flag_key) => ({ flag_key, headers }))
      return use({ ...drill, readers: READERS, questions })
    },
  )
}

const makeUnchangedError = (tenant: string): FfError =>
  new FfError('proof_inconclusive', `A change of ${tenant} was not acknowledged.`, {
    hint: 'Run the probe again on a machine that does less at the same time.',
  })

const disabled = onScratch((drill, { database }) => ({
  ...drill,
  back: async () => {
    await database.run(DISABLED_SWITCH_SQL)
    await drill.back()
  },
}))
const shut = onScratch((drill, { database }) => ({
  ...drill,
  back: async () => {
    await drill.back()
    await database.run(DISABLED_SWITCH_SQL)
  },
}))
const undrained = onScratch((drill, { services }) => ({
  ...drill,
  back: async () => {
    await services.at(-1)?.kill()
    await drill.back()
  },
}))
const older = onScratch((drill, { database }) => ({
  ...drill,
  change: async () => {
    await database.run(OLDER_ROWS_SQL)
    await drill.change()
  },
}))

/**
 * I1: under a load of evaluations and writes, how long the way back from the database to the file takes, the share of
 * requests that failed on both ways, how many decisions of a sample are others once the file decides again or the database
 * after it, and whether the way forward was open again. A way back that does not come to its end is tried again for 301 s.
 * On a scratch file and a scratch database, or on the instances of staging where some are named, as a drill of the cutover
 * there, which ends before the probe does. The controls keep the database from deciding the way back, end a service without
 * draining it, go back to a file with older values, and keep the database from deciding the way forward after the way back.
 *
 * Inconclusive (`proof_inconclusive`) where no service decides a question of the sample, and where the writer of staging ends
 * the drill by itself.
 */
export const defineSwitchBack = (effort: SwitchBackEffort): Probe =>
  defineProbe<SwitchDrill, 'back_s' | 'failed_share' | 'decisions_differing' | 'forward_again'>({
    version: 1,
    site: 'scratch',
    staging: NEEDS,
    isolation: 'exclusive',
    sound: whereNamed,
    faulty: {
      back_s: disabled,
      failed_share: undrained,
      decisions_differing: older,
      forward_again: shut,
    },
    measure: (drill, context) => measureSwitchBack(drill, context, effort),
  })
export const switchBack = defineSwitchBack({ requests: REQUESTS, givenUpMs: GIVEN_UP_MS })

/** How much is measured. */
interface SwitchBackEffort {
  /** The load goes on until it has sent so many. */
  readonly requests: number
  /** For how long a way back is tried again that was taken back. */
  readonly givenUpMs: number
}

/** The measurement of I1 on one drill. @throws FfError `proof_inconclusive`; of a step that cannot begin */
async function measureSwitchBack(
  drill: SwitchDrill,
  context: ProbeContext,
  { requests, givenUpMs }: SwitchBackEffort,
): Promise<Measurement> {
  const { instances, callers, readers, questions } = drill
  const clients = instances.map(({ client }) => client)
  const rules = await loadSampleRules(context.root)
  await drill.forth()
  await drill.change()
  const load = new DrillLoad(instances, { callers, readers, pauseMs: PAUSE_MS })
  const sample = (kind: DecisionSample['kind']) => sampleDecisions(clients, questions, kind)
  try {
    await sleep(AT_REST_MS)
    const before = await sample('db')
    const { isBack, back_s } = await goBack(drill, context, givenUpMs)
    const after = isBack ? await sample('file') : null
    const isForth = isBack && (await isTaken(drill.forth))
    const again = isForth ? await sample('db') : null
    await sleep(AT_REST_MS)
    const { signal, progress } = context
    await load.untilSent(requests, { mostMs: MOST_LOAD_MS, signal, progress })
    await load.stop()
    const count = load.counter.take()
    const differing = [after, again].flatMap((one) =>
      one === null ? [] : listDiffering(before, one, rules),
    )
    return {
      measured: {
        back_s,
        failed_share: count.failed / count.requests,
        // Without a way back no decision of the file was seen.
        ...(after === null ? {} : { decisions_differing: differing.length }),
        forward_again: isForth,
      },
      met: {
        ...drill.met,
        clients: callers.length * (1 + readers),
        decisions_compared: before.answers.length,
        writes_acknowledged: count.acknowledged,
        decisions_marked_stale: count.stale,
        longest_write_gap_ms: count.write_gap_ms,
      },
      sample_size: count.requests,
      example: differing[0] ?? load.examples[0] ?? null,
    }
  } finally {
    await load.stop()
  }
}
/** Of each client between two requests. */
const PAUSE_MS = 5
/** Fewer requests by then are too few for the item. */
const MOST_LOAD_MS = 300_000
/** Before the first step and after the last one. */
const AT_REST_MS = 500

async function goBack(
  { back }: SwitchDrill,
  { signal }: ProbeContext,
  givenUpMs: number,
): Promise<{ readonly isBack: boolean; readonly back_s: number }> {
  const start = performance.now()
  for (;;) {
    const isBack = await isTaken(back)
    const tookMs = performance.now() - start
    if (isBack || tookMs >= givenUpMs) return { isBack, back_s: Math.round(tookMs / 10) / 100 }
    await CUTOVER_CLOCK.rest(RETRY_MS, signal)
    signal.throwIfAborted()
  }
}
const RETRY_MS = 1_000

/** The codes of a step that did not reach its goal, and may be tried again. */
const TAKEN_BACK: ReadonlySet<string> = new Set([
  'step_backed_out',
  'step_unsettled',
  'phase_refused',
])
/** Whether a step reached its goal. @throws another error of it */
async function isTaken(step: () => Promise<void>): Promise<boolean> {
  try {
    await step()
    return true
  } catch (error) {
    if (error instanceof FfError && TAKEN_BACK.has(error.code)) return false
    throw error
  }
}
