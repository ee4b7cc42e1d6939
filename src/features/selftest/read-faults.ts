import { instantFromMs, type Instant, instantToMs } from '../../core/rows/instant.ts'
import type { AnyOverrideRow, RowsOfFlag, RowsByTable, RowOrBroken } from '../../core/rows/rows.ts'
import type { RowQuery, ScratchStore } from '../../ports/store.ts'
import { type PlantedFault, inReading, type FaultRow } from './fault.ts'

type Make = (store: ScratchStore) => Partial<ScratchStore>

/** Reads with a changed query. */
const changeQuery =
  (change: (query: RowQuery) => RowQuery): Make =>
  (store) => ({ read: (query) => store.read(change(query)) })
/** Changes the rows that were read. */
const changeRows =
  (change: (rows: RowsOfFlag) => RowsOfFlag): Make =>
  (store) => ({ read: async (query) => change(await store.read(query)) })

function changeOverrides(change: <T extends AnyOverrideRow>(row: T) => T): Make {
  const of = <T extends AnyOverrideRow>(stored: RowOrBroken<T> | null): RowOrBroken<T> | null =>
    stored?.row === undefined ? stored : { row: change(stored.row) }
  return changeRows(({ flag, tenant, user }) => ({ flag, tenant: of(tenant), user: of(user) }))
}
const changeExpiry = (change: (time: Instant) => Instant): Make =>
  changeOverrides((row) =>
    row.expires_at === undefined ? row : { ...row, expires_at: change(row.expires_at) },
  )

/** Returns the rows of the read before, as a cache without invalidation does. */
const stale: Make = (store) => {
  let before: RowsOfFlag | null = null
  return {
    read: async (query) => {
      const rows = await store.read(query)
      const served = before ?? rows
      before = rows
      return served
    },
  }
}

/** Returns the override of any other tenant for the queried one. */
const anyTenant: Make = (store) => {
  let held: RowsByTable | null = null
  return {
    load: async (state) => {
      held = state
      await store.load(state)
    },
    read: async (query) => {
      const rows = await store.read(query)
      const other = held?.tenant_override.find(
        (row) => row.flag_key === query.flag_key && row.tenant_id !== query.tenant_id,
      )
      const tenant =
        other === undefined || query.tenant_id === null
          ? rows.tenant
          : { row: { ...other, tenant_id: query.tenant_id } }
      return { ...rows, tenant }
    },
  }
}

/** Takes the override of a tenant whose id differs in case alone, as `lower(tenant_id) = lower($1)` does. */
const foldedTenant: Make = (store) => {
  let held: RowsByTable | null = null
  return {
    load: async (state) => {
      held = state
      await store.load(state)
    },
    read: async (query) => {
      const rows = await store.read(query)
      const { tenant_id, flag_key } = query
      if (tenant_id === null) return rows
      const other = held?.tenant_override.find(
        (row) =>
          row.flag_key === flag_key &&
          row.tenant_id !== tenant_id &&
          row.tenant_id.toLowerCase() === tenant_id.toLowerCase(),
      )
      return other === undefined ? rows : { ...rows, tenant: { row: { ...other, tenant_id } } }
    },
  }
}

/** Every second read finds no row, as a pool with one lagging replica does. */
const wavering: Make = (store) => {
  let count = 0
  return {
    read: async (query) => {
      const rows = await store.read(query)
      count += 1
      return count % 2 === 0 ? { ...rows, user: null, tenant: null, flag: null } : rows
    },
  }
}

/** Takes an error of decoding for an absent row. */
const swallowed: Make = (store) => ({
  read: async (query) => {
    const rows = await store.read(query)
    return { ...rows, user: rows.user?.row?.value?.startsWith('{') === true ? null : rows.user }
  },
})

const READS: readonly FaultRow<Make>[] = [
  [
    'tenant-of-another',
    'the query binds another tenant',
    changeQuery((query) => ({ ...query, tenant_id: 'T-other' })),
  ],
  ['tenant-case-folded', 'the query compares tenants in lower case', foldedTenant, 'cells'],
  ['tenant-filter-lost', 'the query has no filter by tenant', anyTenant],
  [
    'user-of-another',
    'the query binds another user',
    changeQuery((query) => ({ ...query, user_id: 'U-other' })),
  ],
  [
    'user-layer-skipped',
    'a join that drops the user\u2019s row',
    changeRows((rows) => ({ ...rows, user: null })),
  ],
  [
    'tenant-layer-skipped',
    'a join that drops the tenant\u2019s row',
    changeRows((rows) => ({ ...rows, tenant: null })),
  ],
  [
    'flag-skipped',
    'an inner join instead of an outer join',
    changeRows((rows) =>
      rows.user === null && rows.tenant === null ? { ...rows, flag: null } : rows,
    ),
  ],
  ['stale-entry', 'a cache serves stale rows', stale],
  [
    'time-to-the-second',
    'a driver that drops milliseconds',
    changeExpiry((time) => `${time.slice(0, 19)}.000Z` as Instant),
  ],
  [
    'time-zone',
    'a timestamp read in the zone of the client',
    changeExpiry((time) => instantFromMs(instantToMs(time) - 5 * 3_600_000)),
  ],
  [
    'number-in-doubles',
    'JSON.parse in the driver',
    changeOverrides((row) =>
      row.value === undefined
        ? row
        : {
            ...row,
            value: row.value.replaceAll('9007199254740991', '9007199254740992') as typeof row.value,
          },
    ),
  ],
  ['deep-value-swallowed', 'an error of decoding counts as no row', swallowed],
  ['wavering', 'every second answer comes from a lagging replica', wavering],
]

/**
 * Faults of the candidate in reading rows that are stored correctly, in SQL, drivers and caches, with ids
 * `reading.NAME`; the vectors, or the cells where a fault says so, have to catch each.
 */
export const READ_FAULTS: readonly PlantedFault[] = READS.map(
  ([name, models, make, proof = 'vectors']) => ({
    id: `reading.${name}`,
    models,
    proof,
    plant: inReading(['candidate'], make),
  }),
)
