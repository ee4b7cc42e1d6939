import { randomUUID } from 'node:crypto'
import { open, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { FfError } from '../errors.ts'
import type { Format } from '../reports/index.ts'

export interface Output {
  readonly format: Format
  readonly path: string
}

/** Writes each file beside its place and renames it there when it is whole: nobody reads half a report. */
export async function writeOutputs(
  outputs: readonly Output[],
  write: (format: Format) => string,
): Promise<void> {
  for (const { format, path } of outputs) {
    const temporary = join(dirname(path), `.ff-output-${randomUUID()}`)
    try {
      const file = await open(temporary, 'wx')
      try {
        await file.writeFile(write(format))
        await file.sync()
      } finally {
        await file.close()
      }
      await rename(temporary, path)
    } catch (cause) {
      await rm(temporary, { force: true }).catch(() => undefined) // The first error is the one to tell.
      throw new FfError('output_failed', `The report could not be written to ${path}.`, {
        hint: 'Check that its folder is there, may be written and has room.',
        cause,
      })
    }
  }
}
