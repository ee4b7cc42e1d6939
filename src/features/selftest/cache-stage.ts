import { setTimeout as sleep } from 'node:timers/promises'
import type { KeepOpen } from '../../concurrency/open-all.ts'
import type { CacheContract } from '../../core/cache/contract.ts'
import { type EntrySeal, sealEntry } from '../../core/cache/entry.ts'
import { formatRowCacheKey } from '../../core/cache/keys.ts'
import { type CacheMessage, CHANNELS, formatMessage } from '../../core/cache/messages.ts'
import type { CacheMac } from '../../core/cache/seal.ts'
import type { FeedEntry } from '../../core/feed/types.ts'
import { type JsonNode, parseLosslessJson } from '../../core/json/read.ts'
import type { JsonComparer } from '../../core/parity/compare.ts'
import type { Instant } from '../../core/rows/instant.ts'
import {
  type AnyRow,
  type RowOrBroken,
  type RowsOfFlag,
  serializeRow,
} from '../../core/rows/rows.ts'
import { FfError } from '../../errors.ts'
import type { Adapters } from '../../ports/adapters.ts'
import type { EntryClient, RedisListener } from '../../ports/redis.ts'
import { CacheChannel } from '../serve/cache-channel.ts'
import { CachedReader } from '../serve/cached-reader.ts'
import { FeedPump } from '../serve/feed-pump.ts'
import { CacheDatabase } from './cache-database.ts'
import type { CacheParts } from './cache-parts.ts'

/** The Redis of a proof, and how a hostile client writes to it. */
export interface StageRedis {
  readonly client: EntryClient
  readonly set: (key: string, text: string) => Promise<void>
}
/** What all scenes of a proof share. */
export interface StageTools {
  readonly adapters: Pick<Adapters, 'openRowCache'>
  readonly contract: CacheContract
  /** HMAC key of entries and messages, and what is signed under it, and under a key that the instances do not have. */
  readonly key: Uint8Array
  readonly mac: CacheMac
  readonly foreignMac: CacheMac
  readonly redis: StageRedis
  readonly compare: JsonComparer
  readonly parts: CacheParts
}

/** The tenants of each scene. */
export const ONE = 'T-one'
export const TWO = 'T-two'
const AT = '2026-01-15T09:00:00.000Z' as Instant
/** No instance of a scene lives as long: trust in what it holds does not end by itself. */
const HOUR_MS = 3_600_000
const STORED_MS = 2_000

/** A database, its Redis, and instances with a cache whose answers are compared with the database. */
export class CacheStage {
  readonly database: CacheDatabase
  /** Pointer of the first difference; null where there is none. */
  difference: string | null = null
  private readonly tools: StageTools
  private readonly keep: KeepOpen

  /** @param flag_key of this scene alone, since the scenes of a proof share a Redis */
  constructor(flag_key: string, tools: StageTools, keep: KeepOpen) {
    this.database = new CacheDatabase(flag_key)
    this.tools = tools
    this.keep = keep
  }

  /** Starts an instance, which has followed the feed to its end. */
  async open(): Promise<CacheInstance> {
    const { database, tools, keep } = this
    const { adapters, contract, key, redis, parts, mac } = tools
    const cache = await keep(
      adapters.openRowCache({
        contract,
        key,
        redis: redis.client,
        store: parts.snapshots(database, () => database.seq),
        checks: parts.checks,
      }),
    )
    const reader = new CachedReader({ within: (work) => work, page: NO_PAGE }, cache)
    const pump = new FeedPump(
      { store: { ask: (read) => read() }, feed: database, step: parts.step },
      [parts.consumer(reader)],
      () => performance.now() + HOUR_MS,
    )
    const heard: { listener: RedisListener | null } = { listener: null }
    const channel = new CacheChannel(
      {
        publish: () => Promise.resolve({ ok: true, value: 0 }),
        subscribe: (_channels, listener) => {
          heard.listener = listener
          return { close: () => Promise.resolve() }
        },
      },
      pump,
      {
        mac: parts.messageMac(mac),
        now: () => AT,
        read: (from, limit) => database.changes({ from, limit }),
      },
    )
    await keep(Promise.resolve(channel))
    channel.start((error) => {
      throw error
    })
    await pump.poll()
    return {
      read: (tenant) =>
        reader.read({ flag_key: database.flag_key, tenant_id: tenant, user_id: null }),
      follow: () => pump.poll(),
      hear: (name, text) => heard.listener?.message(CHANNELS[name], text),
    }
  }

  /** Compares the rows of both tenants, as an instance reads them, with those of the database. */
  async compare(instance: CacheInstance): Promise<void> {
    for (const tenant of [ONE, TWO]) {
      const [left, right] = [this.database.find(tenant), await instance.read(tenant)].map(toNode)
      const { differences } = this.tools.compare(left as JsonNode, right as JsonNode)
      this.difference ??= differences[0]?.pointer ?? null
    }
  }

  /** The entry of a tenant in Redis, once there is one and it is not `before`. */
  async fetch(tenant: string, before: string | null = null): Promise<string> {
    return (await this.look(tenant, (text) => text !== null && text !== before)) ?? ''
  }

  /** Puts an entry of a tenant back that a change has deleted, as a failover to a replica that is behind does. */
  async putBack(tenant: string, text: string): Promise<void> {
    await this.look(tenant, (held) => held === null)
    await this.set(tenant, text)
  }

  /** Writes an entry of a tenant. */
  set(tenant: string, text: string): Promise<void> {
    return this.tools.redis.set(this.toKey(tenant), text)
  }

  /** An entry that says that a tenant has no override, as of now, with another seal. */
  sealAbsence(tenant: string, seal: Partial<EntrySeal>): string {
    const { epoch, seq } = this.database
    const entry = { seq, cost_ms: 1, ends_ms: Date.now() + HOUR_MS, body: 'null' }
    return sealEntry(this.toKey(tenant), entry, { epoch, mac: this.tools.mac, ...seal })
  }

  get foreignMac(): CacheMac {
    return this.tools.foreignMac
  }

  /** The message of a change; under another key on demand. */
  toMessage(entry: FeedEntry, mac = this.tools.mac): string {
    const { seq, prev, kind, target } = entry
    return formatMessage('invalidate', this.frame({ seq, prev, kind, target }), mac)
  }

  /** A heartbeat that names a number of the feed. */
  toBeat(seq: number): string {
    return formatMessage('heartbeat', this.frame({ kind: 'heartbeat', seq }), this.tools.mac)
  }

  private frame(news: object): CacheMessage {
    const { epoch } = this.database
    return { epoch, origin: 'of-the-selftest', published_at: AT, ...news } as CacheMessage
  }

  private toKey(tenant: string): string {
    const { flag_key } = this.database
    return formatRowCacheKey('tenant_override', { scope_id: tenant, flag_key })
  }

  /** Waits until what Redis holds of a tenant is so. @throws FfError `backing_unavailable` where it is not in time */
  private async look(
    tenant: string,
    isSo: (text: string | null) => boolean,
  ): Promise<string | null> {
    const until = performance.now() + STORED_MS
    for (;;) {
      const got = await this.tools.redis.client.get([this.toKey(tenant)])
      const [entry] = got.ok ? got.value : []
      const text = entry?.kind === 'text' ? entry.text : null
      if (entry !== undefined && isSo(text)) return text
      if (performance.now() > until)
        throw new FfError(
          'backing_unavailable',
          'The Redis of the selftest does not answer in time.',
          {
            hint: 'Run ff parity selftest again on an idle or a faster machine.',
          },
        )
      await sleep(1)
    }
  }
}

/** An instance with a cache. */
export interface CacheInstance {
  readonly read: (tenant: string) => Promise<RowsOfFlag>
  /** Reads the feed to its end. */
  readonly follow: () => Promise<void>
  /** Takes a message of a channel. */
  readonly hear: (channel: keyof typeof CHANNELS, text: string) => void
}

const NO_PAGE = (): Promise<[]> => Promise.resolve([])

function toNode({ flag, tenant }: RowsOfFlag): JsonNode {
  const toText = (held: RowOrBroken<AnyRow> | null): string =>
    held?.row === undefined ? 'null' : serializeRow(held.row)
  const read = parseLosslessJson(`{"flag":${toText(flag)},"tenant":${toText(tenant)}}`)
  if (!read.ok) throw new Error(`a row cannot be read: ${read.code}`)
  return read.node
}
