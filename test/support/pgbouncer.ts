import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findLaunchers } from '../../src/adapters/postgres/embedded-runner.ts'
import { getSocket, startServer, type Version } from './database.ts'
import { findPort, untilListening } from './ports.ts'
import { shared } from './shared.ts'

/** A running PgBouncer before a shared server, in transaction mode unless a setting says otherwise. */
export interface Pooler {
  readonly port: number
  stop(): Promise<void>
}

/**
 * Starts Debian's PgBouncer on a loopback port.
 *
 * @param settings lines of the section `[pgbouncer]` beside the defaults, which take any login as the superuser
 * @param databases by name a database of the server in another pool mode than the others
 */
export async function startPooler(
  version: Version,
  settings: Readonly<Record<string, string>> = {},
  databases: Readonly<Record<string, string>> = {},
): Promise<Pooler> {
  const missing = await shared('pgbouncer')
  if (missing !== null) throw new Error(missing)
  await startServer(version)
  const folder = mkdtempSync(join(tmpdir(), 'ff-pgbouncer-'))
  const port = await findPort()
  const all = {
    listen_addr: '127.0.0.1',
    listen_port: String(port),
    unix_socket_dir: '',
    auth_type: 'any',
    pool_mode: 'transaction',
    default_pool_size: '4',
    logfile: join(folder, 'log'),
    ...settings,
  }
  const user = settings['auth_file'] === undefined ? ' user=postgres' : ''
  const lines = Object.entries(all).map(([name, value]) => `${name} = ${value}\n`)
  const ini = join(folder, 'pgbouncer.ini')
  const server = `host=${getSocket(version)} port=5432${user}`
  const own = Object.entries(databases).map(
    ([name, mode]) => `${name} = ${server} dbname=${name} pool_mode=${mode}\n`,
  )
  writeFileSync(ini, `[databases]\n${own.join('')}* = ${server}\n[pgbouncer]\n${lines.join('')}`)
  // As the servers: PgBouncer refuses to run as root, too.
  const [launcher] = findLaunchers()
  const [program, ...args] = [...(launcher?.wrap ?? []), 'pgbouncer', '--quiet', ini] as const
  const env = { PATH: `${process.env['PATH']}:/usr/sbin` }
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env })
  await untilListening(child, { port, log: child.stderr })
  return {
    port,
    stop: async () => {
      const exit = once(child, 'exit')
      child.kill('SIGTERM')
      await exit
      rmSync(folder, { recursive: true })
    },
  }
}
