import {
  type LossCommand,
  type LossEffect,
  type LostSide,
  refuseLoss,
  startLoss,
  stepLoss,
} from '../../core/cutover/loss.ts'
import type { PhaseRecord, StepIntent } from '../../core/cutover/record.ts'
import { FfError } from '../../errors.ts'
import type { CutoverClock } from './lease-observer.ts'

/** A lease and a tenth for the rates of two clocks. */
const LEASE_SHARE = 1.1

export interface LossRequest {
  readonly lost: LostSide
  /** The operator's word how the other side was switched off; null without. */
  readonly stopped: string | null
  /** The side that goes on; its record is null before the first cutover. */
  readonly own: {
    read(): Promise<{ readonly record: PhaseRecord | null; readonly intent: StepIntent | null }>
    writeRecord(record: PhaseRecord, over: number): Promise<boolean>
  }
  readonly leaseMs: number
  readonly clock: CutoverClock
  readonly signal: AbortSignal
  /**
   * Ends the writer with SIGKILL where this host can, takes the file's lock, and with it every whole line of the log, as a
   * new writer does.
   */
  readonly endWriter: () => Promise<void>
}

/**
 * `rollback --db-lost` and `advance --file-lost`: goes on with one side alone, and returns the record that stands.
 *
 * @throws FfError `phase_refused` in a phase with one side, `stopped_missing`, `step_backed_out` where the record could
 *   not be written; of the side that is left
 */
export async function decideAlone(request: LossRequest): Promise<PhaseRecord> {
  const held = await readOwn(request)
  refuse(request, held)
  let [state, effect] = startLoss({ lost: request.lost, ...held })
  let fault: FfError | null = null
  while (effect !== null) {
    let done = false
    try {
      done = !request.signal.aborted && (await perform(request, effect))
    } catch (error) {
      if (!(error instanceof FfError)) throw error
      fault = error
    }
    ;[state, effect] = stepLoss(state, done ? 'done' : 'failed')
  }
  if (state.failed)
    throw new FfError(
      'step_backed_out',
      `Nothing was decided; the phase is ${held.record.phase}.${fault === null ? '' : ` ${fault.message}`}`,
      { hint: 'Run the same command again.', cause: fault },
    )
  return (await readOwn(request)).record
}

type HeldRecord = Pick<LossCommand, 'record' | 'intent'>

async function readOwn({ own }: LossRequest): Promise<HeldRecord> {
  const { record, intent } = await own.read()
  if (record !== null) return { record, intent }
  throw new FfError('phase_refused', 'This side has no phase record to decide with.', {
    hint: 'Run `ff cutover status`.',
  })
}

function refuse({ lost, stopped }: LossRequest, held: HeldRecord): void {
  const why = refuseLoss({ lost, ...held }, stopped !== null)
  if (why === null) return
  const [option, side] =
    lost === 'database_lost' ? ['--db-lost', 'database'] : ['--file-lost', 'file side']
  if (why === 'one_side_only')
    throw new FfError(
      'phase_refused',
      `The phase is ${held.record.phase}: ${option} goes on from a phase that has the other side.`,
      { hint: 'Run `ff cutover status`.' },
    )
  const verb = lost === 'database_lost' ? 'rollback' : 'advance'
  throw new FfError(
    'stopped_missing',
    `The ${side} may go on by itself in phase ${held.record.phase}, so ${option} needs --stopped with how it was switched off.`,
    {
      hint: `Switch it off, then run \`ff cutover ${verb} ${option} --stopped 'HOW IT WAS SWITCHED OFF'\`.`,
    },
  )
}

function perform(request: LossRequest, effect: LossEffect): Promise<boolean> {
  const run = EFFECTS[effect.do] as (request: LossRequest, effect: LossEffect) => Promise<boolean>
  return run(request, effect)
}

const EFFECTS: {
  readonly [Do in LossEffect['do']]: (
    request: LossRequest,
    effect: Extract<LossEffect, { readonly do: Do }>,
  ) => Promise<boolean>
} = {
  end_writer: async ({ endWriter }) => {
    await endWriter()
    return true
  },
  await_lease: async ({ clock, leaseMs, signal }) => {
    // From now on: when the last publication was sent is not known here.
    const until = clock.now() + leaseMs * LEASE_SHARE
    while (clock.now() < until && !signal.aborted) await clock.rest(until - clock.now(), signal)
    return !signal.aborted
  },
  // A new writer has taken them when it has the lock.
  take_lines: () => Promise.resolve(true),
  write_record: ({ own }, { record, over }) => own.writeRecord(record, over),
}
