import { mapConcurrently } from '../../concurrency/map-concurrently.ts'
import type { ObservedMinute } from '../../core/observe/minute.ts'
import { FfError } from '../../errors.ts'
import { readStagingRecording } from '../observe/recording.ts'
import { digestIdentity } from '../observe/instances.ts'
import { IDENTITY, INSTANCES, plantRecording } from './faults/planted-recording.ts'
import {
  fromValue,
  type ProbeContext,
  readNumberParam,
  type WithResource,
} from './framework/probe.ts'
import { askIdentity } from './framework/staging.ts'
import type { StagingNeeds } from './framework/staging-target.ts'

/** A recording, and what the instances of staging say they are now. */
export interface StagingRecording {
  readonly minutes: readonly ObservedMinute[]
  /** Of the chain at the last minute. */
  readonly hash: string
  readonly identity: string
  /** Instances of staging that are named now. */
  readonly instances: number
}

export const RECORDING_NEEDS: StagingNeeds = {
  instances: 2,
  callers: 0,
  scopes: [],
  changes:
    'a recording of these instances by this runner: ff observe start; the probe changes nothing',
}

const AT_ONCE = 4

/** Lends the recording of this runner, verified, in the team's folder. */
export const withRecording: WithResource<StagingRecording> = async (context, use) => {
  const { staging } = context.targets
  if (staging === undefined) throw makeMissingError('the instances of staging are not named')
  const read = await readStagingRecording(context.adapters, context.cwd)
  if (read.minutes.length === 0) throw makeMissingError(`there is none`)
  if (read.kid !== context.runner)
    throw makeMissingError(`it is that of another runner, ${read.kid ?? ''}`)
  const said = await mapConcurrently(staging.instances, AT_ONCE, ({ admin }) =>
    askIdentity(admin, context),
  )
  const identity = [...new Set(said.map(digestIdentity))].sort().join(', ')
  const { minutes, hashes } = read
  const hash = hashes.at(-1) ?? ''
  return use({ minutes, hash, identity, instances: staging.instances.length })
}

const makeMissingError = (why: string): FfError =>
  new FfError('target_missing', `The probe reads a recording of staging, and ${why}.`, {
    hint: 'Run `ff observe start` on this runner with --staging or FF_STAGING_URL set, and measure when `ff observe status` says so.',
  })

const MINUTES_PER_HOUR = 60
/** Lends a recording of the length that the item wants, with a blemish. */
export const planted = (
  change: (number: number) => Partial<ObservedMinute> | null,
  length = (hours: number): number => hours * MINUTES_PER_HOUR,
): WithResource<StagingRecording> =>
  fromValue((context: ProbeContext) => ({
    minutes: plantRecording(length(readNumberParam(context, 'hours')), change),
    hash: '',
    identity: IDENTITY,
    instances: INSTANCES,
  }))
