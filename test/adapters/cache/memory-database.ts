import { CHANGE_KIND } from '../../../src/core/feed/change-kind.ts'
import { formatAuditTarget } from '../../../src/core/audit/record.ts'
import {
  type AnyRow,
  formatRowKey,
  getRowKey,
  type RowKey,
  type RowOf,
  type RowOrBroken,
  type RowsOfFlag,
  type TableName,
} from '../../../src/core/rows/rows.ts'
import { FfError } from '../../../src/errors.ts'
import type { CacheChange } from '../../../src/ports/cache.ts'
import type { BulkQuery, RowQuery, RowsAt, SnapshotReader } from '../../../src/ports/store.ts'

const EMPTY: RowsOfFlag = { flag: null, tenant: null, user: null }

/** A database in memory with a feed, whose readings can be held back between the snapshot and the answer. */
export class MemoryDatabase implements SnapshotReader {
  private readonly rows = new Map<string, RowOrBroken<AnyRow>>()
  readonly feed: CacheChange[] = []
  loads = 0
  away = false
  /** Awaited between the snapshot and the answer. */
  pause: () => Promise<unknown> = () => Promise.resolve()

  get seq(): number {
    return this.feed.at(-1)?.seq ?? 0
  }

  put(table: TableName, row: AnyRow): CacheChange {
    const key = getRowKey(row)
    this.rows.set(name(table, key), { row })
    return this.append(table, key)
  }

  break(table: TableName, key: RowKey): CacheChange {
    this.rows.set(name(table, key), { broken: [{ code: 'form_wrong', pointer: '' }] })
    return this.append(table, key)
  }

  /** Loses the rows of a table and the last change, as a restored database does. */
  forget(table: TableName): void {
    for (const key of this.rows.keys()) if (key.startsWith(`${table} `)) this.rows.delete(key)
    this.feed.pop()
  }

  read(query: RowQuery): RowsOfFlag {
    const { flag_key, tenant_id, user_id } = query
    return {
      ...EMPTY,
      flag: this.find('flag_registry', { scope_id: null, flag_key }),
      ...(tenant_id !== null && {
        tenant: this.find('tenant_override', { scope_id: tenant_id, flag_key }),
      }),
      ...(user_id !== null && {
        user: this.find('user_override', { scope_id: user_id, flag_key }),
      }),
    }
  }

  async readAt({ flag_keys, ...ids }: BulkQuery): Promise<RowsAt> {
    this.loads += 1
    if (this.away) throw new FfError('backing_unavailable', 'It is away.', { hint: 'Wait.' })
    const read = {
      seq: this.seq,
      sets: flag_keys.map((flag_key) => this.read({ ...ids, flag_key })),
    }
    await this.pause()
    return read
  }

  private append(table: TableName, key: RowKey): CacheChange {
    const change = {
      seq: this.seq + 1,
      kind: CHANGE_KIND[table],
      target: formatAuditTarget(table, key),
    }
    this.feed.push(change)
    return change
  }

  private find<T extends TableName>(table: T, key: RowKey): RowOrBroken<RowOf[T]> | null {
    return (this.rows.get(name(table, key)) ?? null) as RowOrBroken<RowOf[T]> | null
  }
}
const name = (table: TableName, key: RowKey): string => `${table} ${formatRowKey(key)}`
