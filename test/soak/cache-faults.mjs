// What happens to Redis, the database and an instance while the soak of the cache compares decisions.
import { randomInt } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { createCacheMac } from '../../dist/src/adapters/cache/mac.js'
import { CHANNELS, formatMessage } from '../../dist/src/core/cache/messages.js'
import { freeze } from './databases.mjs'

const LASTS_MS = 3_000
/** Longer than entries are trusted without the database. */
const STOPPED_MS = 7_000
const MOST_KEPT = 5_000

/** A hostile client of Redis, which has no HMAC key and has seen everything. */
export class Meddler {
  /** Values and messages that were seen, to be put back. */
  #values = new Map()
  #messages = []
  constructor(url) {
    this.redis = new Redis(url)
    this.listener = new Redis(url)
    // Redis is killed meanwhile.
    for (const one of [this.redis, this.listener]) one.on('error', () => undefined)
    this.listener.on('message', (channel, text) => {
      if (this.#messages.length < MOST_KEPT) this.#messages.push([channel, text])
    })
    void this.listener.subscribe(...Object.values(CHANNELS)).catch(() => undefined)
  }
  async list() {
    return this.redis.keys('ptt:ff:*')
  }
  /** Keeps the first value that is seen of each key. */
  async record() {
    for (const key of await this.list())
      if (!this.#values.has(key) && this.#values.size < MOST_KEPT) {
        const text = await this.redis.get(key).catch(() => null)
        if (text !== null) this.#values.set(key, text)
      }
  }
  /** Puts back what was seen, under its key for ever, and some of it under other keys. */
  async replay() {
    const values = [...this.#values]
    for (const [at, [key, text]] of values.entries()) {
      await this.redis.set(key, text)
      if (at % 3 === 0) await this.redis.set(key, values[randomInt(values.length)][1])
    }
    for (const [channel, text] of this.#messages) await this.redis.publish(channel, text)
  }
  async spoil() {
    for (const key of await this.list())
      if (randomInt(2) === 0) await this.redis.set(key, Buffer.from([0, 255, randomInt(256)]))
      else await this.redis.multi().del(key).lpush(key, 'x').exec()
  }
  /** Sends messages under another HMAC key, and what is no message. */
  async forge() {
    const mac = createCacheMac(Buffer.alloc(32, 9))
    const frame = {
      epoch: { cutover: 0, operator: 0 },
      seq: randomInt(1_000_000),
      published_at: new Date().toISOString(),
      origin: 'forger',
    }
    const beat = formatMessage('heartbeat', { kind: 'heartbeat', ...frame }, mac)
    for (const text of [beat, '{', '{"v":1}', '\u0000', 'x'.repeat(100_000)])
      for (const channel of Object.values(CHANNELS)) await this.redis.publish(channel, text)
  }
  close() {
    this.redis.disconnect()
    this.listener.disconnect()
  }
}

/** Repeats an act for the length of a fault; Redis may be away. */
async function keep(act) {
  for (const ended = Date.now() + LASTS_MS; Date.now() < ended; await sleep(100))
    await act().catch(() => undefined)
}

/** The faults by name. `database` marks those in which requests may fail or be answered by the last known rows. */
export const listFaults = ({ redis, meddler, server, sql, instance }) => ({
  'Redis is refused, then empty': async () => {
    await redis.kill()
    await sleep(LASTS_MS)
    await redis.restart()
  },
  'Redis hangs': async () => {
    redis.hang()
    await sleep(LASTS_MS)
    redis.resume()
  },
  'Redis is flushed': () => keep(() => meddler.redis.flushall()),
  'keys are spoilt': () => keep(() => meddler.spoil()),
  'entries and messages are replayed': () => keep(() => meddler.replay()),
  'messages are forged': () => keep(() => meddler.forge()),
  'Redis is read-only': async () => {
    await meddler.redis.replicaof('127.0.0.1', 1)
    await sleep(LASTS_MS)
    await meddler.redis.replicaof('NO', 'ONE')
  },
  'Redis is full': async () => {
    await meddler.redis.config('SET', 'maxmemory', '1')
    await sleep(LASTS_MS)
    await meddler.redis.config('SET', 'maxmemory', '0')
  },
  'an instance is stopped': async () => {
    instance.child.kill('SIGSTOP')
    await sleep(STOPPED_MS)
    instance.child.kill('SIGCONT')
  },
  'the database is frozen': { database: () => freeze(server, 2 * LASTS_MS) },
  'connections are cut': {
    database: () =>
      keep(() =>
        sql.query(
          `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
           WHERE usename = 'soak_app'`,
        ),
      ),
  },
})
