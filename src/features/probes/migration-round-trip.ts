import type { Migration } from '../../core/migrations/plan.ts'
import type { TargetSpec } from '../../core/parity/target.ts'
import { TABLE_NAMES } from '../../core/rows/rows.ts'
import { FfError } from '../../errors.ts'
import type { ScratchDatabase } from '../../ports/database.ts'
import type { DdlContract } from '../migrate/load-persistence.ts'
import { generateTenants, withGeneratedStore } from './testbed/generated-store.ts'
import { type WithResource, defineProbe, type ProbeContext } from './framework/probe.ts'
import { importStore, withMigratedDatabase } from './testbed/scratch-database.ts'

/** A database at the head of the migrations, and the last step to it. */
interface Head {
  readonly scratch: ScratchDatabase
  readonly inputs: DdlContract
  readonly last: Migration
}
const TENANTS = generateTenants(600)
const ROWS = TENANTS.length + 1

const sound: WithResource<Head> = (context, use) =>
  withMigratedDatabase(context, (scratch, inputs) =>
    use({ scratch, inputs, last: getLastMigration(inputs) }),
  )

/** A database whose last step is another one. */
const withStep =
  (step: Pick<Migration, 'name' | 'up' | 'down'>): WithResource<Head> =>
  (context, use) =>
    withMigratedDatabase(context, async (scratch, inputs) => {
      const version = getLastMigration(inputs).version + 1
      const last = { ...step, version, checksum: '0'.repeat(64) }
      const head = {
        scratch,
        inputs: { ...inputs, migrations: [...inputs.migrations, last] },
        last,
      }
      await apply(head, 'up', context)
      return use(head)
    })

/** The planted fault: a step that rewrites every row, at 4 ms each, to take as long as on a large table. */
const REWRITE = `ALTER TABLE tenant_override ALTER COLUMN note TYPE prose
  USING CASE WHEN pg_sleep(0.004)::text = '' THEN note END`
const rewriting = withStep({ name: 'a-rewrite', up: REWRITE, down: 'SELECT 1' })

/** The planted fault: a down step that deletes the rows in place of refusing. */
const DELETE_ROWS = 'DELETE FROM tenant_override; DELETE FROM flag_registry'
const deleting = withStep({ name: 'a-deletion', up: 'SELECT 1', down: DELETE_ROWS })

function getLastMigration({ migrations }: DdlContract): Migration {
  const last = migrations.at(-1)
  if (last !== undefined) return last
  throw new FfError(
    'artefact_invalid',
    'contracts/migrations holds no migration, so there is none to revert.',
    {
      hint: 'Run ff artefacts validate, and restore the files that it names.',
    },
  )
}

/**
 * B3: on a scratch database, without rows and then with rows, reverts the last migration and applies it again, and
 * measures the longest lock, rewritten tables, lost rows and differences after it. The controls add a step that rewrites
 * every row, and one that deletes them.
 */
export const migrationRoundTrip = defineProbe<
  Head,
  | 'longest_lock_ms'
  | 'tables_rewritten'
  | 'fingerprints_differing'
  | 'rows_lost'
  | 'down_refuses_loss'
>({
  version: 1,
  site: 'scratch',
  isolation: 'exclusive',
  sound,
  faulty: {
    longest_lock_ms: rewriting,
    tables_rewritten: rewriting,
    fingerprints_differing: deleting,
    rows_lost: deleting,
    down_refuses_loss: deleting,
  },
  measure: (head, context) =>
    withGeneratedStore(context, { tenants: TENANTS, revision: 1 }, async (source) => {
      const { scratch, last } = head
      const watch = await scratch.watchLocks()
      const trip = new RoundTrip(head, source, context)
      try {
        await trip.run()
      } finally {
        trip.longest_lock_ms = await watch.end()
      }
      const { refused, lost, rewritten, differing, steps } = trip
      const examples = [
        ...[...rewritten].map((table) => `${table} is rewritten, which blocks its readers`),
        ...differing.map((name) => `${name} differs after the round trip`),
      ]
      return {
        measured: {
          longest_lock_ms: Math.round(trip.longest_lock_ms),
          tables_rewritten: rewritten.size,
          fingerprints_differing: differing.length,
          rows_lost: lost,
          down_refuses_loss: refused || lost === 0,
        },
        met: { server: scratch.server, step: last.name, rows: ROWS, down_refused: refused },
        sample_size: steps,
        example: examples[0] ?? null,
      }
    }),
})

/** Reverts and applies the last step, first without rows, then with rows. */
class RoundTrip {
  longest_lock_ms = 0
  steps = 0
  refused = false
  lost = 0
  differing: readonly string[] = []
  readonly rewritten = new Set<string>()
  private readonly head: Head
  private readonly source: TargetSpec
  private readonly context: ProbeContext

  constructor(head: Head, source: TargetSpec, context: ProbeContext) {
    this.head = head
    this.source = source
    this.context = context
  }

  async run(): Promise<void> {
    const { scratch } = this.head
    await this.step('down')
    await this.step('up')
    await this.load()
    const before = await scratch.fingerprint()
    await this.downWithRows()
    await this.step('up')
    if (this.refused) await this.load()
    else this.lost += ROWS - (await this.countRows())
    const after = await scratch.fingerprint()
    this.differing = [...TABLE_NAMES, 'schema'].filter(
      (name) => before.get(name) !== after.get(name),
    )
  }

  /** Expects the down step to refuse while rows exist; deletes them and repeats it. */
  private async downWithRows(): Promise<void> {
    try {
      await this.step('down')
    } catch (error) {
      if (!(error instanceof FfError) || error.code !== 'rows_would_be_lost') throw error
      this.refused = true
      this.steps += 1
      this.lost += ROWS - (await this.countRows())
      await this.head.scratch.run('DELETE FROM ff.tenant_override; DELETE FROM ff.flag_registry')
      await this.step('down')
    }
  }

  private async step(direction: 'up' | 'down'): Promise<void> {
    const { scratch } = this.head
    const before = await scratch.files()
    await apply(this.head, direction, this.context)
    for (const [table, file] of await scratch.files())
      if (before.has(table) && before.get(table) !== file) this.rewritten.add(table)
    this.steps += 1
  }

  private load(): Promise<void> {
    const { scratch, inputs } = this.head
    return importStore(this.context, inputs, { source: this.source, database: scratch.target })
  }

  private async countRows(): Promise<number> {
    const { scratch, inputs } = this.head
    const rows = await this.context.adapters.openRows(scratch.target, inputs)
    try {
      return Object.values(rows.counts).reduce((all, one) => all + one, 0)
    } finally {
      await rows.close()
    }
  }
}

const apply = (
  { scratch, inputs, last }: Head,
  direction: 'up' | 'down',
  { adapters }: ProbeContext,
): Promise<void> =>
  adapters.withMigrationSession(scratch.target, { ...inputs, locked: true }, async (session) => {
    await session.apply(last, direction)
    // As ff migrate does: objects that a step created need their grants.
    if (direction === 'up') await session.grant()
  })
