import { spawn, type ChildProcess } from 'node:child_process'
import { cp, mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pathToFileURL } from 'node:url'
import type * as Main from '../../src/main.ts'

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
  /** Another package folder: a copy with something changed in it. */
  readonly root?: string
  /** What it reads on standard input; nothing, and the end of it, where none is given. */
  readonly input?: string
}

/** What the program has of this environment in every test. */
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
  child.stdin.on('error', () => undefined) // It may end without reading.
  child.stdin.end(input)
  return child
}

/** Runs it to its end in a process of its own: where that process is what a test is about. */
export const spawnFf = (args: readonly string[], options: RunOptions = {}): Promise<Run> =>
  finished(startFf(args, options))

/** The runs in this process at this moment, all of them in one working directory. */
const inProcess = { cwd: '', runs: 0, before: '' }

/**
 * Runs one command of the built program to its end, in this process, which saves its start.
 *
 * A process of their own get: a copy of the package, a variable that is not ours and so may be read by a library or by
 * Node itself, and a run in another directory than the runs of this moment, for a process has one.
 */
export function runFf(args: readonly string[], options: RunOptions = {}): Promise<Run> {
  const { root, env = {}, cwd = tmpdir() } = options
  const needsOwnProcess =
    root !== undefined ||
    Object.keys(env).some((name) => !name.startsWith('FF_')) ||
    (inProcess.runs > 0 && inProcess.cwd !== cwd)
  return needsOwnProcess ? spawnFf(args, options) : runHere(args, options)
}

async function runHere(
  args: readonly string[],
  { env = {}, cwd = tmpdir(), input = '' }: RunOptions,
): Promise<Run> {
  let [stdout, stderr] = ['', '']
  const io = {
    stdout: async (text: string) => void (stdout += text),
    stderr: (text: string) => void (stderr += text),
    stdin: () => Readable.from(input === '' ? [] : [Buffer.from(input)]),
    terminal: () => Promise.resolve(null),
    stdoutIsTerminal: false,
    stderrIsTerminal: false,
  }
  const onSignal = () => () => undefined
  const program = { cwd, env: { ...cleanEnv(), ...env }, io, onSignal }
  if (inProcess.runs === 0) inProcess.before = process.cwd()
  inProcess.cwd = cwd
  inProcess.runs += 1
  process.chdir(cwd) // Paths in options are read as typed.
  try {
    const url = pathToFileURL(join(ROOT, 'dist/src/main.js')).href
    const { main } = (await import(url)) as typeof Main
    const status = await main(program, [process.execPath, 'ff', ...args])
    return { status, signal: null, stdout, stderr }
  } finally {
    inProcess.runs -= 1
    if (inProcess.runs === 0) process.chdir(inProcess.before)
  }
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

/** A copy of the package that a test may change: artefacts and the built program, without its dependencies. */
export async function copyPackage(): Promise<{ readonly root: string; remove(): Promise<void> }> {
  const root = await mkdtemp(join(tmpdir(), 'ff-copy-'))
  for (const part of ['dist', 'checklists', 'contracts', 'vectors', 'package.json']) {
    await cp(join(ROOT, part), join(root, part), { recursive: true })
  }
  await symlink(join(ROOT, 'node_modules'), join(root, 'node_modules'))
  return { root, remove: () => rm(root, { recursive: true, force: true }) }
}
