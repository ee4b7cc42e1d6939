import { appendFile, rm, stat, writeFile } from 'node:fs/promises'
import { FfError } from '../errors.ts'
import { nullIfMissing } from '../files/read-or-null.ts'
import { replaceFile } from '../files/replace-file.ts'
import type { Format } from '../reports/index.ts'
import type { Output } from './declarations/option.ts'

/** Takes away the reports of an earlier run: what stands at the path at the end is this run's, or nothing. */
export async function clearOutputs(outputs: readonly Pick<Output, 'path'>[]): Promise<void> {
  for (const { path } of outputs) {
    await orFail(path, async () => {
      if (!(await isDevice(path))) await rm(path, { force: true })
    })
  }
}

/** Writes each file beside its place and renames it there when it is whole: nobody reads half a report. */
export async function writeOutputs(
  outputs: readonly Output[],
  write: (format: Format) => string,
): Promise<void> {
  for (const { format, path } of outputs) await writeOutput(path, write(format))
}

export const writeOutput = (path: string, text: string): Promise<void> =>
  orFail(path, async () => {
    if (await isDevice(path)) await writeFile(path, text)
    else await replaceFile(path, text)
  })

/** Adds to a file that is somebody else's. */
export const appendOutput = (path: string, text: string): Promise<void> =>
  orFail(path, () => appendFile(path, text))

/** A pipe or a device is written to where it is; a name that leads to one, such as `/dev/stdout`, counts as one. */
async function isDevice(path: string): Promise<boolean> {
  const found = await nullIfMissing(stat(path))
  return found !== null && !found.isFile() && !found.isDirectory()
}

async function orFail(path: string, work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (cause) {
    throw new FfError('output_failed', `The report could not be written to ${path}.`, {
      hint: 'Check that its folder is there, may be written and has room.',
      cause,
    })
  }
}
