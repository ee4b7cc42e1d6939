import { appendFile, mkdir, rm, stat, writeFile } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { FfError } from '../errors.ts'
import { getErrorCode, nullIfMissing } from '../files/read-or-null.ts'
import { replaceFile } from '../files/replace-file.ts'
import type { Format } from '../reports/index.ts'
import type { Output } from './declarations/option.ts'

/**
 * Removes the reports of an earlier run, so that a failed run leaves no old report at its paths. Leaves pipes and
 * devices alone; a missing file is no error.
 *
 * @throws FfError `output_failed`
 */
export async function clearOutputs(outputs: readonly Pick<Output, 'path'>[]): Promise<void> {
  for (const { path } of outputs) {
    await orFail(path, async () => {
      if (!(await isDevice(path))) await rm(path, { force: true })
    })
  }
}

/**
 * Writes each report in turn under a temporary name and renames it, so that a reader never sees half a report; stops at
 * the first failure.
 *
 * @throws FfError `output_failed`
 */
export async function writeOutputs(
  outputs: readonly Output[],
  write: (format: Format) => string,
): Promise<void> {
  for (const { format, path } of outputs) await writeOutput(path, write(format))
}

/**
 * Writes one file whole, replacing it by a rename; a pipe or device is written in place. Makes the folder
 * `reports` for it, which the help proposes, and no other.
 *
 * @throws FfError `output_failed`
 */
export const writeOutput = (path: string, text: string): Promise<void> =>
  orFail(path, async () => {
    if (await isDevice(path)) await writeFile(path, text)
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

/** Appends to a file that another program owns, creating it if missing. @throws FfError `output_failed` */
export const appendOutput = (path: string, text: string): Promise<void> =>
  orFail(path, () => appendFile(path, text))

/** True for a pipe, a device or a link to one, such as `/dev/stdout`: written in place, never removed or renamed. */
async function isDevice(path: string): Promise<boolean> {
  const found = await nullIfMissing(stat(path))
  return found !== null && !found.isFile() && !found.isDirectory()
}

async function orFail(path: string, work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (cause) {
    throw new FfError(
      'output_failed',
      `Cannot write the report to ${path}: ${cause instanceof Error ? cause.message : String(cause)}.`,
      {
        hint: 'Check that its folder exists, is writable and has room.',
        cause,
      },
    )
  }
}
