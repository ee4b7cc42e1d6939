import { Cluster, Redis, type CommonRedisOptions } from 'ioredis'
import type { RedisPlan } from './redis-url.ts'

/** A client of ioredis for commands; a cluster finds the node of each key itself. */
export type CommandClient = Redis | Cluster

/** Ends a stream that was asked to end and did not, as that of a hung server. */
const DISCONNECT_MS = 100
/** By then a client that was disconnected has ended, or never will. */
export const CLOSE_MS = 5 * DISCONNECT_MS
/** A failover of a cluster is found by then, also without a command that a node redirects. */
const SLOTS_MS = 5_000
const RETRY_MS = { first: 50, most: 1_000 }

/** The wait before the given attempt to connect again, in milliseconds. */
export const getRetryDelayMs = (attempt: number): number =>
  Math.min(RETRY_MS.first * 2 ** Math.min(attempt - 1, 10), RETRY_MS.most)

/**
 * Opens the client for commands, which connects in the background and again after each loss. Without a connection a
 * command fails at once. There is no timeout for a command here: that of ioredis covers the handshake, too, so that a
 * slow network would never connect.
 */
export function openCommandClient(plan: RedisPlan, connectMs: number): CommandClient {
  const options = toOptions(plan, connectMs)
  if (plan.topology !== 'cluster')
    return new Redis({
      ...options,
      ...toServer(plan, connectMs),
      retryStrategy: getRetryDelayMs,
      enableOfflineQueue: false,
      // Behind Sentinel the client may hold on to a primary that became a replica.
      reconnectOnError: (error) =>
        plan.topology === 'sentinel' && error.message.startsWith('READONLY'),
    })
  return new Cluster([...plan.addresses], {
    redisOptions: options,
    enableOfflineQueue: false,
    clusterRetryStrategy: getRetryDelayMs,
    slotsRefreshTimeout: connectMs,
    slotsRefreshInterval: SLOTS_MS,
    // One redirection, and one more attempt after a failover.
    maxRedirections: 2,
    // The addresses of a cluster are those that its nodes announce, which a certificate names.
    dnsLookup: (address, callback) => callback(null, address),
  })
}

/**
 * Opens a client for a subscription, which never connects again. A message of a cluster reaches each of its nodes, so
 * that any one will do.
 *
 * @param attempt chooses the node of a cluster
 */
export function openChannelClient(
  { plan, commands }: { readonly plan: RedisPlan; readonly commands: CommandClient },
  connectMs: number,
  attempt: number,
): Redis {
  const options = { ...toOptions(plan, connectMs), lazyConnect: true, retryStrategy: null }
  if (!(commands instanceof Cluster)) return new Redis({ ...options, ...toServer(plan, connectMs) })
  const known = commands.nodes().map(({ options: { host, port } }) => ({ host, port }))
  const nodes = known.length === 0 ? plan.addresses : known
  const { host = '', port = 0 } = nodes[attempt % nodes.length] ?? {}
  return new Redis({ ...options, host, port })
}

function toOptions(plan: RedisPlan, connectMs: number): CommonRedisOptions {
  const { username, password, tls } = plan
  return {
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(tls === undefined ? {} : { tls }),
    connectTimeout: connectMs,
    // A connection that is silent for so long after a command is dead, also during the handshake.
    socketTimeout: connectMs,
    disconnectTimeout: DISCONNECT_MS,
    maxRetriesPerRequest: 1,
    // CLIENT SETINFO is a right more, and tells the server nothing that it needs.
    disableClientInfo: true,
  } as CommonRedisOptions
}

function toServer(plan: RedisPlan, connectMs: number): object {
  const { topology, addresses, primary, db, sentinel, tls } = plan
  if (topology === 'standalone') return { ...addresses[0], db }
  return {
    sentinels: addresses,
    name: primary,
    db,
    sentinelCommandTimeout: connectMs,
    sentinelRetryStrategy: getRetryDelayMs,
    ...(sentinel.username === undefined ? {} : { sentinelUsername: sentinel.username }),
    ...(sentinel.password === undefined ? {} : { sentinelPassword: sentinel.password }),
    ...(tls === undefined ? {} : { enableTLSForSentinelMode: true, sentinelTLS: tls }),
  }
}
