import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import type * as Composition from '../../src/composition.ts'
import type * as Main from '../../src/main.ts'
import type { Terminal } from '../../src/ports/signoff.ts'

export const ROOT = new URL('../..', import.meta.url).pathname.replace(/\/$/, '')

export interface Run {
  readonly status: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}
export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  /** Another package folder: a changed copy. */
  readonly root?: string
  /** A folder with changed artefacts, for runFf; the program itself is the built one. */
  readonly artefacts?: string
  /** The time that the clock shows, for runFf. */
  readonly now?: string
  /** Standard input; empty where absent. */
  readonly input?: string
  /** The terminal, for runFf; there is none where absent. */
  readonly terminal?: Terminal
}

/** The only variables of this environment that the program gets in a test. */
const cleanEnv = () => ({
  PATH: process.env['PATH'],
  HOME: process.env['HOME'],
  TMPDIR: process.env['TMPDIR'] ?? tmpdir(),
})

/** Starts the built binary as a user would. */
export function startFf(
  args: readonly string[],
  { env = {}, cwd, root = ROOT, input = '' }: RunOptions = {},
): ChildProcess {
  const child = spawn(process.execPath, [join(root, 'dist/bin/ff.js'), ...args], {
    cwd: cwd ?? tmpdir(),
    env: { ...cleanEnv(), ...env },
  })
  child.stdin.on('error', () => undefined) // The program can end without reading.
  child.stdin.end(input)
  return child
}

/** Runs `ff` in a process of its own, for tests about the process. */
export const spawnFf = (args: readonly string[], options: RunOptions = {}): Promise<Run> =>
  finished(startFf(args, options))

/** The current runs in this process; all share one working directory. */
const inProcess = { cwd: '', runs: 0, before: '' }

/**
 * Runs one command of the built program in this process, which saves the start of a process.
 *
 * A run gets a process of its own where it uses a copy of the package, sets a variable that Node or a library may read
 * (not `FF_...`), or needs another working directory than the current runs.
 */
export function runFf(args: readonly string[], options: RunOptions = {}): Promise<Run> {
  const { root, artefacts, now, terminal, env = {}, cwd = tmpdir() } = options
  const needsOwnProcess =
    root !== undefined ||
    Object.keys(env).some((name) => !name.startsWith('FF_')) ||
    (inProcess.runs > 0 && inProcess.cwd !== cwd)
  if (!needsOwnProcess) return runHere(args, options)
  if ([artefacts, now, terminal].some((given) => given !== undefined))
    throw new Error('only a run in this process takes other artefacts, another time or a terminal')
  return spawnFf(args, options)
}

async function runHere(
  args: readonly string[],
  { artefacts = ROOT, now, env = {}, cwd = tmpdir(), input = '', terminal }: RunOptions,
): Promise<Run> {
  let [stdout, stderr] = ['', '']
  const io = {
    stdout: async (text: string) => void (stdout += text),
    stderr: (text: string) => void (stderr += text),
    tryStderr: (bytes: Uint8Array) => bytes.length,
    stdin: () => Readable.from(input === '' ? [] : [Buffer.from(input)]),
    terminal: () => Promise.resolve(terminal ?? null),
    page: () => Promise.resolve(false),
    stdoutIsTerminal: false,
    screenSize: () => null,
    stderrIsTerminal: false,
  }
  const onSignal = () => () => undefined
  const clock = now === undefined ? {} : { now: () => new Date(now) }
  const program = { root: artefacts, cwd, env: { ...cleanEnv(), ...env }, io, onSignal, ...clock }
  if (inProcess.runs === 0) inProcess.before = process.cwd()
  inProcess.cwd = cwd
  inProcess.runs += 1
  process.chdir(cwd) // Relative paths in options are resolved against it.
  try {
    const { main, adapters } = await loadBuild()
    const status = await main({ ...program, adapters }, [process.execPath, 'ff', ...args])
    return { status, signal: null, stdout, stderr }
  } finally {
    inProcess.runs -= 1
    if (inProcess.runs === 0) process.chdir(inProcess.before)
  }
}

/** The digest of the build, which no run in this process changes. */
let digest: Promise<string> | undefined

async function loadBuild(): Promise<
  Pick<typeof Main, 'main'> & Pick<typeof Composition, 'adapters'>
> {
  const load = (name: string): Promise<unknown> =>
    import(pathToFileURL(join(ROOT, 'dist/src', name)).href)
  const { main } = (await load('main.js')) as typeof Main
  const { adapters } = (await load('composition.js')) as typeof Composition
  const buildDigest = (root: string): Promise<string> =>
    root === ROOT ? (digest ??= adapters.buildDigest(root)) : adapters.buildDigest(root)
  return { main, adapters: { ...adapters, buildDigest } }
}

export function finished(child: ChildProcess): Promise<Run> {
  let [stdout, stderr] = ['', '']
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (status, signal) => resolve({ status, signal, stdout, stderr }))
  })
}

export interface Copy {
  readonly root: string
  remove(): Promise<void>
}

/** Copies the package for a test to change: artefacts and the built program; dependencies are linked. */
export const copyPackage = (): Promise<Copy> => copyParts([...ARTEFACTS, 'dist'])

/** Copies the artefacts for a test to change, for `artefacts` of runFf. */
export const copyArtefacts = (): Promise<Copy> => copyParts(ARTEFACTS)

const ARTEFACTS = ['checklists', 'contracts', 'vectors', 'package.json']

async function copyParts(parts: readonly string[]): Promise<Copy> {
  const root = await mkdtemp(join(tmpdir(), 'ff-copy-'))
  // A tenth of the CPU time of `cp` of node:fs.
  await promisify(execFile)('cp', ['-R', ...parts, root], { cwd: ROOT })
  await symlink(join(ROOT, 'node_modules'), join(root, 'node_modules'))
  return { root, remove: () => rm(root, { recursive: true, force: true }) }
}
