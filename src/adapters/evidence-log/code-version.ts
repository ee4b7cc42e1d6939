import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createReadStream, lstatSync, readFileSync, readlinkSync, type Stats } from 'node:fs'
import { realpath } from 'node:fs/promises'
import { setImmediate } from 'node:timers/promises'
import { promisify } from 'node:util'
import { isMissing } from '../../files/read-or-null.ts'

const run = promisify(execFile)
const GIT_MS = 5_000
const MOST_BYTES = 67_108_864
/** Files up to this size are read at once and synchronously, which takes a quarter of the CPU time of a stream. */
const SMALL_BYTES = 262_144
/** After so many files other work of the process gets its turn. */
const FILES_A_TURN = 64
/** Of all files together: a larger tree is not hashed. */
const MOST_TREE_BYTES = 1_073_741_824
/** Below the judged folder: what `ff` writes, and the checklists, each of which is bound by its own digest. */
const LEFT_OUT = ['.ff', 'checklists', 'reports']

/**
 * The identity of the code in the Git work tree that a folder is in: `worktree:` and the SHA-256, in hexadecimal, of
 * its content, that is of the path, kind and bytes of each file that is tracked, or untracked and not ignored. So a
 * commit changes nothing, and neither do `.ff`, `checklists` and `reports` of the folder. Null without git or a
 * repository, where git fails or takes longer than 5 s, where a file cannot be read, and for a tree of over 1 GiB; never
 * rejects.
 */
export async function codeVersion(folder: string): Promise<string | null> {
  try {
    const top = await findTop(folder)
    return `worktree:${await hashTree({ folder, top, leftOut: LEFT_OUT, budget: { bytes: MOST_TREE_BYTES } })}`
  } catch {
    return null // An unknown version matches no evidence.
  }
}

async function git(folder: string, ...args: string[]): Promise<string> {
  const options = { cwd: folder, timeout: GIT_MS, maxBuffer: MOST_BYTES } as const
  // One character a byte: a path need not be UTF-8.
  return (await run('git', args, { ...options, encoding: 'latin1' })).stdout
}

const toBytes = (path: string): Buffer => Buffer.from(path, 'latin1')
const findTop = async (folder: string): Promise<string> =>
  (await git(folder, 'rev-parse', '--show-toplevel')).replace(/\n$/, '')

interface Tree {
  readonly folder: string
  /** The top of the work tree, one character a byte. */
  readonly top: string
  readonly leftOut: readonly string[]
  readonly budget: Budget
}
/** The bytes that may still be read. */
interface Budget {
  bytes: number
}

async function hashTree({ folder, top, leftOut, budget }: Tree): Promise<string> {
  const where = ['--', ':(top)', ...leftOut.map((name) => `:(exclude)${name}`)]
  const flags = ['-z', '--full-name', '--cached', '--others', '--exclude-standard']
  const listed = (await git(folder, 'ls-files', ...flags, ...where)).split('\0').slice(0, -1)
  const paths = [...new Set(listed)].sort()
  const hash = createHash('sha256')
  for (const [at, path] of paths.entries()) {
    if (at % FILES_A_TURN === 0) await setImmediate()
    const entry = await hashEntry(`${top}/${path}`, budget)
    if (entry !== null) hash.update(toBytes(`${path}\0${entry}\0`))
  }
  return hash.digest('hex')
}

/** Kind and SHA-256 of what is at a path; null for a tracked file that is deleted. */
async function hashEntry(path: string, budget: Budget): Promise<string | null> {
  const bytes = toBytes(path.replace(/\/$/, ''))
  const found = findEntry(bytes)
  if (found === null) return null
  if (found.isSymbolicLink()) return `link ${digest(readlinkSync(bytes, 'buffer'))}`
  // A submodule, or another repository in this one.
  if (found.isDirectory()) return `folder ${await hashNested(bytes, budget)}`
  if (!found.isFile()) return 'other'
  spend(budget, found.size)
  const kind = (found.mode & 0o100) === 0 ? 'file' : 'program'
  const content =
    found.size <= SMALL_BYTES ? digest(readFileSync(bytes)) : await hashLarge(bytes, found.size)
  return `${kind} ${content}`
}

function findEntry(path: Buffer): Stats | null {
  try {
    return lstatSync(path)
  } catch (error) {
    if (isMissing(error)) return null
    throw error
  }
}

const digest = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')

async function hashLarge(path: Buffer, size: number): Promise<string> {
  const hash = createHash('sha256')
  // No further: the file may grow while it is read.
  for await (const chunk of createReadStream(path, { end: size - 1 })) hash.update(chunk as Buffer)
  return hash.digest('hex')
}

/** @throws Error where the tree is too large */
function spend(budget: Budget, bytes: number): void {
  budget.bytes -= bytes
  if (budget.bytes < 0) throw new Error('the work tree is too large')
}

async function hashNested(path: Buffer, budget: Budget): Promise<string> {
  const folder = await realpath(path.toString())
  const top = await findTop(folder)
  // A submodule that is not checked out is a folder of the outer repository.
  return toBytes(top).equals(Buffer.from(folder))
    ? hashTree({ folder, top, leftOut: [], budget })
    : 'not checked out'
}
