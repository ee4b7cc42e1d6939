import type { Adapters } from '../../../ports/adapters.ts'
import type { RedisClient } from '../../../ports/redis.ts'
import type { ChangeFeed, OpenServiceStore } from '../../../ports/store.ts'

/** Whether an instance hears of changes; a probe sets it while the instance runs. */
export interface MessageLoss {
  isOn: boolean
  /** Messages and notifications that were lost so far. */
  lost: number
}

/**
 * Adapters of an instance that, while `loss.isOn`, gets no message of Redis and no notification of the database, as behind
 * a link that is cut in silence. Its reads and writes go on.
 */
export const withMessageLoss = (adapters: Adapters, loss: MessageLoss): Adapters => {
  const unlessLost = (deliver: () => void): void => {
    if (loss.isOn) loss.lost += 1
    else deliver()
  }
  return {
    ...adapters,
    connectRedis: async (url, options) => {
      const client = await adapters.connectRedis(url, options)
      return overrideRedis(client, {
        subscribe: (channels, listener) =>
          client.subscribe(channels, {
            message: (channel, text) => unlessLost(() => listener.message(channel, text)),
            link: (state) => listener.link(state),
          }),
      })
    },
    openServiceStore: async (spec, needs) =>
      overrideFeed(await adapters.openServiceStore(spec, needs), (feed) => ({
        listen: (wake) => feed.listen(() => unlessLost(wake)),
      })),
  }
}

/** An open store with members of its feed replaced; unchanged without a feed. */
export function overrideFeed(
  opened: OpenServiceStore,
  change: (feed: ChangeFeed) => Partial<ChangeFeed>,
): OpenServiceStore {
  const { feed } = opened
  if (feed === undefined) return opened
  return {
    ...opened,
    feed: {
      rows: (query) => feed.rows(query),
      changes: (query) => feed.changes(query),
      listen: (wake) => feed.listen(wake),
      ...change(feed),
    },
    close: () => opened.close(),
  }
}

const overrideRedis = (client: RedisClient, change: Partial<RedisClient>): RedisClient => ({
  isUp: () => client.isUp(),
  get: (keys) => client.get(keys),
  setLease: (key, token, ttlMs) => client.setLease(key, token, ttlMs),
  fill: (keys, entry) => client.fill(keys, entry),
  invalidate: (keys, invalidated) => client.invalidate(keys, invalidated),
  release: (key, token) => client.release(key, token),
  delete: (keys) => client.delete(keys),
  scanDelete: (pattern) => client.scanDelete(pattern),
  count: (pattern, limit) => client.count(pattern, limit),
  listKeys: (pattern, limit) => client.listKeys(pattern, limit),
  readExpiries: (keys) => client.readExpiries(keys),
  memory: () => client.memory(),
  publish: (channel, text) => client.publish(channel, text),
  subscribe: (channels, listener) => client.subscribe(channels, listener),
  time: () => client.time(),
  close: () => client.close(),
  ...change,
})
