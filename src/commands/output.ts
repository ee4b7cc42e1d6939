import { constants } from 'node:fs'
import { mkdir, open, realpath, rm, stat } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { FfError } from '../errors.ts'
import { getErrorCode, nullIfMissing } from '../files/read-or-null.ts'
import { replaceFile } from '../files/replace-file.ts'
import type { Format } from '../reports/index.ts'
import type { Output } from './declarations/option.ts'

/**
 * Removes the reports of an earlier run, so that a failed run leaves no old report at its paths. Leaves pipes, devices
 * and open files of this process alone; a missing file is no error, a folder is one.
 * @throws FfError `output_failed`
 */
export async function clearOutputs(outputs: readonly Pick<Output, 'path'>[]): Promise<void> {
  for (const { path } of outputs) {
    await orFail(path, async () => {
      if (!(await isInPlace(path))) await rm(path, { force: true })
    })
  }
}

/**
 * Writes each report in turn as `writeOutput` does; stops at the first failure.
 *
 * @throws FfError `output_failed`
 */
export async function writeOutputs(
  outputs: readonly Output[],
  write: (format: Format) => Promise<string>,
  signal: AbortSignal,
): Promise<void> {
  for (const { format, path } of outputs) await writeOutput(path, await write(format), signal)
}

/**
 * Writes one file whole under a temporary name and renames it, so that a reader never sees half a report; a pipe or
 * device is written in place, while `signal` is not aborted and its reader takes something every 10 s (1 s where the
 * signal was aborted before). Makes the folder `reports` for it, which the help proposes, and no other.
 * @throws FfError `output_failed`
 */
export const writeOutput = (path: string, text: string, signal: AbortSignal): Promise<void> =>
  orFail(path, async () => {
    if (await isInPlace(path)) await writeInPlace(path, text, signal)
    else {
      if (basename(dirname(path)) === PROPOSED_FOLDER) await makeFolder(dirname(path))
      await replaceFile(path, text)
    }
  })

/** The folder that the help proposes for outputs; the identity of the code leaves it out. */
const PROPOSED_FOLDER = 'reports'
async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path)
  } catch (error) {
    // A missing parent or a file in its place also fails the write, which reports it.
    if (!['EEXIST', 'ENOENT', 'ENOTDIR'].includes(getErrorCode(error) ?? '')) throw error
  }
}

/**
 * Appends to a file that another program owns, creating it if missing, or to a pipe, whose reader has to take
 * something every 10 s.
 * @throws FfError `output_failed`
 */
export const appendOutput = (path: string, text: string): Promise<void> =>
  orFail(path, () => writeInPlace(path, text, new AbortController().signal))

/**
 * True for a pipe or a device, and for a link in `/dev` or `/proc`, such as `/dev/stdout`, which leads to an open file:
 * written in place, never removed or renamed.
 */
async function isInPlace(path: string): Promise<boolean> {
  const found = await nullIfMissing(stat(path))
  if (found === null || found.isDirectory()) return false
  const folder = await realpath(dirname(path))
  return !found.isFile() || folder === '/dev' || folder.startsWith('/proc/')
}

/** How long a pipe may take nothing: no reader opens it, or its reader does not read. */
const MOST_WAIT_MS = 10_000
/** The same after the end of the run: the report of a cancelled run is still to be written. */
const WAIT_AFTER_END_MS = 1_000
const RETRY_MS = 20

/**
 * Writes at the end of what is there. No signal ends a call that blocks, so nothing here blocks: a call that would is
 * tried again, until the run ends or the reader takes nothing for too long.
 */
async function writeInPlace(path: string, text: string, signal: AbortSignal): Promise<void> {
  const retry = retryUntilEnded(signal)
  const file = await retry(() => open(path, IN_PLACE))
  try {
    for (let rest = Buffer.from(text); rest.length > 0;) {
      const { bytesWritten } = await retry(() => file.write(rest))
      rest = rest.subarray(bytesWritten)
    }
  } finally {
    await file.close()
  }
}
const IN_PLACE = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK

function retryUntilEnded(signal: AbortSignal): <T>(call: () => Promise<T>) => Promise<T> {
  const afterEnd = signal.aborted
  const waitMs = afterEnd ? WAIT_AFTER_END_MS : MOST_WAIT_MS
  return async (call) => {
    for (const until = performance.now() + waitMs; ; await sleep(RETRY_MS)) {
      try {
        return await call()
      } catch (error) {
        const isOver = performance.now() > until || (signal.aborted && !afterEnd)
        if (isOver || findBlock(error) === null) throw error
      }
    }
  }
}
/** Why a call would block, by the code of its error (open(2), write(2)); null for another error. */
const findBlock = (error: unknown): string | null => BLOCKED[getErrorCode(error) ?? ''] ?? null
const BLOCKED: Readonly<Record<string, string>> = {
  ENXIO: 'no process reads this pipe',
  EAGAIN: 'the reader of this pipe takes nothing',
}

async function orFail(path: string, work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (cause) {
    throw new FfError(
      'output_failed',
      `Cannot write the report to ${path}: ${findBlock(cause) ?? (cause instanceof Error ? cause.message : String(cause))}.`,
      {
        hint: 'Check that its folder exists, is writable and has room, and that a pipe has a reader.',
        cause,
      },
    )
  }
}
