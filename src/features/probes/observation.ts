import type { Measurement } from '../../core/gate/judge-measurement.ts'
import { DECISION_REASONS, OBSERVATION_BOUNDS } from '../../core/observe/bounds.ts'
import {
  type CleanWindow,
  judgeObservation,
  type Observation,
  type ObservationMeasures,
} from '../../core/observe/judge.ts'
import { MINUTE_MS, type ObservedMinute } from '../../core/observe/minute.ts'
import { instantFromMs, instantToMs } from '../../core/rows/instant.ts'
import { FfError } from '../../errors.ts'
import {
  defineProbe,
  type ProbeContext,
  readNumberParam,
  type WithResource,
} from './framework/probe.ts'
import { planted, RECORDING_NEEDS, type StagingRecording, withRecording } from './recording.ts'

/** The minute of a planted recording that has the blemish. */
const BLEMISH = 100
const at = (number: number) => number === BLEMISH
/** More than five minutes and one hundredth of 48 hours. */
const GAP_MINUTES = 60
const short = planted(
  () => ({}),
  (hours) => hours * 30,
)
const gap = planted((number) => (number > BLEMISH && number <= BLEMISH + GAP_MINUTES ? null : {}))

/**
 * H3: the newest clean 48 hours of the recording of staging, judged by `judgeObservation`: their coverage, the longest gap,
 * the comparisons and the reasons that none of them had, divergences, rows in flight, minutes over a bound, and identities,
 * that of the instances now included. The record spans the time of the recording and holds the hash of its last minute.
 * Each control is a made-up recording with one blemish.
 *
 * Inconclusive: `target_missing` without staging or a recording of this runner, `evidence_untrusted` for an altered one.
 */
export const observation = defineProbe<StagingRecording, keyof ObservationMeasures>({
  version: 1,
  site: 'scratch',
  staging: RECORDING_NEEDS,
  isolation: 'parallel',
  sound: (context, use) => withEnough(context, use),
  faulty: {
    contiguous_h: short,
    coverage_share: gap,
    longest_gap_s: gap,
    comparisons: short,
    reasons_unseen: planted(() => ({ compared: { global_default: 200 } })),
    divergences: planted((number) => (at(number) ? { divergences: { '/value': 1 } } : {})),
    in_flight_share: planted(() => ({ in_flight: 1 })),
    bounds_broken: planted((number) => (at(number) ? { errors: 100 } : {})),
    identities: planted(() => ({ identities: ['planted', 'planted-too'] })),
  },
  measure: (recording, context): Promise<Measurement> => {
    const { minutes, identity, hash, instances } = recording
    const found = judge(recording, context)
    const { window, restarts, measured } = found
    const last = minutes.at(-1) as ObservedMinute
    const differs = last.identities.join(', ') !== identity
    const until = instantToMs(window?.until ?? last.minute) + MINUTE_MS
    return Promise.resolve({
      measured: { ...measured, identities: measured.identities + (differs ? 1 : 0) },
      met: { minutes: minutes.length, instances, restarts: restarts.length, recording: hash },
      sample_size: measured.comparisons,
      example: differs
        ? `the instances say ${identity}, and the last minute ${last.identities.join(', ')}`
        : findExample(found),
      span: { from: window?.from ?? last.minute, until: instantFromMs(until) },
    })
  },
})

const judge = ({ minutes, instances }: StagingRecording, context: ProbeContext): Observation =>
  judgeObservation(
    minutes,
    { ...OBSERVATION_BOUNDS, hours: readNumberParam(context, 'hours'), instances },
    DECISION_REASONS,
  )

function findExample({ unseen, restarts }: Observation): string | null {
  const [reason] = unseen
  if (reason !== undefined) return `no decision had the reason ${reason}`
  const last = restarts.at(-1)
  return last === undefined
    ? null
    : `the time began again at ${last.at}: ${last.cause}, ${last.detail}`
}

/** Lends the recording, unless all that it lacks is time: then nothing has failed. */
const withEnough: WithResource<StagingRecording> = (context, use) =>
  withRecording(context, (recording) => {
    const { complete, window, measured } = judge(recording, context)
    const { divergences, bounds_broken, longest_gap_s } = measured
    const isClean = divergences + bounds_broken === 0 && longest_gap_s <= OBSERVATION_BOUNDS.gap_s
    if (!complete && isClean) throw makeShortError(window, readNumberParam(context, 'hours'))
    return use(recording)
  })

/** The error of a recording without enough clean hours in a row. */
export const makeShortError = (window: CleanWindow | null, hours: number): FfError =>
  new FfError(
    'proof_inconclusive',
    `The recording has ${window?.hours ?? 0} clean hours in a row, of ${hours}.`,
    { hint: 'Run `ff observe status`: it names what began the time again, and what is missing.' },
  )
