import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { Redis } from 'ioredis'
import { FfError } from '../../errors.ts'
import type { RunningProgram } from '../../ports/process.ts'
import type { ScratchRedis } from '../../ports/redis.ts'
import { startProgram } from '../process/start-program.ts'

const HOST = '127.0.0.1'
/** Longer than any measurement. */
const LIFE_MS = 3_600_000
const STARTED = /Redis version=([\d.]+)[^]*Ready to accept connections/

/**
 * Starts `redis-server` of PATH on a free port of loopback, without persistence. It ends with this process, kill -9
 * included, or when `signal` is aborted.
 *
 * @throws FfError `command_unanswered` where it does not start
 */
export async function openScratchRedis(signal: AbortSignal): Promise<ScratchRedis> {
  const port = await findFreePort()
  const launch = (): Promise<Launched> => launchServer(port, signal)
  let running = await launch()
  const withClient = async <T>(use: (client: Redis) => Promise<T>): Promise<T> => {
    const client = new Redis({ host: HOST, port, retryStrategy: null, lazyConnect: true })
    try {
      await client.connect()
      return await use(client)
    } finally {
      client.disconnect()
    }
  }
  return {
    url: `redis://${HOST}:${port}`,
    version: running.version,
    stop: () => running.program.kill(),
    start: async () => {
      running = await launch()
    },
    pause: () => running.program.pause(),
    resume: () => running.program.resume(),
    set: (name, text, ttl_ms) =>
      withClient(async (client) => {
        await (ttl_ms === null ? client.set(name, text) : client.set(name, text, 'PX', ttl_ms))
      }),
    cutSubscribers: () =>
      withClient(async (client) => void (await client.call('CLIENT', 'KILL', 'TYPE', 'pubsub'))),
    close: () => running.program.kill(),
  }
}

interface Launched {
  readonly program: RunningProgram
  readonly version: string
}

async function launchServer(port: number, signal: AbortSignal): Promise<Launched> {
  const settings = ['--port', String(port), '--bind', HOST, '--save', '', '--appendonly', 'no']
  const limits = { cwd: tmpdir(), timeoutMs: LIFE_MS, signal }
  const program = startProgram(['redis-server', ...settings], limits)
  const started = await program.says(STARTED)
  if (started.ok) return { program, version: started.text }
  throw new FfError(
    'command_unanswered',
    `Cannot start redis-server: ${started.last_line.slice(0, 300)}`,
    { hint: 'Install it: sudo apt-get install redis-server' },
  )
}

async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, HOST)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
