import { formatAuditTarget } from '../../core/audit/record.ts'
import { CHANGE_KIND } from '../../core/feed/change-kind.ts'
import type { FeedEntry, FeedEpoch } from '../../core/feed/types.ts'
import type { CanonicalJson } from '../../core/json/canonical.ts'
import type { Instant } from '../../core/rows/instant.ts'
import type { FlagRow, RowsOfFlag, TenantOverrideRow } from '../../core/rows/rows.ts'
import type {
  BulkQuery,
  ChangeFeed,
  FeedReading,
  RowsAt,
  SnapshotReader,
} from '../../ports/store.ts'

const AT = '2026-01-15T09:00:00.000Z' as Instant
const toJson = (value: number): CanonicalJson => String(value) as CanonicalJson

/** One flag with its overrides of tenants, and the feed of their changes: what a cache is compared with. */
export class CacheDatabase implements SnapshotReader, ChangeFeed {
  readonly flag_key: string
  epoch: FeedEpoch = { cutover: 2, operator: 0 }
  /** Awaited between a snapshot and its answer. */
  pause: () => Promise<void> = () => Promise.resolve()
  private readonly overrides = new Map<string, TenantOverrideRow>()
  private readonly entries: FeedReading['entries'][number][] = []

  constructor(flag_key: string) {
    this.flag_key = flag_key
    this.append('flag_registry', null)
  }

  get seq(): number {
    return this.entries.at(-1)?.seq ?? 0
  }

  /** Sets the value of a tenant, as a write of another instance does. */
  put(tenant: string, value: number): FeedEntry {
    this.putUnsaid(tenant, value)
    return this.append('tenant_override', tenant)
  }

  /** As `put`, in a time that the feed says nothing of. */
  putUnsaid(tenant: string, value: number): void {
    const revision = (this.overrides.get(tenant)?.revision ?? 0) + 1
    const times = { created_at: AT, updated_at: AT }
    const people = { created_by: 'U-a', updated_by: 'U-a' }
    const { flag_key } = this
    const row = { flag_key, tenant_id: tenant, value: toJson(value), revision, ...people, ...times }
    this.overrides.set(tenant, row)
  }

  find(tenant: string | null): RowsOfFlag {
    const row = tenant === null ? undefined : this.overrides.get(tenant)
    return {
      flag: { row: toFlag(this.flag_key) },
      tenant: row === undefined ? null : { row },
      user: null,
    }
  }

  async readAt({ flag_keys, tenant_id }: BulkQuery): Promise<RowsAt> {
    const read = { seq: this.seq, sets: flag_keys.map(() => this.find(tenant_id)) }
    await this.pause()
    return read
  }

  changes: ChangeFeed['changes'] = ({ from, limit }) => {
    const { epoch, seq, entries } = this
    const after = from ?? seq
    return Promise.resolve({
      epoch,
      seq,
      entries: entries.filter((one) => one.seq >= after).slice(0, limit),
    })
  }
  /** Unused: no copy of all rows is kept. */
  rows: ChangeFeed['rows'] = () => Promise.resolve([])
  listen: ChangeFeed['listen'] = () => ({ arrives: () => false, close: () => Promise.resolve() })

  private append(table: 'flag_registry' | 'tenant_override', scope_id: string | null): FeedEntry {
    const target = formatAuditTarget(table, { scope_id, flag_key: this.flag_key })
    const entry = { seq: this.seq + 1, prev: this.seq, kind: CHANGE_KIND[table], target, hash: '' }
    this.entries.push(entry)
    return entry
  }
}

const toFlag = (flag_key: string): FlagRow => ({
  flag_key,
  value_type: 'number',
  default_value: toJson(0),
  safe_value: toJson(0),
  sensitive: false,
  required_auth: 'none',
  state: 'active',
  description: 'of the selftest',
  owner: 'team-a',
  revision: 1,
  created_at: AT,
  updated_at: AT,
})
