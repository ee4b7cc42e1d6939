/**
 * Why Redis gave no result.
 *
 * - `unreachable`: no connection, or it was lost during the call
 * - `timeout`: no reply within the deadline
 * - `suspended`: the circuit breaker is open; nothing was sent
 * - `denied`: no or wrong credentials, or the user lacks the right
 * - `unready`: the server loads its data, has lost its primary, or the cluster is down
 * - `read_only`: a write on a replica
 * - `full`: no memory or disk left for a write; reads still work
 * - `wrong_type`: a key holds another type than the command is for
 * - `too_large`: the value is over the limit of an entry; nothing was sent
 * - `closed`: this client was closed
 * - `failed`: any other error reply
 */
export type RedisFailure =
  | 'unreachable'
  | 'timeout'
  | 'suspended'
  | 'denied'
  | 'unready'
  | 'read_only'
  | 'full'
  | 'wrong_type'
  | 'too_large'
  | 'closed'
  | 'failed'

/** A right that the user of Redis lacks. */
export interface RedisDenial {
  /** What Redis said, without the name of the user. */
  readonly said: string
  /** The ACL rule that gives the right, such as `+subscribe`. */
  readonly rule: string
}
/** A call that gave no result. `code` is the system's error code or the first word of the reply; empty without one. */
export interface RedisFault {
  readonly ok: false
  readonly failure: RedisFailure
  readonly code: string
  /** Of `denied`, where Redis names the right. */
  readonly denial?: RedisDenial
}

/** The result of a call. A call to Redis never throws. */
export type RedisOutcome<T> = { readonly ok: true; readonly value: T } | RedisFault

/** What stands at a key. The text may be anything, also cut or not UTF-8, for others can write to Redis. */
export type RedisEntry =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'absent' }
  | { readonly kind: 'wrong_type' }

/** The three keys of one cached thing. On a cluster they share a hash tag, and so a slot. */
export interface RedisEntryKeys {
  readonly value: string
  /** Holds the token of the one who may fill `value`. */
  readonly lease: string
  /** Holds the feed seq of the last change for a while, so that no older reading fills `value`. */
  readonly tombstone: string
}

/**
 * - `filled`: the value stands, and the lease is released
 * - `lease_lost`: the lease ran out, or an invalidation took it
 * - `outdated`: a change after `seq` is known
 */
export type FillResult = 'filled' | 'lease_lost' | 'outdated'

/** A change of a connection. `reconnected` is each `up` after the first: messages may have been lost in between. */
export type RedisLinkState =
  | { readonly state: 'up' | 'reconnected' }
  | ({ readonly state: 'down' } & Omit<RedisFault, 'ok'>)

/** Receives what arrives on a subscription. */
export interface RedisListener {
  message(channel: string, text: string): void
  /** `up` and `reconnected` come once Redis has confirmed the subscription. */
  link(state: RedisLinkState): void
}

/** How many keys match a pattern. */
export interface RedisKeyCount {
  readonly keys: number
  /** False where the limit ended the count: there are at least so many. */
  readonly complete: boolean
}

/** The memory of one primary, from its INFO. */
export interface RedisMemory {
  /** `host:port`. */
  readonly server: string
  readonly used_bytes: number
  /** Null without a limit. */
  readonly limit_bytes: number | null
}

/**
 * A client of one Redis: a server, a primary behind Sentinel, or a cluster. It reconnects by itself. Each call ends
 * within the deadline; it may still take effect later. No member throws.
 */
export interface RedisClient {
  /** Whether calls are sent at this time: there is a connection, and the breaker is not open. */
  isUp(): boolean
  /** Reads the values of keys, in their order; of each at most the largest size of an entry. */
  get(keys: readonly string[]): Promise<RedisOutcome<readonly RedisEntry[]>>
  /** Sets a key that is absent, for `ttlMs`. @returns whether it was set; false where it already stands */
  setLease(key: string, token: string, ttlMs: number): Promise<RedisOutcome<boolean>>
  /** Sets the value if the lease holds `token` and no tombstone names a change after `seq`; releases the lease. */
  fill(
    keys: RedisEntryKeys,
    entry: {
      readonly token: string
      /** The feed seq at which the value was read. */
      readonly seq: number
      readonly text: string
      readonly ttlMs: number
    },
  ): Promise<RedisOutcome<FillResult>>
  /**
   * Deletes value and lease, and leaves a tombstone for `ttlMs`, which should exceed the longest load. A later tombstone
   * stays. @returns whether there was a value
   */
  invalidate(
    keys: RedisEntryKeys,
    change: { readonly seq: number; readonly ttlMs: number },
  ): Promise<RedisOutcome<boolean>>
  /** Deletes the lease if it holds `token`. @returns whether it did */
  release(key: string, token: string): Promise<RedisOutcome<boolean>>
  /** Deletes keys, each by its own command. @returns how many there were */
  delete(keys: readonly string[]): Promise<RedisOutcome<number>>
  /**
   * Deletes the keys that match a glob pattern, on every primary, in batches, each with a deadline of its own. A key
   * written meanwhile, or moved to another node, may stay.
   * @returns how many; a failure where any primary failed, after the others were visited
   */
  scanDelete(pattern: string): Promise<RedisOutcome<number>>
  /** Counts the keys that match a glob pattern, on every primary, up to about `limit` in all. */
  count(pattern: string, limit: number): Promise<RedisOutcome<RedisKeyCount>>
  /** Lists the keys that match a glob pattern, on every primary; `too_large` where there are more than `limit`. */
  listKeys(pattern: string, limit: number): Promise<RedisOutcome<readonly string[]>>
  /** Reads in how many milliseconds each key expires: null for never, 0 for a key that is gone. */
  readExpiries(keys: readonly string[]): Promise<RedisOutcome<readonly (number | null)[]>>
  /** Reads the memory of every primary. */
  memory(): Promise<RedisOutcome<readonly RedisMemory[]>>
  /** Sends a message. @returns how many subscribers of the same node got it */
  publish(channel: string, text: string): Promise<RedisOutcome<number>>
  /**
   * Subscribes over a connection of its own until it is closed. Connects and subscribes again by itself after a loss, of
   * which a half-open connection is one; messages sent meanwhile are lost.
   */
  subscribe(channels: readonly string[], listener: RedisListener): { close(): Promise<void> }
  /** The clock of a server, in milliseconds since 1970. */
  time(): Promise<RedisOutcome<number>>
  /** Ends all connections, also those that do not answer. Calls after it fail as `closed`. */
  close(): Promise<void>
}

/** What a cache keeps its entries with. */
export type EntryClient = Pick<
  RedisClient,
  'isUp' | 'get' | 'setLease' | 'fill' | 'invalidate' | 'release' | 'scanDelete'
>
/** What the channels are served by. */
export type ChannelClient = Pick<RedisClient, 'publish' | 'subscribe'>

/** Options of a client. */
export interface RedisOptions {
  /** Deadline of a call; default 50 ms. A batch of `scanDelete`, `count` and `memory` has at least a second. */
  readonly deadlineMs?: number
  /** Time to connect, and for a reply before a silent connection is given up; default 2 s. */
  readonly connectMs?: number
  /** Receives each change of the connection for commands. */
  readonly onLink?: (state: RedisLinkState) => void
}

/** A key of a Redis. */
export interface RedisKey {
  readonly name: string
  /** Milliseconds until it expires; null where it never does. */
  readonly ttl_ms: number | null
}

/** A Redis on loopback that exists for one measurement, and keeps nothing on disk. */
export interface ScratchRedis {
  readonly url: string
  /** Version of the server, such as `7.0.15`. */
  readonly version: string
  /** Ends the server as a crash does: connections are refused. */
  stop(): Promise<void>
  /** Starts it again on its port, empty, after `stop`. @throws FfError `command_unanswered` */
  start(): Promise<void>
  /** Hangs the server: it keeps its connections, accepts more, and answers none. */
  pause(): void
  resume(): void
  /** Sets a key; `ttl_ms` null is without expiry. @throws the error of the client */
  set(name: string, text: string, ttl_ms: number | null): Promise<void>
  /** Ends the connections that subscribe; their clients may connect again. @throws the error of the client */
  cutSubscribers(): Promise<void>
  /** Ends the server, paused or not. */
  close(): Promise<void>
}
