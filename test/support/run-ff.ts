import { spawn, type ChildProcess } from 'node:child_process'
import { cp, mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

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

/** Starts the built binary as a user would. */
export function startFf(
  args: readonly string[],
  { env = {}, cwd, root = ROOT, input = '' }: RunOptions = {},
): ChildProcess {
  const clean = {
    PATH: process.env['PATH'],
    HOME: process.env['HOME'],
    TMPDIR: process.env['TMPDIR'] ?? tmpdir(),
  }
  const child = spawn(process.execPath, [join(root, 'dist/bin/ff.js'), ...args], {
    cwd: cwd ?? tmpdir(),
    env: { ...clean, ...env },
  })
  child.stdin.on('error', () => undefined) // It may end without reading.
  child.stdin.end(input)
  return child
}

/** Runs it to its end. */
export async function runFf(args: readonly string[], options: RunOptions = {}): Promise<Run> {
  return finished(startFf(args, options))
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
