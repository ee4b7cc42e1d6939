import { isObservationLine } from '../../artefacts/schemas.ts'
import {
  DECISION_REASONS,
  OBSERVATION_BOUNDS,
  OBSERVATION_HOURS,
} from '../../core/observe/bounds.ts'
import { judgeObservation } from '../../core/observe/judge.ts'
import {
  buildSeries,
  type ObservationAway,
  type ObservationView,
} from '../../core/observe/series.ts'
import type { GateReport } from '../../core/report/types.ts'
import { getErrorCode } from '../../files/read-or-null.ts'
import type { Adapters } from '../../ports/adapters.ts'
import type { RecordingRead } from '../../ports/observe.ts'
import { findRecordingFolder } from './recording.ts'

const ITEM = 'H3'
const away = (why: ObservationAway): ObservationView => ({ status: 'away', why })

/**
 * Reads the series of the recording that the record of H3 was measured on, where a team's folder holds that very one: of the
 * same runner, with the same minutes. Anything else is no series and the reason; the verdict never depends on it.
 *
 * @param cwd the team's folder
 */
export async function readGateObservation(
  { items }: Pick<GateReport, 'items'>,
  { readRecording }: Pick<Adapters, 'readRecording'>,
  cwd: string,
): Promise<ObservationView> {
  const evidence = items.find(({ id }) => id === ITEM)?.evidence ?? null
  if (evidence === null) return away('not_measured')
  const { minutes, instances, recording } = evidence.met
  if (typeof minutes !== 'number' || typeof instances !== 'number' || typeof recording !== 'string')
    return away('not_said')
  const read = await readOrNull(() => readRecording(findRecordingFolder(cwd), isObservationLine))
  if (read === null) return away('unreadable')
  if (!read.ok) return away('altered')
  if (read.kid === null) return away('not_here')
  if (read.kid !== evidence.runner) return away('other_runner')
  if (read.hashes[minutes - 1] !== recording) return away('other_recording')
  const bounds = { ...OBSERVATION_BOUNDS, hours: OBSERVATION_HOURS, instances }
  const judged = judgeObservation(read.minutes.slice(0, minutes), bounds, DECISION_REASONS)
  return { status: 'here', series: buildSeries(judged) }
}

/** The report says that it could not be read. */
async function readOrNull(read: () => Promise<RecordingRead>): Promise<RecordingRead | null> {
  try {
    return await read()
  } catch (error) {
    if (getErrorCode(error) === null) throw error
    return null
  }
}
