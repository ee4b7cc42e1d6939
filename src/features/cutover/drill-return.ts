import { DRILL_RETURN } from '../../core/cutover/drill.ts'
import { FfError } from '../../errors.ts'
import type { FileWriter } from '../../ports/cutover.ts'
import { coordinateAsWriter, type DatabaseRequest, type FileRequest } from './open-sides.ts'
import { runSwitch, type SwitchOutcome, type SwitchTools } from './run-switch.ts'

/** Between two tries, in milliseconds. */
const RETRY_MS = 1_000

export interface DrillReturnParts extends Pick<SwitchTools, 'limits' | 'clock' | 'host'> {
  readonly request: FileRequest & DatabaseRequest
  /** Told of each way back that was taken, before the next look. */
  readonly wentBack: (outcome: SwitchOutcome) => void
  /** Told of each try that failed; the next one follows. */
  readonly failed: (error: unknown) => void
}

/** Takes the way back of a drill in the process that holds the file's lock, one try at a time until it succeeds. */
export class DrillReturn {
  private readonly parts: DrillReturnParts
  private readonly writer: FileWriter
  private readonly controller = new AbortController()
  private running: Promise<void> | null = null

  constructor(parts: DrillReturnParts, writer: FileWriter) {
    this.parts = parts
    this.writer = writer
  }

  /** The way back is due: begins a try, unless one is under way or has failed within the last second. */
  due(): void {
    if (this.controller.signal.aborted) return
    this.running ??= this.try().finally(() => {
      this.running = null
    })
  }

  /** A try that has not decided yet backs out. */
  async close(): Promise<void> {
    this.controller.abort()
    await this.running
  }

  private async try(): Promise<void> {
    const { clock, wentBack, failed } = this.parts
    const { signal } = this.controller
    try {
      const outcome = await this.goBack()
      if (outcome.record.drillEndsAt === null) return wentBack(outcome)
      failed(outcome.fault ?? describeFailure(outcome))
    } catch (error) {
      failed(error)
    }
    await clock.rest(RETRY_MS, signal)
  }

  private goBack(): Promise<SwitchOutcome> {
    const { request, limits, clock, host } = this.parts
    const { signal } = this.controller
    return coordinateAsWriter(request, this.writer, (coordinated) =>
      runSwitch(DRILL_RETURN, {
        ...coordinated,
        limits,
        clock,
        host,
        signal,
        observe: () => undefined,
      }),
    )
  }
}

const describeFailure = ({ end, waitingFor }: SwitchOutcome): FfError =>
  new FfError(
    'step_backed_out',
    `The way back of the drill ended ${end}.${waitingFor.length === 0 ? '' : ` No answer from ${waitingFor.join(', ')}.`}`,
    { hint: 'The writer tries again; `ff cutover status` shows where it stands.' },
  )
