import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { makeAuthority, makeCertificate } from '../adapters/admin/certificates.ts'
import { type RedisServer, startRedis } from './redis.ts'
import { until } from './until.ts'

const run = promisify(execFile)

/** Several servers that work together. */
interface RedisGroup {
  readonly url: string
  readonly servers: readonly [RedisServer, RedisServer, ...RedisServer[]]
  stop(): Promise<void>
}

/** TLS of servers and their clients, each with a certificate of one authority. */
export interface RedisTls {
  /** Lines of redis.conf for a server on a port. */
  readonly lines: (port: number) => readonly string[]
  readonly cli: readonly string[]
  /** The parameters of a URL. */
  readonly query: string
}
const PLAIN: RedisTls = { lines: () => [], cli: [], query: '' }

/** Makes the certificates in a folder. */
export function makeRedisTls(folder: string): RedisTls {
  makeAuthority(folder, 'authority')
  makeCertificate(folder, 'authority', { name: 'server', alternative: 'IP:127.0.0.1' })
  makeCertificate(folder, 'authority', { name: 'client', alternative: 'DNS:client' })
  const at = (name: string): string => join(folder, name)
  return {
    lines: (port) => [
      'port 0',
      `tls-port ${port}`,
      `tls-cert-file ${at('server.pem')}`,
      `tls-key-file ${at('server.key')}`,
      `tls-ca-cert-file ${at('authority.pem')}`,
      'tls-replication yes',
    ],
    cli: [
      '--tls',
      '--cacert',
      at('authority.pem'),
      '--cert',
      at('client.pem'),
      '--key',
      at('client.key'),
    ],
    query: `?sslrootcert=${at('authority.pem')}&sslcert=${at('client.pem')}&sslkey=${at('client.key')}`,
  }
}

/** Runs one command with redis-cli. @returns its output */
export const redisCli = (server: RedisServer, ...command: string[]): Promise<string> =>
  redisCliOver(PLAIN, server, command)

/** As `redisCli`, over TLS. */
export async function redisCliOver(
  { cli }: Pick<RedisTls, 'cli'>,
  server: RedisServer,
  command: readonly string[],
): Promise<string> {
  return (await run('redis-cli', [...cli, '-p', String(server.port), ...command])).stdout
}

const toUrl = (kind: string, rest: string, tls: RedisTls): string =>
  `redis${tls === PLAIN ? '' : 's'}+${kind}://${rest}${tls.query}`

/** Starts a primary, a replica and three Sentinels that know each other. The first two of `servers` hold data. */
export async function startSentinels(tls = PLAIN): Promise<RedisGroup> {
  const primary = await startRedis(tls.lines)
  const follow = `replicaof 127.0.0.1 ${primary.port}`
  const replica = await startRedis((port) => [...tls.lines(port), follow])
  const watch = [
    `sentinel monitor main 127.0.0.1 ${primary.port} 2`,
    'sentinel down-after-milliseconds main 300',
    'sentinel failover-timeout main 2000',
  ]
  const startSentinel = (): Promise<RedisServer> =>
    startRedis((port) => [...tls.lines(port), ...watch], ['--sentinel'])
  const sentinels = await Promise.all([startSentinel(), startSentinel(), startSentinel()])
  for (const one of sentinels) {
    await until(async () => {
      const state = await redisCliOver(tls, one, ['sentinel', 'master', 'main'])
      return /^num-slaves\n1$/m.test(state) && /^num-other-sentinels\n2$/m.test(state)
    })
  }
  const hosts = sentinels.map(({ port }) => `127.0.0.1:${port}`).join(',')
  const servers = [primary, replica, ...sentinels] as const
  return { url: toUrl('sentinel', `${hosts}/main`, tls), servers, stop: () => stopAll(servers) }
}

/** Starts a cluster of three primaries, the first three of `servers`, and three replicas. */
export async function startCluster(tls = PLAIN): Promise<RedisGroup> {
  const settings = [
    'cluster-enabled yes',
    'cluster-node-timeout 1000',
    'repl-diskless-sync-delay 0',
    ...(tls === PLAIN ? [] : ['tls-cluster yes']),
  ]
  const start = (): Promise<RedisServer> => startRedis((port) => [...tls.lines(port), ...settings])
  const servers = await Promise.all([start(), start(), start(), start(), start(), start()])
  const nodes = servers.map(({ port }) => `127.0.0.1:${port}`)
  const create = ['--cluster', 'create', ...nodes, '--cluster-replicas', '1', '--cluster-yes']
  await run('redis-cli', [...tls.cli, ...create])
  for (const one of servers) {
    await until(async () =>
      (await redisCliOver(tls, one, ['cluster', 'info'])).includes('cluster_state:ok'),
    )
  }
  return {
    url: toUrl('cluster', nodes.slice(0, 2).join(','), tls),
    servers,
    stop: () => stopAll(servers),
  }
}

const stopAll = async (servers: readonly RedisServer[]): Promise<void> => {
  await Promise.all(servers.map((one) => one.stop()))
}
