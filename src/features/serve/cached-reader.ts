import { loadArtefact, packagedArtefact } from '../../artefacts/load.ts'
import { toArtefactError } from '../../artefacts/artefact-error.ts'
import type { KeepOpen } from '../../concurrency/open-all.ts'
import { formatAuditTarget } from '../../core/audit/record.ts'
import type { CacheContract } from '../../core/cache/contract.ts'
import { CHANGE_KIND } from '../../core/feed/change-kind.ts'
import type { FeedPosition } from '../../core/feed/subscriber.ts'
import type { FeedEntry } from '../../core/feed/types.ts'
import type { RowKey, TableName } from '../../core/rows/rows.ts'
import type { SettingValues } from '../../core/settings/settings.ts'
import type { CacheMac } from '../../core/cache/seal.ts'
import type { Adapters } from '../../ports/adapters.ts'
import type { RowCache } from '../../ports/cache.ts'
import type { RedisClient } from '../../ports/redis.ts'
import type { SnapshotReader } from '../../ports/store.ts'
import type { DecisionReader } from './decision-reader.ts'
import type { FeedConsumer } from './feed-pump.ts'
import type { GuardedStore } from './guarded-store.ts'
import { readCacheKey } from './secret-file.ts'

/**
 * Reads rows through a cache, within the deadline of the store: what Redis, the lease of another process and the store
 * take together. Lists of flags come from the store.
 */
export class CachedReader implements DecisionReader, FeedConsumer {
  readonly kind = 'db'
  readonly cache: RowCache
  private readonly store: Pick<GuardedStore, 'within' | 'page'>
  private isBegun = false

  constructor(store: Pick<GuardedStore, 'within' | 'page'>, cache: RowCache) {
    this.store = store
    this.cache = cache
  }

  get decisions(): RowCache['decisions'] {
    return this.cache.decisions
  }

  read: DecisionReader['read'] = (query) => this.store.within(this.cache.read(query))
  readMany: DecisionReader['readMany'] = (query) => this.store.within(this.cache.readMany(query))
  page: DecisionReader['page'] = (query) => this.store.page(query)

  apply(entry: FeedEntry): void {
    this.cache.apply(entry)
  }
  /** At the first position of the feed no entry of this process is trusted yet, and those in Redis are good. */
  reset(): void {
    if (this.isBegun) this.cache.reset()
    this.isBegun = true
  }
  distrust(): void {
    this.cache.distrust()
  }
  trust(position: FeedPosition, until: number): void {
    this.cache.trust(position, until)
  }

  /** Takes a change of this instance, before it is acknowledged. */
  changed(table: TableName, key: RowKey, seq: number): void {
    this.cache.apply({ seq, kind: CHANGE_KIND[table], target: formatAuditTarget(table, key) })
  }
}

/** A cache, with what its channel is made of. */
export interface OpenCache {
  readonly reader: CachedReader
  readonly redis: RedisClient
  readonly mac: CacheMac
}

/** Loads the contract of the cache from the package. @throws FfError `artefact_invalid` */
export async function loadCacheContract(root: string): Promise<CacheContract> {
  const notes = await loadArtefact(
    'cache_runtime_notes',
    packagedArtefact(root, 'cache_runtime_notes'),
  )
  if (!notes.ok) throw toArtefactError(notes.problems)
  return notes.loaded.value
}

/**
 * Opens the cache of a database where FF_REDIS_URL is set; null where it is not. Redis need not answer.
 *
 * @throws FfError `target_invalid` for the URL, `setting_invalid` for the key file, `artefact_invalid`
 */
export async function openCachedReader(
  { root, adapters, settings }: { root: string; adapters: Adapters; settings: SettingValues },
  { store, snapshots }: { readonly store: GuardedStore; readonly snapshots: SnapshotReader },
  keep: KeepOpen,
): Promise<OpenCache | null> {
  const { FF_REDIS_URL, FF_CACHE_KEY_FILE } = settings
  if (FF_REDIS_URL === null) return null
  const contract = await loadCacheContract(root)
  const key = await readCacheKey(FF_CACHE_KEY_FILE)
  const redis = await keep(
    adapters.connectRedis(FF_REDIS_URL, { deadlineMs: contract.redis_deadline_ms }),
  )
  const readAt: SnapshotReader['readAt'] = (query) => store.ask(() => snapshots.readAt(query))
  const cache = await keep(adapters.openRowCache({ contract, key, redis, store: { readAt } }))
  return { reader: new CachedReader(store, cache), redis, mac: await adapters.cacheMac(key) }
}
