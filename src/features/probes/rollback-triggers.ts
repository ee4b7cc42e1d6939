import { parseExposition } from '../../core/alerts/exposition.ts'
import type { Measurement } from '../../core/gate/judge-measurement.ts'
import { checkTriggers, type RollbackTrigger } from '../../core/gate/trigger-rules.ts'
import { closeAfter } from '../../concurrency/open-all.ts'
import { FfError } from '../../errors.ts'
import type { Adapters } from '../../ports/adapters.ts'
import { METRICS_ROUTE } from '../serve/health.ts'
import { defineProbe, fromValue, type ProbeContext, type WithResource } from './framework/probe.ts'
import type { StagingNeeds } from './framework/staging-target.ts'

interface Armed {
  readonly triggers: readonly RollbackTrigger[]
  /** Names of the metrics that every instance serves. */
  readonly series: ReadonlySet<string>
}

const NEEDS: StagingNeeds = {
  instances: 2,
  callers: 0,
  scopes: [],
  changes: 'it reads the metrics of each instance, and changes nothing',
}
const SOUND: RollbackTrigger = {
  id: 'RT-1',
  metric: 'ff_store_up',
  action: 'ff cutover rollback',
  owner: 'the person on call',
}
const planted = (change: Partial<RollbackTrigger>): WithResource<Armed> =>
  fromValue(() => ({ triggers: [{ ...SOUND, ...change }], series: new Set(['ff_store_up']) }))

/**
 * I4: the rollback triggers of the team's folder without an action or an owner, and those on a metric that not every
 * instance of staging serves. The controls are a trigger without its owner, and one on a metric that does not exist.
 *
 * Inconclusive (`target_missing`) without triggers or instances of staging.
 */
export const rollbackTriggers = defineProbe<Armed, 'triggers_incomplete' | 'series_missing'>({
  version: 1,
  site: 'scratch',
  staging: NEEDS,
  isolation: 'parallel',
  sound: async (context, use) =>
    use({ triggers: requireTriggers(context), series: await readSeries(context) }),
  faulty: {
    triggers_incomplete: planted({ owner: '' }),
    series_missing: planted({ metric: 'ff_no_such_metric' }),
  },
  measure: ({ triggers, series }): Promise<Measurement> => {
    const { incomplete, missing } = checkTriggers(triggers, series)
    const [first] = [
      ...incomplete.map((id) => `${id} has no action or no owner`),
      ...missing.map((metric) => `no instance, or not every one, serves ${metric}`),
    ]
    return Promise.resolve({
      measured: { triggers_incomplete: incomplete.length, series_missing: missing.length },
      met: { triggers: triggers.length, metrics: series.size },
      sample_size: triggers.length,
      example: first ?? null,
    })
  },
})

function requireTriggers({ triggers }: ProbeContext): readonly RollbackTrigger[] {
  if (triggers != null) return triggers.triggers
  throw new FfError('target_missing', 'There is no checklists/rollback_triggers.json.', {
    hint: 'Run `cp checklists/templates/rollback_triggers.json checklists/rollback_triggers.json`, and name the owners.',
  })
}

/** @throws FfError `target_missing` without staging, `target_unreachable` for an instance that serves no metrics */
async function readSeries({ targets, adapters }: ProbeContext): Promise<ReadonlySet<string>> {
  if (targets.staging === undefined)
    throw new FfError('target_missing', 'The instances of staging are not named.', {
      hint: 'Name each instance with --staging SERVICE,ADMIN or in FF_STAGING_URL; ff probe explain says what it needs.',
    })
  const served = await Promise.all(
    targets.staging.instances.map(({ admin }) => readNames(adapters, admin)),
  )
  const [first = [], ...others] = served
  return new Set(first.filter((name) => others.every((names) => names.includes(name))))
}

const readNames = (adapters: Adapters, admin: string): Promise<readonly string[]> =>
  closeAfter(async (keep) => {
    const client = await keep(adapters.openClient(admin))
    const { method, path } = METRICS_ROUTE
    const { status, text } = await client.send({ method, path })
    const read = parseExposition(text)
    if (status === 200 && read.ok) return [...read.families.keys()]
    throw new FfError(
      'target_unreachable',
      `${admin}${path} serves no metrics: status ${status}.`,
      {
        hint: 'Name the origin of the admin port of each instance with --staging SERVICE,ADMIN.',
      },
    )
  })
