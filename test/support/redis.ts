import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findPort, untilListening } from './ports.ts'
import { shared } from './shared.ts'

/** A running redis-server on loopback, which keeps nothing on disk. */
export interface RedisServer {
  readonly port: number
  readonly url: string
  /** Ends it at once, as a crash does. */
  kill(): Promise<void>
  /** Starts it again on its port, empty, after `kill`. */
  restart(): Promise<void>
  /** Stops its work without a loss of connections, as a hung server does. */
  hang(): void
  resume(): void
  /** Ends it, hung or not, and removes its folder. Harmless a second time. */
  stop(): Promise<void>
}

/**
 * Starts Debian's redis-server on a free port of 127.0.0.1, in a temporary folder and without persistence.
 *
 * @param settings lines of redis.conf, such as `maxmemory 1mb`; may replace the port by one for TLS
 */
export async function startRedis(
  settings: readonly string[] | ((port: number) => readonly string[]) = [],
  mode: readonly '--sentinel'[] = [],
): Promise<RedisServer> {
  const missing = await shared('redis')
  if (missing !== null) throw new Error(missing)
  const folder = mkdtempSync(join(tmpdir(), 'ff-redis-'))
  const port = await findPort()
  const lines = [
    `port ${port}`,
    // By default 10000 above the port, where there may be none.
    `cluster-port ${await findPort()}`,
    'bind 127.0.0.1',
    'save ""',
    'repl-diskless-sync-delay 0',
    `dir ${folder}`,
    ...(typeof settings === 'function' ? settings(port) : settings),
  ]
  // A file, for Sentinel writes its own.
  const file = join(folder, 'redis.conf')
  writeFileSync(file, `${lines.join('\n')}\n`)
  let child = await launch([file, ...mode], port)
  const kill = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const exit = once(child, 'exit')
    child.kill('SIGKILL')
    await exit
  }
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    kill,
    restart: async () => {
      child = await launch([file, ...mode], port)
    },
    hang: () => void child.kill('SIGSTOP'),
    resume: () => void child.kill('SIGCONT'),
    stop: async () => {
      await kill()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Starts one server; resolves once it accepts connections. */
async function launch(args: readonly string[], port: number): Promise<ChildProcess> {
  const child = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'inherit'] })
  await untilListening(child, { port, log: child.stdout })
  return child
}
