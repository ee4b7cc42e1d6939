import { randomUUID } from 'node:crypto'
import { mapConcurrently } from '../../concurrency/map-concurrently.ts'
import { withAll } from '../../concurrency/open-all.ts'
import type { Measurement } from '../../core/gate/judge-measurement.ts'
import type { TargetSpec } from '../../core/parity/target.ts'
import { parseRowLine } from '../../core/row-format/row-line.ts'
import { serializeNode } from '../../core/parity/node-text.ts'
import { FfError } from '../../errors.ts'
import { loadPersistence } from '../migrate/load-persistence.ts'
import { copyWithoutMirror, FIRST_REVISIONS_SQL } from './faults/broken-mirror.ts'
import { toOverridePath } from './testbed/audited-changes.ts'
import type { ServiceInstance } from './testbed/cached-services.ts'
import { sendChange } from './testbed/called-instances.ts'
import { GENERATED_FLAG } from './testbed/generated-store.ts'
import {
  type AnsweredChange,
  type ManagedCutover,
  readNumber,
  sendTenantChange,
  type TenantChange,
  withManagedCutover,
} from './testbed/managed-cutover.ts'
import { describeSwitchNeeds, withStagingSwitch } from './testbed/staging-switch.ts'
import {
  defineProbe,
  type ProbeContext,
  readNumberParam,
  type WithResource,
} from './framework/probe.ts'

/** Where changes are made while the database is the authority, and the file that has to have them after the way back. */
interface Mirrored {
  readonly forth: () => Promise<void>
  /** At one of the services. @throws FfError `proof_inconclusive` on an unexpected status */
  readonly change: (change: TenantChange, at: number) => Promise<AnsweredChange>
  readonly back: () => Promise<void>
  /** Says which folder is the file, once the database is the authority. The controls spoil the mirror then. */
  readonly findFile: () => Promise<string>
  readonly met: Measurement['met']
}
const withMirror =
  (findFile: (cutover: ManagedCutover) => Promise<string>): WithResource<Mirrored> =>
  (context, use) =>
    withManagedCutover(context, (cutover) =>
      use({
        forth: () => cutover.advanceTo('db_authoritative'),
        change: (change, at) => cutover.change(change, at),
        back: async () => void (await cutover.rollBackTo('file')),
        findFile: () => findFile(cutover),
        met: {
          service: 'two ff serve processes, FF_BACKING=managed, over HTTP on loopback',
          server: `PostgreSQL ${cutover.database.server}`,
        },
      }),
    )
const sound = withMirror(({ folder }) => Promise.resolve(folder))

const NEEDS = describeSwitchNeeds({
  callers: 1,
  scopes: ['ff:registry:write', 'ff:override:write', 'ff:tenant:any'],
  changes: 'overrides of it for tenants ff-probe-0 and on, which it removes',
})
/** On the instances of staging where some are named, else on scratch. */
const whereNamed: WithResource<Mirrored> = (context, use) => {
  const { staging } = context.targets
  if (staging === undefined) return sound(context, use)
  return withStagingSwitch(context, { staging, needs: NEEDS }, (drill) => {
    const { instances, sampler, store } = drill
    const { headers } = sampler
    const changed = new Set<string>()
    const change: Mirrored['change'] = (one, at) => {
      const instance = instances[at % instances.length] as ServiceInstance
      const path = toOverridePath(one.tenant)
      if (!changed.has(path))
        drill.later(() => sendChange(instance, { method: 'DELETE', path, headers }))
      changed.add(path)
      return sendTenantChange(instance.client, one, { headers, signal: context.signal })
    }
    return use({ ...drill, change, findFile: () => Promise.resolve(store.folder ?? '') })
  })
}

/** Changes that are made at once. */
const CONCURRENCY = 8
/** Changes of each row: a revision of 1 alone would tell nothing. */
const CHANGES_EACH = 2

/**
 * I2: of `changes` changes that two `ff serve` processes have acknowledged while the database was the authority, how many
 * are in the file after a rollback to phase `file`, and how many rows have another revision or value there. On a scratch
 * file and a scratch database, or on the instances of staging where some are named, as a drill of the cutover there, whose way
 * back ends in `shadow_read`. The controls look at a folder without a mirror, and at a mirror that counts revisions anew.
 * Inconclusive (`proof_inconclusive`) on an unexpected status, and where the writer of staging ends the drill by itself.
 */
export const rollbackLossless = defineProbe<Mirrored, 'changes_kept' | 'revisions_differing'>({
  version: 1,
  site: 'scratch',
  staging: NEEDS,
  isolation: 'exclusive',
  sound: whereNamed,
  faulty: {
    changes_kept: withMirror(({ folder }) => copyWithoutMirror(folder)),
    revisions_differing: withMirror(async ({ folder, database }) => {
      await database.run(FIRST_REVISIONS_SQL)
      return folder
    }),
  },
  measure: async (mirrored, context) => {
    const changes = readNumberParam(context, 'changes')
    await mirrored.forth()
    const folder = await mirrored.findFile()
    const acknowledged = await makeChanges(mirrored, changes, context)
    await mirrored.back()
    const { kept, differing } = await compareFile(context, { kind: 'file', folder }, acknowledged)
    return {
      measured: { changes_kept: kept, revisions_differing: differing.length },
      met: mirrored.met,
      sample_size: acknowledged.length,
      example: differing[0] ?? null,
    }
  },
})

/** Makes changes at both services, those of one row one after the other. @throws FfError `proof_inconclusive` */
async function makeChanges(
  mirrored: Mirrored,
  count: number,
  { progress }: ProbeContext,
): Promise<readonly AnsweredChange[]> {
  // Another run has other keys: a change under a known one is not made again.
  const run = randomUUID()
  const rows = Array.from({ length: Math.ceil(count / CHANGES_EACH) }, (_, at) => at)
  const made: AnsweredChange[] = []
  await mapConcurrently(rows, CONCURRENCY, async (row) => {
    for (let turn = 0; turn < CHANGES_EACH && row * CHANGES_EACH + turn < count; turn += 1) {
      made.push(await makeChange(mirrored, { run, row, turn }))
      progress(made.length, count)
    }
  })
  return made
}

async function makeChange(
  { change }: Mirrored,
  { run, row, turn }: { readonly run: string; readonly row: number; readonly turn: number },
): Promise<AnsweredChange> {
  const [tenant, value] = [`ff-probe-${row}`, row * CHANGES_EACH + turn]
  const done = await change({ tenant, value, request_id: `rollback-${run}-${value}` }, row + turn)
  if (done.revision !== null) return done
  throw new FfError('proof_inconclusive', `A change of ${tenant} was not acknowledged.`, {
    hint: 'Run the probe again on a machine that does less at the same time.',
  })
}

/** Which acknowledged changes have a record in the file, and which rows are not as they were acknowledged last. */
async function compareFile(
  { adapters, root }: ProbeContext,
  file: TargetSpec,
  changes: readonly AnsweredChange[],
): Promise<{ readonly kept: number; readonly differing: readonly string[] }> {
  const needs = await loadPersistence(root)
  const recorded = await withAll([() => adapters.openTrail(file, needs)], (trail) =>
    trail.read(0, async ({ records }) => {
      const found = new Set<string>()
      for await (const record of records) if (record !== null) found.add(record.request_id)
      return found
    }),
  )
  const last = new Map(
    changes
      .toSorted((one, other) => (one.revision ?? 0) - (other.revision ?? 0))
      .map((change) => [change.tenant, change]),
  )
  const keys = [...last.keys()].map((scope_id) => ({ scope_id, flag_key: GENERATED_FLAG }))
  const lines = await withAll([() => adapters.openRows(file, needs)], (rows) =>
    rows.lookup('tenant_override', keys),
  )
  const stored = new Map(lines.map((line) => [parseRowLine(line)?.key.scope_id ?? '', line]))
  const differing = [...last.values()].filter(
    ({ tenant, revision, value }) => !isStored(stored.get(tenant), { revision, value }),
  )
  return {
    kept: changes.filter(({ request_id }) => recorded.has(request_id)).length,
    differing: differing.map(
      ({ tenant, revision }) => `the override of ${tenant} is not at revision ${revision}`,
    ),
  }
}

function isStored(
  line: string | undefined,
  wanted: { readonly revision: number | null; readonly value: number },
): boolean {
  const node = line === undefined ? undefined : parseRowLine(line)?.node
  if (node === undefined) return false
  const row = serializeNode(node)
  return Object.entries(wanted).every(([name, number]) => readNumber(row, name) === number)
}
