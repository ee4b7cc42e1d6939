import type { Measurement } from '../../core/gate/judge-measurement.ts'
import {
  DECISION_REASONS,
  OBSERVATION_BOUNDS,
  OBSERVATION_HOURS,
} from '../../core/observe/bounds.ts'
import { judgeObservation } from '../../core/observe/judge.ts'
import { projectUse } from '../../core/observe/leak.ts'
import { MINUTE_MS, type Resource, type ResourceUse } from '../../core/observe/minute.ts'
import { instantFromMs, instantToMs } from '../../core/rows/instant.ts'
import { IDENTITY, INSTANCES, plantRecording } from './faults/planted-recording.ts'
import { defineProbe, fromValue, readNumberParam } from './framework/probe.ts'
import { makeShortError } from './observation.ts'
import { RECORDING_NEEDS, type StagingRecording, withRecording } from './recording.ts'

/** A recording in which a resource rises by a share of its limit that fills it within the days of the item. */
const rising = (resource: Resource) =>
  fromValue((): StagingRecording => ({
    identity: IDENTITY,
    instances: INSTANCES,
    hash: '',
    minutes: plantRecording(OBSERVATION_HOURS * 60, () => ({})).map((minute, at) => {
      const use: ResourceUse = { used: 100 + at / 8, limit: 1000 }
      return { ...minute, resources: { ...minute.resources, [resource]: use } }
    }),
  }))

/**
 * H4: memory, connections and disk of the newest clean hours of the recording of staging, projected by the days of the
 * item. The record spans these hours. The controls are made-up recordings in which one of the three rises.
 *
 * Inconclusive: as `observation`, and `proof_inconclusive` for a recording too short for a projection.
 */
export const leak = defineProbe<
  StagingRecording,
  'memory_share' | 'connections_share' | 'disk_share'
>({
  version: 1,
  site: 'scratch',
  staging: RECORDING_NEEDS,
  isolation: 'parallel',
  sound: withRecording,
  faulty: {
    memory_share: rising('memory'),
    connections_share: rising('connections'),
    disk_share: rising('disk'),
  },
  measure: ({ minutes, instances }, context): Promise<Measurement> => {
    const bounds = { ...OBSERVATION_BOUNDS, hours: OBSERVATION_HOURS, instances }
    const { window, complete } = judgeObservation(minutes, bounds, DECISION_REASONS)
    if (window === null || !complete) throw makeShortError(window, OBSERVATION_HOURS)
    const held = minutes.filter(({ minute }) => minute >= window.from && minute <= window.until)
    const days = readNumberParam(context, 'days')
    const shares = projectUse(held, days)
    if (shares === null) throw makeShortError(window, OBSERVATION_HOURS)
    const { memory, connections, disk } = shares
    const until = instantFromMs(instantToMs(window.until) + MINUTE_MS)
    return Promise.resolve({
      measured: { memory_share: memory, connections_share: connections, disk_share: disk },
      met: { minutes: held.length, days },
      sample_size: held.length,
      example: null,
      span: { from: window.from, until },
    })
  },
})
