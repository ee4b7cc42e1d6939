import { mapConcurrently } from '../../concurrency/map-concurrently.ts'
import { withAll } from '../../concurrency/open-all.ts'
import type { TargetSpec } from '../../core/parity/target.ts'
import { parseRowLine } from '../../core/row-format/row-line.ts'
import { serializeNode } from '../../core/parity/node-text.ts'
import { FfError } from '../../errors.ts'
import { loadPersistence } from '../migrate/load-persistence.ts'
import { copyWithoutMirror, FIRST_REVISIONS_SQL } from './faults/broken-mirror.ts'
import { GENERATED_FLAG } from './testbed/generated-store.ts'
import {
  type AnsweredChange,
  type ManagedCutover,
  readNumber,
  withManagedCutover,
} from './testbed/managed-cutover.ts'
import {
  defineProbe,
  type ProbeContext,
  readNumberParam,
  type WithResource,
} from './framework/probe.ts'

/** A cutover, and what is done to its mirror once the database is the authority; it says which folder is the file then. */
interface Mirrored {
  readonly cutover: ManagedCutover
  readonly spoil: (cutover: ManagedCutover) => Promise<string>
}
const withMirror =
  (spoil: Mirrored['spoil']): WithResource<Mirrored> =>
  (context, use) =>
    withManagedCutover(context, (cutover) => use({ cutover, spoil }))

/** Changes that are made at once. */
const CONCURRENCY = 8
/** Changes of each row: a revision of 1 alone would tell nothing. */
const CHANGES_EACH = 2

/**
 * I2: of `changes` changes that two `ff serve` processes have acknowledged while the database was the authority, how many
 * are in the file after a rollback to phase `file`, and how many rows have another revision or value there. On a scratch
 * file and a scratch database. The controls look at a folder without a mirror, and at a mirror that counts revisions anew.
 * Inconclusive (`proof_inconclusive`) on an unexpected status.
 */
export const rollbackLossless = defineProbe<Mirrored, 'changes_kept' | 'revisions_differing'>({
  version: 1,
  site: 'scratch',
  isolation: 'parallel',
  sound: withMirror(({ folder }) => Promise.resolve(folder)),
  faulty: {
    changes_kept: withMirror(({ folder }) => copyWithoutMirror(folder)),
    revisions_differing: withMirror(async ({ folder, database }) => {
      await database.run(FIRST_REVISIONS_SQL)
      return folder
    }),
  },
  measure: async ({ cutover, spoil }, context) => {
    const changes = readNumberParam(context, 'changes')
    await cutover.advanceTo('db_authoritative')
    const folder = await spoil(cutover)
    const acknowledged = await makeChanges(cutover, changes, context)
    await cutover.rollBackTo('file')
    const { kept, differing } = await compareFile(context, { kind: 'file', folder }, acknowledged)
    return {
      measured: { changes_kept: kept, revisions_differing: differing.length },
      met: {
        service: 'two ff serve processes, FF_BACKING=managed, over HTTP on loopback',
        server: `PostgreSQL ${cutover.database.server}`,
      },
      sample_size: acknowledged.length,
      example: differing[0] ?? null,
    }
  },
})

/** Makes changes at both services, those of one row one after the other. @throws FfError `proof_inconclusive` */
async function makeChanges(
  cutover: ManagedCutover,
  count: number,
  { progress }: ProbeContext,
): Promise<readonly AnsweredChange[]> {
  const rows = Array.from({ length: Math.ceil(count / CHANGES_EACH) }, (_, at) => at)
  const made: AnsweredChange[] = []
  await mapConcurrently(rows, CONCURRENCY, async (row) => {
    for (let turn = 0; turn < CHANGES_EACH && row * CHANGES_EACH + turn < count; turn += 1) {
      made.push(await makeChange(cutover, row, turn))
      progress(made.length, count)
    }
  })
  return made
}

async function makeChange(
  cutover: ManagedCutover,
  row: number,
  turn: number,
): Promise<AnsweredChange> {
  const [tenant, value] = [`T-${row}`, row * CHANGES_EACH + turn]
  const change = { tenant, value, request_id: `rollback-${value}` }
  const done = await cutover.change(change, row + turn)
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
