// CPU time to read, verify and judge a recording of 48 hours, as H3 does.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { makeRunnerKey } from '../../dist/src/adapters/evidence-log/runner-key.js'
import { adapters } from '../../dist/src/composition.js'
import {
  DECISION_REASONS,
  OBSERVATION_BOUNDS,
  OBSERVATION_HOURS,
} from '../../dist/src/core/observe/bounds.js'
import { judgeObservation } from '../../dist/src/core/observe/judge.js'
import {
  openStagingRecording,
  readStagingRecording,
} from '../../dist/src/features/observe/recording.js'
import {
  INSTANCES,
  plantRecording,
} from '../../dist/src/features/probes/faults/planted-recording.js'
import { sized } from './smoke.mjs'

const HOURS = sized(OBSERVATION_HOURS, 1)
const BOUNDS = { ...OBSERVATION_BOUNDS, hours: HOURS, instances: INSTANCES }

/** CPU seconds of the first read of this process. */
export async function observationSpeed() {
  const cwd = mkdtempSync(join(tmpdir(), 'ff-bench-'))
  const path = join(cwd, 'runner.pem')
  await makeRunnerKey(path)
  const writer = await openStagingRecording(adapters, cwd, { path, make: false })
  for (const minute of plantRecording(HOURS * 60)) await writer.append(minute)
  await writer.close()
  const before = process.cpuUsage()
  const { minutes } = await readStagingRecording(adapters, cwd)
  const { complete } = judgeObservation(minutes, BOUNDS, DECISION_REASONS)
  const { user, system } = process.cpuUsage(before)
  if (!complete) throw new Error('the recording is not complete')
  rmSync(cwd, { recursive: true })
  return (user + system) / 1e6
}
