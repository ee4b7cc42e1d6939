import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { type RedisServer, startRedis } from './redis.ts'
import { until } from './until.ts'

const run = promisify(execFile)

/** Several servers that work together. */
interface RedisGroup {
  readonly url: string
  readonly servers: readonly [RedisServer, RedisServer, ...RedisServer[]]
  stop(): Promise<void>
}

/** Runs one command with redis-cli. @returns its output */
export async function redisCli(server: RedisServer, ...command: string[]): Promise<string> {
  return (await run('redis-cli', ['-p', String(server.port), ...command])).stdout
}

/** Starts a primary, a replica and three Sentinels that know each other. The first two of `servers` hold data. */
export async function startSentinels(): Promise<RedisGroup> {
  const primary = await startRedis()
  const replica = await startRedis([`replicaof 127.0.0.1 ${primary.port}`])
  const watch = [
    `sentinel monitor main 127.0.0.1 ${primary.port} 2`,
    'sentinel down-after-milliseconds main 300',
    'sentinel failover-timeout main 2000',
  ]
  const sentinels = await Promise.all([0, 1, 2].map(() => startRedis(watch, ['--sentinel'])))
  for (const one of sentinels) {
    await until(async () => {
      const state = await redisCli(one, 'sentinel', 'master', 'main')
      return /^num-slaves\n1$/m.test(state) && /^num-other-sentinels\n2$/m.test(state)
    })
  }
  const hosts = sentinels.map(({ port }) => `127.0.0.1:${port}`).join(',')
  const servers = [primary, replica, ...sentinels] as const
  return { url: `redis+sentinel://${hosts}/main`, servers, stop: () => stopAll(servers) }
}

/** Starts a cluster of three primaries, the first three of `servers`, and three replicas. */
export async function startCluster(): Promise<RedisGroup> {
  const settings = [
    'cluster-enabled yes',
    'cluster-node-timeout 1000',
    'repl-diskless-sync-delay 0',
  ]
  const start = (): Promise<RedisServer> => startRedis(settings)
  const servers = await Promise.all([start(), start(), start(), start(), start(), start()])
  const nodes = servers.map(({ port }) => `127.0.0.1:${port}`)
  const create = ['--cluster', 'create', ...nodes, '--cluster-replicas', '1', '--cluster-yes']
  await run('redis-cli', create)
  for (const one of servers) {
    await until(async () => (await redisCli(one, 'cluster', 'info')).includes('cluster_state:ok'))
  }
  return {
    url: `redis+cluster://${nodes.slice(0, 2).join(',')}`,
    servers,
    stop: () => stopAll(servers),
  }
}

const stopAll = async (servers: readonly RedisServer[]): Promise<void> => {
  await Promise.all(servers.map((one) => one.stop()))
}
