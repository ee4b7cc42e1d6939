import { isDeepStrictEqual } from 'node:util'
import type { CutoverFile, FileWriter } from '../../ports/cutover.ts'

/**
 * Appends the boundary record that a step of the file alone still lacks: the command that decided it may have ended before
 * it could. For the process that has just taken the file's lock, before anything else is written.
 *
 * @throws FfError of the file's side
 */
export async function settleAloneStep(
  file: Pick<CutoverFile, 'read' | 'readAloneStep' | 'writeAloneStep'>,
  writer: Pick<FileWriter, 'startEpoch' | 'mark'>,
): Promise<void> {
  const step = await file.readAloneStep()
  if (step === null) return
  const { record } = await file.read()
  // Any other record: the step was not decided.
  if (isDeepStrictEqual(record, step.record)) {
    await writer.startEpoch(record.epoch)
    await writer.mark(step)
  }
  await file.writeAloneStep(null)
}
