import { withAll } from '../../concurrency/open-all.ts'
import type { Instant } from '../../core/rows/instant.ts'
import { serializeRow } from '../../core/rows/rows.ts'
import { FfError } from '../../errors.ts'
import { createLateStore } from './faults/late-store.ts'
import type { FlagStore, OpenScratchStore, ScratchStore } from '../../ports/store.ts'
import { loadPersistence } from '../migrate/load-persistence.ts'
import { toWriteRequest } from './testbed/row-edits.ts'
import { identifyTarget, refuseProduction } from './testbed/production-guard.ts'
import { GENERATED_FLAG } from './testbed/generated-store.ts'
import {
  defineProbe,
  type ProbeContext,
  readNumberParam,
  type WithResource,
  withParams,
} from './framework/probe.ts'

/** What a control changes: the revision that writers send, and the store of the database. */
interface EditFault extends Pick<EditInput, 'toExpected'> {
  readonly change?: (store: ScratchStore) => ScratchStore
}
/** Both stores; `toExpected` maps the revision that a writer read to the one that it sends. */
interface EditInput {
  readonly sides: readonly [OpenScratchStore, OpenScratchStore]
  readonly toExpected: (seen: number) => number | null
}
const withBothStores =
  ({ toExpected, change = (store) => store }: EditFault): WithResource<EditInput> =>
  async (context, use) => {
    const { adapters, root, targets } = context
    const inputs = await loadPersistence(root)
    if (targets.scratch.kind === 'postgres')
      refuseProduction(await identifyTarget(targets.scratch, context), context)
    return withAll(
      [
        () => adapters.openScratch({ kind: 'file', folder: null }, inputs),
        () => adapters.openScratch(targets.scratch, inputs),
      ],
      (file, database) =>
        use({ sides: [file, { ...database, store: change(database.store) }], toExpected }),
    )
  }

/**
 * The planted faults: writes without an expected revision, which overwrite each other, and a database that records
 * another time. Few writers show both.
 */
const unguarded = withParams(withBothStores({ toExpected: () => null, change: createLateStore }), {
  writers: 10,
  edits: 2,
})

/**
 * C5: concurrent edits of one flag on a scratch file store and a scratch database: the edits that are neither accepted
 * on the revision that was read nor reported as a conflict, gaps of the revision, and whether both stores end alike.
 * The control writes without an expected revision, and records another time in the database.
 */
export const concurrentEdits = defineProbe<
  EditInput,
  'revision_gap' | 'conflicts_unreported' | 'sides_differing'
>({
  version: 1,
  site: 'scratch',
  isolation: 'parallel',
  sound: withBothStores({ toExpected: (seen) => seen }),
  faulty: {
    revision_gap: unguarded,
    conflicts_unreported: unguarded,
    sides_differing: unguarded,
  },
  measure: async ({ sides, toExpected }, context) => {
    const [file, database] = sides
    const counts = await Promise.all(sides.map(({ store }) => editAll(store, toExpected, context)))
    const gaps = counts.map(({ start, accepted, revision }) =>
      Math.abs(revision - start - accepted),
    )
    const unreported = counts.map((one) => one.unreported)
    const rows = new Set(counts.map(({ row }) => row))
    const [first] = counts.flatMap((one, at) =>
      one.unreported > 0 ? [`${one.unreported} on ${at === 0 ? 'the file' : 'the database'}`] : [],
    )
    return {
      measured: {
        revision_gap: Math.max(...gaps),
        conflicts_unreported: unreported.reduce((all, one) => all + one, 0),
        sides_differing: rows.size - 1,
      },
      met: {
        server: database.facts.server ?? 'none',
        sides: `${file.facts.target}, ${database.facts.target}`,
        accepted: counts.map(({ accepted }) => accepted).join(', '),
        refused: counts.map(({ refused }) => refused).join(', '),
      },
      sample_size: Math.min(...counts.map((one) => one.accepted + one.refused + one.unreported)),
      example: first === undefined ? null : `edits that overwrote an unread one: ${first}`,
    }
  },
})

interface EditCounts {
  readonly start: number
  /** Edits accepted on the revision that their writer read. */
  accepted: number
  /** Edits refused as conflicts. */
  refused: number
  /** Edits accepted on another revision, or refused for another reason. */
  unreported: number
  revision: number
  row: string
}

/** In each round all writers read one revision, then write at the same time. */
async function editAll(
  store: FlagStore,
  toExpected: EditInput['toExpected'],
  context: ProbeContext,
): Promise<EditCounts> {
  const [writers, edits] = [readNumberParam(context, 'writers'), readNumberParam(context, 'edits')]
  await store.write(buildFlagEdit({ round: 0, writer: 0, expected: null }))
  const start = (await readFlagRow(store)).revision
  const counts: EditCounts = {
    start,
    accepted: 0,
    refused: 0,
    unreported: 0,
    revision: start,
    row: '',
  }
  for (let round = 1; round <= edits && !context.signal.aborted; round += 1) {
    const all = Array.from({ length: writers }, (_, writer) => writer)
    const seen = await Promise.all(all.map(async () => (await readFlagRow(store)).revision))
    await Promise.all(
      all.map(async (writer) => {
        const saw = seen[writer] as number
        const edit = buildFlagEdit({ round, writer, expected: toExpected(saw) })
        counts[await toOutcome(store, edit, saw)] += 1
      }),
    )
  }
  const row = await readFlagRow(store)
  return { ...counts, revision: row.revision, row: serializeRow(row) }
}

async function toOutcome(
  store: FlagStore,
  edit: ReturnType<typeof toWriteRequest>,
  saw: number,
): Promise<'accepted' | 'refused' | 'unreported'> {
  const result = await store.write(edit)
  if (result.ok) return result.row.revision === saw + 1 ? 'accepted' : 'unreported'
  return result.problems.some(({ code }) => code === 'revision_conflict') ? 'refused' : 'unreported'
}

async function readFlagRow(store: FlagStore) {
  const { flag } = await store.read({ flag_key: GENERATED_FLAG, tenant_id: null, user_id: null })
  if (flag?.row !== undefined) return flag.row
  throw new FfError('store_corrupt', 'The store does not return the flag that was just written.', {
    hint: 'Run ff parity run to compare the stores of this version.',
  })
}

const START = Date.parse('2026-01-01T00:00:00.000Z')
/** All writers of a round write the same values, so that both sides end with the same row in any order. */
const buildFlagEdit = ({
  round,
  writer,
  expected,
}: {
  readonly round: number
  readonly writer: number
  readonly expected: number | null
}): ReturnType<typeof toWriteRequest> =>
  toWriteRequest({
    table: 'flag_registry',
    key: { scope_id: null, flag_key: GENERATED_FLAG },
    expected,
    actor: `writer-${writer}`,
    occurred_at: new Date(START + round).toISOString() as Instant,
    body: {
      value_type: '"number"',
      default_value: String(round),
      safe_value: '0',
      sensitive: 'false',
      required_auth: '"none"',
      state: '"active"',
      description: '"edited by many"',
      owner: '"ff"',
    },
  })
