import type { Instant } from '../../core/rows/instant.ts'
import { type AnyRow, serializeRow, type TableName } from '../../core/rows/rows.ts'
import type { ColumnTexts, RowSink } from '../../ports/rows.ts'
import type { FlagStore } from '../../ports/store.ts'
import type { ScratchDatabase } from '../../ports/database.ts'
import type { Adapters } from '../../ports/adapters.ts'
import type { DdlContract } from '../migrate/load-persistence.ts'
import { toWriteRequest } from './testbed/row-edits.ts'
import { GENERATED_FLAG, generateTenants, withGeneratedStore } from './testbed/generated-store.ts'
import {
  defineProbe,
  type ProbeContext,
  readNumberParam,
  type WithResource,
} from './framework/probe.ts'
import { importStore, withMigratedDatabase } from './testbed/scratch-database.ts'

/** A database to import into; `getSink` plants the fault of the control. */
interface Backfill {
  readonly scratch: ScratchDatabase
  readonly inputs: DdlContract
  readonly getSink: (sink: RowSink) => RowSink
}
/** Each raced row is written twice, so that it ends newer than the file's row in either order. */
const WRITES_A_ROW = 2
/** Attempts of one write: a write that conflicts with the import is retried. */
const ATTEMPTS = 5

const withBackfill =
  (faulty: boolean): WithResource<Backfill> =>
  (context, use) =>
    withMigratedDatabase(context, (scratch, inputs) =>
      use({
        scratch,
        inputs,
        getSink: (sink) => (faulty ? createUnguardedSink(sink, scratch) : sink),
      }),
    )

const unguarded = withBackfill(true)

/**
 * C4: rows that a repeated import into a scratch database changes, and concurrent writes that an import loses. The
 * control merges tenant overrides by an upsert that neither checks the revision nor takes over the new one.
 */
export const backfillRepeat = defineProbe<Backfill, 'rows_changed_again' | 'writes_lost'>({
  version: 1,
  site: 'scratch',
  isolation: 'parallel',
  sound: withBackfill(false),
  faulty: { rows_changed_again: unguarded, writes_lost: unguarded },
  measure: async ({ scratch, inputs, getSink }, context) => {
    const tenants = generateTenants(readNumberParam(context, 'writes'))
    const importRevision = (revision: number, wrap: (sink: RowSink) => RowSink): Promise<void> =>
      withGeneratedStore(context, { tenants, revision }, (source) => {
        const adapters = withWrappedSink(context, (sink) => wrap(getSink(sink)))
        return importStore(context, inputs, { source, database: scratch.target, adapters })
      })
    await importRevision(1, (sink) => sink)
    const store = scratch.openStore()
    try {
      const race = new Race(store, tenants.slice(0, tenants.length / WRITES_A_ROW), context)
      // Every row of the file has a newer revision now, so the import sends all of them.
      await importRevision(2, (sink) => race.raceWith(sink))
      const lost = await race.findLost()
      const again = new CountingSink()
      await importRevision(2, (sink) => again.wrap(sink))
      return {
        measured: { rows_changed_again: again.changed, writes_lost: lost.length },
        met: { server: scratch.server, rows: tenants.length + 1, writes: race.written },
        sample_size: race.written,
        example: lost[0] === undefined ? null : `the import overwrote the write of ${lost[0]}`,
      }
    } finally {
      await store.close()
    }
  },
})

const withWrappedSink = (
  { adapters }: ProbeContext,
  wrap: (sink: RowSink) => RowSink,
): Adapters => ({
  ...adapters,
  withRowSink: (spec, needs, use) => adapters.withRowSink(spec, needs, (sink) => use(wrap(sink))),
})

/** Counts the rows that an import inserts or updates. */
class CountingSink {
  changed = 0

  wrap(sink: RowSink): RowSink {
    return {
      record: (event) => sink.record(event),
      merge: async (table, rows) => {
        const counts = await sink.merge(table, rows)
        this.changed += counts.inserted + counts.updated
        return counts
      },
    }
  }
}

/** Writes to rows during their import: half between read and merge, half at the same time as the merge. */
class Race {
  private readonly store: FlagStore
  private readonly tenants: readonly string[]
  private readonly context: ProbeContext
  /** The last acknowledged row of each tenant. */
  private readonly acknowledged = new Map<string, AnyRow>()
  written = 0

  constructor(store: FlagStore, tenants: readonly string[], context: ProbeContext) {
    this.store = store
    this.tenants = tenants
    this.context = context
  }

  raceWith(sink: RowSink): RowSink {
    return {
      record: (event) => sink.record(event),
      merge: async (table, rows) => {
        if (table !== 'tenant_override') return sink.merge(table, rows)
        const sent = new Set(rows.map(([tenant]) => tenant))
        const raced = this.tenants.filter((one) => sent.has(one))
        await this.write(raced.filter((_, at) => at % 2 === 0))
        const meanwhile = this.write(raced.filter((_, at) => at % 2 === 1))
        return (await Promise.all([sink.merge(table, rows), meanwhile]))[0]
      },
    }
  }

  /** Tenants whose row is not the last acknowledged one, once for each write. */
  async findLost(): Promise<readonly string[]> {
    const lost: string[] = []
    for (const [tenant_id, row] of this.acknowledged) {
      const { tenant } = await this.store.read({
        flag_key: GENERATED_FLAG,
        tenant_id,
        user_id: null,
      })
      const current = tenant?.row
      if (current !== undefined && serializeRow(current) === serializeRow(row)) continue
      lost.push(...Array.from({ length: WRITES_A_ROW }, () => tenant_id))
    }
    return lost
  }

  private async write(tenants: readonly string[]): Promise<void> {
    for (let time = 0; time < WRITES_A_ROW; time += 1)
      await Promise.all(tenants.map((one) => this.writeOne(one, time)))
  }

  private async writeOne(tenant: string, time: number): Promise<void> {
    const write = toWriteRequest({
      table: 'tenant_override',
      key: { scope_id: tenant, flag_key: GENERATED_FLAG },
      expected: null,
      actor: 'probe-writer',
      occurred_at: this.context.now().toISOString() as Instant,
      body: { value: String(100 + time), note: '"written meanwhile"' },
    })
    for (let left = ATTEMPTS; left > 0; left -= 1) {
      const result = await this.store.write(write)
      if (!result.ok) continue // The import won; the store reported the conflict.
      this.acknowledged.set(tenant, result.row)
      this.written += 1
      return
    }
  }
}

/**
 * The planted fault: an upsert that checks no revision, and leaves the old one. The generated texts need no SQL escaping.
 */
function createUnguardedSink(sink: RowSink, scratch: ScratchDatabase): RowSink {
  return {
    record: (event) => sink.record(event),
    merge: async (table: TableName, rows: readonly ColumnTexts[]) => {
      if (table !== 'tenant_override') return sink.merge(table, rows)
      const values = rows.map(
        (row) => `(${row.map((text) => (text === null ? 'NULL' : `'${text}'`)).join(', ')})`,
      )
      await scratch.run(
        `INSERT INTO ff.tenant_override VALUES ${values.join(', ')}
         ON CONFLICT (tenant_id, flag_key) DO UPDATE SET value = excluded.value, note = excluded.note,
           updated_by = excluded.updated_by, updated_at = excluded.updated_at`,
      )
      return { inserted: 0, updated: rows.length }
    },
  }
}
