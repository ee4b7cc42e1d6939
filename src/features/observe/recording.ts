import { join } from 'node:path'
import { isObservationLine } from '../../artefacts/schemas.ts'
import { quoteForShell, quoteValue } from '../../core/text/quote.ts'
import { FfError } from '../../errors.ts'
import type { Adapters } from '../../ports/adapters.ts'
import type { RecordingKey, RecordingRead, RecordingWriter } from '../../ports/observe.ts'

/** The folder of the recording of staging in a team's folder. */
export const findRecordingFolder = (cwd: string): string => join(cwd, '.ff', 'observation')

/** Opens the recording of a team's folder for appending. @throws FfError as `Adapters.openRecording` */
export const openStagingRecording = (
  { openRecording }: Pick<Adapters, 'openRecording'>,
  cwd: string,
  key: RecordingKey,
): Promise<RecordingWriter> =>
  openRecording(findRecordingFolder(cwd), { key, fits: isObservationLine })

/**
 * Reads and verifies the recording of a team's folder: its minutes, oldest first, the hash of the chain at each, and the
 * thumbprint of the key that signed them, null for an empty one.
 *
 * @throws FfError `evidence_untrusted` for an altered recording, `evidence_unreadable`
 */
export async function readStagingRecording(
  { readRecording }: Pick<Adapters, 'readRecording'>,
  cwd: string,
): Promise<Extract<RecordingRead, { ok: true }>> {
  const folder = findRecordingFolder(cwd)
  const read = await readRecording(folder, isObservationLine)
  if (read.ok) return read
  throw new FfError(
    'evidence_untrusted',
    `The recording ${quoteValue(folder)} is altered: line ${read.line}, ${read.code}.`,
    {
      hint: `Keep it for an investigation, and record anew: \`mv ${quoteForShell(folder)} ${quoteForShell(`${folder}.old`)} && ff observe start\`.`,
    },
  )
}
