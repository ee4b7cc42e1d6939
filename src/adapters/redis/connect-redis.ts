import type { Redis } from 'ioredis'
import { withDeadline } from '../../concurrency/deadline.ts'
import type {
  FillResult,
  RedisClient,
  RedisEntry,
  RedisEntryKeys,
  RedisFault,
  RedisKeyCount,
  RedisListener,
  RedisMemory,
  RedisOptions,
  RedisOutcome,
} from '../../ports/redis.ts'
import { RedisCalls } from './calls.ts'
import { holdSubscription } from './channel.ts'
import { CLOSE_MS, type CommandClient, openChannelClient, openCommandClient } from './clients.ts'
import { makeRedisFault, toRedisFault } from './faults.ts'
import { countKeys, deleteKeys, listKeys, listPrimaries, readMemory, sum } from './primaries.ts'
import { parseRedisUrl, type RedisPlan } from './redis-url.ts'
import { FILL, INVALIDATE, RELEASE } from './scripts.ts'

/** Far over the size of a row or a decision. A longer value is foreign, and would fill the memory of this process. */
const MAX_ENTRY_BYTES = 1_048_576
const DEADLINE_MS = 50
const CONNECT_MS = 2_000
/** What PTTL answers for a key without expiry. */
const ENDLESS = -1
/** A batch of SCAN works longer than one command. */
const BATCH_MS = 1_000

/**
 * Opens a client of the Redis that a URL names. Waits for the first connection until it stands, fails, or `connectMs` is
 * over; without one it goes on to connect in the background.
 * @throws FfError `target_invalid` for the URL
 */
export async function connectRedis(url: string, options: RedisOptions = {}): Promise<RedisClient> {
  const client = new ConnectedRedis(parseRedisUrl(url), options)
  await client.settle()
  return client
}

class ConnectedRedis implements RedisClient {
  readonly #plan: RedisPlan
  readonly #client: CommandClient
  readonly #calls: RedisCalls
  readonly #deadlineMs: number
  readonly #connectMs: number
  readonly #closing = new AbortController()
  readonly #subscriptions = new Set<Promise<void>>()
  /** Why there is no connection; null while there is one. */
  #fault: RedisFault | null = makeRedisFault('unreachable')

  constructor(plan: RedisPlan, options: RedisOptions) {
    this.#plan = plan
    this.#deadlineMs = options.deadlineMs ?? DEADLINE_MS
    this.#connectMs = options.connectMs ?? CONNECT_MS
    this.#client = openCommandClient(plan, this.#connectMs)
    this.#calls = new RedisCalls(() => this.#fault)
    this.#watch(options.onLink ?? (() => undefined))
  }

  /** Waits for the outcome of the first attempt to connect, at most the time to connect. */
  async settle(): Promise<void> {
    const client: NodeJS.EventEmitter = this.#client
    const settled = new Promise<void>((resolve) => {
      client.once('ready', resolve).once('close', resolve)
    })
    await withDeadline(settled, this.#connectMs, () => undefined)
  }

  isUp(): boolean {
    return this.#fault === null && !this.#calls.isOpen
  }

  get(keys: readonly string[]): Promise<RedisOutcome<readonly RedisEntry[]>> {
    return this.#run(() => Promise.all(keys.map((key) => this.#read(key))))
  }

  setLease(key: string, token: string, ttlMs: number): Promise<RedisOutcome<boolean>> {
    return this.#run(async () => (await this.#client.set(key, token, 'PX', ttlMs, 'NX')) === 'OK')
  }

  async fill(
    keys: RedisEntryKeys,
    { token, seq, text, ttlMs }: Parameters<RedisClient['fill']>[1],
  ): Promise<RedisOutcome<FillResult>> {
    if (Buffer.byteLength(text) > MAX_ENTRY_BYTES) return makeRedisFault('too_large')
    return this.#run(
      async () => (await this.#eval(FILL, list(keys), [token, seq, text, ttlMs])) as FillResult,
    )
  }

  invalidate(
    keys: RedisEntryKeys,
    { seq, ttlMs }: { readonly seq: number; readonly ttlMs: number },
  ): Promise<RedisOutcome<boolean>> {
    return this.#run(async () => (await this.#eval(INVALIDATE, list(keys), [seq, ttlMs])) === 1)
  }

  release(key: string, token: string): Promise<RedisOutcome<boolean>> {
    return this.#run(async () => (await this.#eval(RELEASE, [key], [token])) === 1)
  }

  delete(keys: readonly string[]): Promise<RedisOutcome<number>> {
    return this.#run(async () => {
      const deleted = await Promise.all(keys.map((key) => this.#client.del(key)))
      return sum(deleted)
    })
  }

  async scanDelete(pattern: string): Promise<RedisOutcome<number>> {
    const each = await this.#visit((primary) => deleteKeys(primary, pattern, this.#runBatch))
    return each.ok ? { ok: true, value: sum(each.value) } : each
  }

  async count(pattern: string, limit: number): Promise<RedisOutcome<RedisKeyCount>> {
    const within = { pattern, limit }
    const each = await this.#visit((primary) => countKeys(primary, within, this.#runBatch))
    if (!each.ok) return each
    const keys = sum(each.value.map((one) => one.keys))
    const complete = each.value.every((one) => one.complete)
    return { ok: true, value: { keys, complete } }
  }

  async listKeys(pattern: string, limit: number): Promise<RedisOutcome<readonly string[]>> {
    const within = { pattern, limit }
    const each = await this.#visit((primary) => listKeys(primary, within, this.#runBatch))
    if (!each.ok) return each
    const keys = [...new Set(each.value.flat())]
    return keys.length > limit ? makeRedisFault('too_large') : { ok: true, value: keys }
  }

  readExpiries(keys: readonly string[]): Promise<RedisOutcome<readonly (number | null)[]>> {
    return this.#runBatch(async () => {
      const read = await Promise.all(keys.map((key) => this.#client.pttl(key)))
      return read.map((ttl) => (ttl === ENDLESS ? null : Math.max(ttl, 0)))
    })
  }

  memory(): Promise<RedisOutcome<readonly RedisMemory[]>> {
    return this.#visit((primary) => this.#runBatch(() => readMemory(primary)))
  }

  publish(channel: string, text: string): Promise<RedisOutcome<number>> {
    return this.#run(() => this.#client.publish(channel, text))
  }

  subscribe(
    channels: readonly string[],
    listener: RedisListener,
  ): { readonly close: () => Promise<void> } {
    const own = new AbortController()
    const signal = AbortSignal.any([own.signal, this.#closing.signal])
    const from = { plan: this.#plan, commands: this.#client }
    const open = (attempt: number): Redis => openChannelClient(from, this.#connectMs, attempt)
    const held = holdSubscription(open, { channels, listener }, signal)
    this.#subscriptions.add(held)
    const close = async (): Promise<void> => {
      own.abort()
      await held
      this.#subscriptions.delete(held)
    }
    return { close }
  }

  time(): Promise<RedisOutcome<number>> {
    return this.#run(async () => {
      const [seconds, microseconds] = await this.#client.time()
      return Number(seconds) * 1_000 + Math.floor(Number(microseconds) / 1_000)
    })
  }

  async close(): Promise<void> {
    this.#fault = makeRedisFault('closed')
    this.#closing.abort()
    const ended = new Promise((resolve) => {
      this.#client.once('end', resolve)
    })
    this.#client.disconnect()
    // Between two attempts to connect there is nothing to end, and no event.
    const isIdle = ['reconnecting', 'end'].includes(this.#client.status)
    await (isIdle ? null : withDeadline(ended, CLOSE_MS, () => null))
    await Promise.all(this.#subscriptions)
  }

  #run<T>(work: () => Promise<T>): Promise<RedisOutcome<T>> {
    return this.#calls.run(this.#deadlineMs, work)
  }

  readonly #runBatch = <T>(work: () => Promise<T>): Promise<RedisOutcome<T>> =>
    this.#calls.run(Math.max(this.#deadlineMs, BATCH_MS), work)

  /** Visits every primary. @returns the results; the first fault, after every primary was visited */
  async #visit<T>(
    visit: (primary: Redis) => Promise<RedisOutcome<T>>,
  ): Promise<RedisOutcome<readonly T[]>> {
    const primaries = await this.#runBatch(() => listPrimaries(this.#client))
    if (!primaries.ok) return primaries
    const outcomes = await Promise.all(primaries.value.map(visit))
    const fault = outcomes.find((one) => !one.ok)
    if (fault !== undefined) return fault
    return { ok: true, value: outcomes.flatMap((one) => (one.ok ? [one.value] : [])) }
  }

  async #read(key: string): Promise<RedisEntry> {
    try {
      const text = await this.#client.getrange(key, 0, MAX_ENTRY_BYTES - 1)
      return text === '' ? { kind: 'absent' } : { kind: 'text', text }
    } catch (error) {
      if (toRedisFault(error).failure === 'wrong_type') return { kind: 'wrong_type' }
      throw error
    }
  }

  #eval(
    script: string,
    keys: readonly string[],
    args: readonly (string | number)[],
  ): Promise<unknown> {
    return this.#client.eval(script, keys.length, ...keys, ...args)
  }

  /** Reports what happens to the connection, and keeps the reason of a loss for calls. */
  #watch(report: NonNullable<RedisOptions['onLink']>): void {
    const client: NodeJS.EventEmitter = this.#client
    let last: unknown = null
    let wasUp = false
    let isKnownDown = false
    const markDown = (): void => {
      if (this.#closing.signal.aborted) return
      this.#fault = toRedisFault(last)
      if (!isKnownDown)
        report({ state: 'down', failure: this.#fault.failure, code: this.#fault.code })
      isKnownDown = true
    }
    client.on('connect', () => (last = null))
    client.on('error', (error) => (last = error))
    client.on('close', markDown)
    client.on('ready', () => {
      if (this.#closing.signal.aborted) return
      // A refused login or database: commands would run as the default user, or in database 0.
      if (last !== null) return markDown()
      isKnownDown = false
      this.#fault = null
      report({ state: wasUp ? 'reconnected' : 'up' })
      wasUp = true
    })
  }
}

const list = ({ value, lease, tombstone }: RedisEntryKeys): readonly string[] => [
  value,
  lease,
  tombstone,
]
