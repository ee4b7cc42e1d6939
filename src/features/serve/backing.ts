import type { KeepOpen } from '../../concurrency/open-all.ts'
import { nameEnvironment } from '../../core/auth/environment.ts'
import { instantFromMs } from '../../core/rows/instant.ts'
import type { SettingValues } from '../../core/settings/settings.ts'
import type { ServeOptions } from '../../ports/adapters.ts'
import type { ChangeFeed, SinkBacklog } from '../../ports/store.ts'
import type { TargetSpec } from '../../core/parity/target.ts'
import { loadPersistence } from '../migrate/load-persistence.ts'
import { CacheChannel } from './cache-channel.ts'
import { type CachedReader, type OpenCache, openCachedReader } from './cached-reader.ts'
import { ChangeListeners } from './change-listeners.ts'
import { type FeedConsumer, FeedPump } from './feed-pump.ts'
import { GuardedStore } from './guarded-store.ts'
import { createSaver, openKeptRows } from './kept-rows.ts'
import { LastKnownGood, type RestoredRows } from './last-known-good.ts'
import { type Opened, openOrWait } from './late-store.ts'
import { SAMPLE_ROWS } from './sample.ts'
import { readDigestKey } from './secret-file.ts'
import { ShownBacklog } from './sink-backlog.ts'
import type { ServeRequest } from './start-plan.ts'

/** The store of a service, and what stands around that of a database: null or absent for a store that reads from memory. */
export interface Backing {
  readonly store: GuardedStore
  readonly backlog: ShownBacklog<SinkBacklog> | null
  readonly changes: ChangeListeners
  readonly lastKnown: LastKnownGood | null
  /** Absent where no Redis is set. */
  readonly reader?: CachedReader
  /** Absent as `reader` is. Exchanges changes with the other instances once it is started. */
  readonly channel?: CacheChannel
  /** Tells the others of changes once it is started. */
  readonly pump: FeedPump | null
}

export type BackingRequest = ServeRequest & Pick<ServeOptions, 'findServer'>

/**
 * Opens the store behind its deadline and breaker, its last known rows and its cache, and the clients that listen for
 * changes. With rows that an earlier process kept, a store that is away is waited for.
 *
 * @throws FfError as the store, and `setting_invalid` or `target_invalid` for the settings of snapshot and cache
 */
export async function openBacking(
  request: BackingRequest,
  target: TargetSpec | null,
  keep: KeepOpen,
): Promise<Backing> {
  const { FF_STORE_DEADLINE, FF_SNAPSHOT_MAX_BYTES, FF_STALE_MAX } = request.settings
  const limits = { max_bytes: FF_SNAPSHOT_MAX_BYTES, stale_max_ms: FF_STALE_MAX * 1000 }
  const kept = await openKeptRows(request, target, limits)
  const open = () => openStore(request, target)
  const restored = kept?.restored ?? null
  const {
    store: opened,
    feed,
    snapshots,
    backlog: readBacklog,
  } = await keep<Opened>(waits(request, restored) ? openOrWait(open, request.log) : open())
  const store = new GuardedStore(opened, FF_STORE_DEADLINE * 1000)
  const backlog =
    readBacklog === undefined
      ? null
      : new ShownBacklog(() => store.ask(() => store.within(readBacklog())), request.log)
  // A feed says at its first reading where it is.
  const seq = feed === undefined ? (await store.auditHead()).seq : 0
  const changes = await keep(Promise.resolve(createListeners(request.settings, seq)))
  if (feed === undefined) return { store, backlog, lastKnown: null, changes, pump: null }
  const lastKnown = new LastKnownGood(store, feed, { ...limits, restored })
  if (kept?.file != null)
    await keep(Promise.resolve(createSaver(kept.file, lastKnown, { ...limits, log: request.log })))
  const cached =
    snapshots === undefined ? null : await openCachedReader(request, { store, snapshots }, keep)
  // The cache hears of a change before the listeners, who ask for it.
  const consumers: FeedConsumer[] = [
    lastKnown,
    ...(cached === null ? [] : [cached.reader]),
    changes,
  ]
  const pump = await keep(Promise.resolve(new FeedPump({ store, feed }, consumers)))
  const held = { store, backlog, lastKnown, changes, pump }
  if (cached === null) return held
  const channel = createChannel(request, cached, { store, feed, pump })
  return { ...held, reader: cached.reader, channel: await keep(Promise.resolve(channel)) }
}

/** In a cutover the file may decide without the database. */
const waits = ({ settings }: ServeRequest, restored: RestoredRows | null): boolean =>
  restored !== null || settings.FF_BACKING === 'managed'

const createListeners = (
  { FF_MAX_LISTENERS: all, FF_MAX_LISTENERS_PER_PEER: per_peer }: SettingValues,
  seq: number,
): ChangeListeners => new ChangeListeners({ all, per_peer }, seq)

const createChannel = (
  { now }: ServeRequest,
  { redis, mac }: OpenCache,
  {
    store,
    feed,
    pump,
  }: { readonly store: GuardedStore; readonly feed: ChangeFeed; readonly pump: FeedPump },
): CacheChannel =>
  new CacheChannel(redis, pump, {
    mac,
    now: () => instantFromMs(now().getTime()),
    read: (from, limit) => store.ask(() => feed.changes({ from, limit })),
  })

async function openStore(
  { adapters, root, settings, findServer }: BackingRequest,
  target: TargetSpec | null,
): Promise<Opened> {
  const { migrations, versions } = await loadPersistence(root)
  const tools = { digestKey: await readDigestKey(settings.FF_AUDIT_DIGEST_KEY_FILE), phase: 'file' }
  if (target === null) return adapters.openSampleStore(SAMPLE_ROWS, tools)
  return adapters.openServiceStore(target, {
    migrations,
    versions,
    tools,
    environment: nameEnvironment(settings),
    // In a cutover it only reads here.
    writesAlone: settings.FF_BACKING !== 'managed',
    ...(findServer === undefined ? {} : { findServer }),
  })
}
