import { compareHeads } from '../../core/cutover/heads.ts'
import { type CutoverPhase, PHASE_RULES } from '../../core/cutover/phases.ts'
import type { PhaseRecord, WriteRecord } from '../../core/cutover/record.ts'
import {
  type CutoverSwitch,
  findSwitchEnd,
  startSwitch,
  stepSwitch,
  type SwitchCommand,
  type SwitchEffect,
  type SwitchEvent,
} from '../../core/cutover/switch.ts'
import { quoteValue } from '../../core/text/quote.ts'
import { FfError } from '../../errors.ts'
import type { FileWriter, StepSaid, SwitchSession } from '../../ports/cutover.ts'
import { type CutoverClock, LeaseObserver } from './lease-observer.ts'
import { type CutoverSides, readHeads } from './read-sides.ts'
import { rebuildMirror } from './rebuild-mirror.ts'

export interface SwitchLimits {
  /** Of each wait, in milliseconds. */
  readonly boundMs: number
  readonly leaseMs: number
  /** How long instances on other hosts say `draining` before the database is left. */
  readonly drainMs: number
}
export interface SwitchTools {
  readonly sides: CutoverSides
  readonly limits: SwitchLimits
  readonly clock: CutoverClock
  /** The name of this host, as instances register it. */
  readonly host: string
  /** Aborted: a step under way backs out by the protocol. */
  readonly signal: AbortSignal
  /** Told of each effect before it is carried out. */
  readonly observe: (effect: SwitchEffect) => void
  /** The holder of the file's lock in this process; null where an instance holds it. */
  readonly writer: FileWriter | null
  /** What the operator has said, for the boundary record; absent where nothing. */
  readonly said?: StepSaid
}
export interface SwitchOutcome {
  readonly end: NonNullable<ReturnType<typeof findSwitchEnd>>
  /** The record that stands as far as the command knows. */
  readonly record: PhaseRecord
  readonly phase: CutoverPhase
  /** Instances that did not take the last step on. */
  readonly waitingFor: readonly string[]
  /** What the last failed effect met; null where only a bound passed. */
  readonly fault: FfError | null
  /** How long the switch lock was held exclusively, in milliseconds; null where it was not. */
  readonly pausedMs: number | null
}

/**
 * Carries a command that moves the cutover out, effect by effect. Fails by its outcome: an error of an adapter is an
 * effect that did not take place.
 *
 * @throws FfError `store_corrupt` or another of the file's side before the first effect
 */
export async function runSwitch(
  command: SwitchCommand,
  tools: SwitchTools,
): Promise<SwitchOutcome> {
  const run = new SwitchRun(tools)
  try {
    const { record } = await tools.sides.file.read()
    let [state, effect] = startSwitch(command, record)
    while (effect !== null) {
      tools.observe(effect)
      const event = await run.perform(effect, state)
      ;[state, effect] = stepSwitch(state, event)
    }
    await run.close()
    const standing = (await tools.sides.file.read()).record
    return {
      end: findSwitchEnd(state) ?? 'unreachable',
      record: standing,
      phase: standing.phase,
      waitingFor: run.waitingFor,
      fault: run.fault,
      pausedMs: run.pausedMs,
    }
  } finally {
    await run.close()
  }
}

type Perform<Do extends SwitchEffect['do']> = (
  effect: Extract<SwitchEffect, { readonly do: Do }>,
  state: CutoverSwitch,
) => Promise<SwitchEvent | boolean>

const DONE: SwitchEvent = { type: 'done' }
const FAILED: SwitchEvent = { type: 'failed' }
/** Between two looks at a head, in milliseconds. */
const POLL_MS = 5
/** How long writes wait at most for the writer's answer, and while the heads become the same, in milliseconds each. */
const MOST_CHECK_MS = 5_000
/** How long one connection to a writer waits for its answer, in milliseconds: another process may have replaced it. */
const ANSWER_MS = 500

class SwitchRun {
  waitingFor: readonly string[] = []
  /** Kept over the effects that take the step back. */
  fault: FfError | null = null
  pausedMs: number | null = null
  private readonly tools: SwitchTools
  private readonly observer: LeaseObserver
  private session: SwitchSession | null = null
  private lockedAt: number | null = null

  constructor(tools: SwitchTools) {
    this.tools = tools
    const { sides, clock, limits } = tools
    this.observer = new LeaseObserver(sides, { clock, leaseMs: limits.leaseMs })
  }

  /** What became of an effect. */
  async perform(effect: SwitchEffect, state: CutoverSwitch): Promise<SwitchEvent> {
    // The way back is never cut short; a step that has not decided yet is.
    if (this.tools.signal.aborted && this.mayEnd(effect, state)) return FAILED
    try {
      const run = this.effects[effect.do] as Perform<SwitchEffect['do']>
      const done = await run(effect as never, state)
      if (done === false) this.fault = null
      return typeof done === 'boolean' ? (done ? DONE : FAILED) : done
    } catch (error) {
      if (!(error instanceof FfError)) throw error
      this.fault = error
      return error.code === 'outcome_unknown' ? { type: 'unknown' } : FAILED
    }
  }

  /** Ends the session, which the server ends by itself where it does not answer. */
  async close(): Promise<void> {
    try {
      await this.leaveSession()
    } catch (error) {
      if (!(error instanceof FfError)) throw error
      this.fault ??= error
    }
  }

  private mayEnd(effect: SwitchEffect, { stage }: CutoverSwitch): boolean {
    return effect.do === 'read_records' ? stage === 'look' : ENDED_BY_SIGNAL.has(effect.do)
  }

  private readonly effects: { readonly [Do in SwitchEffect['do']]: Perform<Do> } = {
    read_records: async () => {
      const { file, database } = this.tools.sides
      const look = await database.look(0)
      const { record, intent } = await file.read()
      return { type: 'records', file: record, database: look.record, intent }
    },
    write_record: (effect) => this.writeRecord(effect),
    leave_mirror: ({ record, over }) => this.tools.sides.database.leaveMirror(record, over),
    await_held: async ({ epoch }, { next }) => {
      this.waitingFor = await this.observer.untilHeld(epoch, this.wait)
      if (this.waitingFor.length > 0) return false
      return !next.armed || this.untilOwnFolder(epoch)
    },
    await_caught_up: (_, { next }) => this.untilCaughtUp(next),
    await_compared: () => this.untilCompared(),
    write_intent: async ({ intent }) => {
      await this.tools.sides.file.writeIntent(intent)
      return true
    },
    drain: async (_, { record }) => {
      const { clock, limits, signal } = this.tools
      if (PHASE_RULES[record.phase].authority === 'database' && (await this.servesElsewhere()))
        await clock.rest(limits.drainMs, signal)
      return !signal.aborted
    },
    lock_exclusive: async () => {
      const { database } = this.tools.sides
      this.session ??= await database.openSwitch(this.tools.limits.boundMs)
      if (this.lockedAt !== null) return true
      await this.session.lockExclusive()
      this.lockedAt = this.tools.clock.now()
      return true
    },
    await_writer: () => this.untilWriterAnswers(),
    check_heads: () => this.untilEqual(),
    decide: async ({ record }) => {
      if (this.session === null) return false
      return this.session.decide(record, record.epoch - 1, this.tools.said)
    },
    free_lock: async () => {
      await this.leaveSession()
      return true
    },
    rebuild_mirror: async () => {
      const { sides, writer, signal } = this.tools
      await rebuildMirror(sides.database, writer, signal)
      return !signal.aborted
    },
  }

  private async servesElsewhere(): Promise<boolean> {
    const { instances } = await this.tools.sides.database.look(0)
    return instances.some(({ facts }) => facts.host !== this.tools.host)
  }

  private get wait(): { readonly boundMs: number; readonly signal: AbortSignal } {
    return { boundMs: this.tools.limits.boundMs, signal: this.tools.signal }
  }

  /** Done too where the place holds that record already: an earlier try, or the writer, has brought it there. */
  private async writeRecord({ side, record, over }: WriteRecord): Promise<boolean> {
    const { file, database } = this.tools.sides
    if (await (side === 'file' ? file : database).writeRecord(record, over)) return true
    const held = side === 'file' ? (await file.read()).record : (await database.look(0)).record
    return held?.epoch === record.epoch && held.phase === record.phase && !held.closed
  }

  /** Waits until the second side has what the authority had when the wait began. */
  private async untilCaughtUp({ phase }: PhaseRecord): Promise<boolean> {
    const { authority } = PHASE_RULES[phase]
    let goal: number | null = null
    return this.poll(LOOK_MS, async () => {
      const { fileHead, look, common } = await readHeads(this.tools.sides, authority)
      const order = compareHeads({ file: fileHead, database: look.head, common })
      const [first, second] =
        authority === 'file' ? [fileHead.seq, look.head.seq] : [look.head.seq, fileHead.seq]
      goal ??= first
      return order !== 'forked' && second >= goal
    })
  }

  /** Waits until the file lacks nothing that the database has, on the server that runs. */
  private untilCompared(): Promise<boolean> {
    return this.poll(LOOK_MS, async () => {
      const { fileHead, look, common } = await readHeads(this.tools.sides, 'file')
      const order = compareHeads({ file: fileHead, database: look.head, common })
      return order === 'equal' || order === 'file_continues'
    })
  }

  /**
   * Waits until each instance that is registered in this folder holds the epoch here where it holds it in the database: in
   * a copy of the folder, whose chain would be compared in place of the file's, none does.
   */
  private async untilOwnFolder(epoch: number): Promise<boolean> {
    const { sides, limits, signal } = this.tools
    let other: string | null = null
    const check = async (): Promise<boolean> => {
      const { instances } = await sides.database.look(0)
      const there = new Set(instances.flatMap((one) => (one.epoch === epoch ? [one.id] : [])))
      const older = (await sides.file.instances()).filter((one) => one.epoch < epoch)
      other = older.find(({ id }) => there.has(id))?.id ?? null
      return other === null
    }
    if (await this.poll(LOOK_MS, check, Math.min(limits.boundMs, limits.leaseMs))) return true
    if (signal.aborted || other === null) return false
    throw new FfError(
      'step_backed_out',
      `The instance ${quoteValue(other)} renews in the database and no longer in this folder: this is a copy of its folder, or it cannot write there.`,
      { hint: 'Set FF_STORE_DIR to the folder of the instances.' },
    )
  }

  /** Asks the holder of the file's lock until one answers: this process where it holds the lock itself. */
  private async untilWriterAnswers(): Promise<boolean> {
    const { sides, limits, signal, writer } = this.tools
    const boundMs = Math.min(limits.boundMs, MOST_CHECK_MS)
    const ask = (): Promise<boolean> => sides.file.askWriter(ANSWER_MS)
    if (writer !== null || (await this.poll(POLL_MS, ask, boundMs))) return true
    if (signal.aborted) return false
    throw new FfError('step_backed_out', 'The instance that writes to the file gives no answer.', {
      hint: 'Run `ff cutover status`, which names it.',
    })
  }

  /** Waits, while no write begins, until both heads are the same and the shipping slots are free. */
  private async untilEqual(): Promise<boolean> {
    const { session } = this
    if (session === null) return false
    const { sides, limits, signal } = this.tools
    let why = ''
    const check = async (): Promise<boolean> => {
      const { head, slotsFree } = await session.check()
      const own = await sides.chain.head()
      if (!slotsFree) why = 'A shipping slot of the database is held.'
      else why = `The file is at record ${own.seq}, the database at ${head.seq}.`
      return slotsFree && own.seq === head.seq && own.hash === head.hash
    }
    if (await this.poll(POLL_MS, check, Math.min(limits.boundMs, MOST_CHECK_MS))) return true
    if (signal.aborted) return false
    throw new FfError('step_backed_out', why, { hint: 'Run `ff cutover status`.' })
  }

  /** Asks again until the answer is yes. @returns whether it was within the bound */
  private async poll(
    everyMs: number,
    ask: () => Promise<boolean>,
    boundMs = this.tools.limits.boundMs,
  ): Promise<boolean> {
    const { clock, signal } = this.tools
    const until = clock.now() + boundMs
    for (;;) {
      if (await ask()) return true
      if (signal.aborted || clock.now() >= until) return false
      await clock.rest(everyMs, signal)
    }
  }

  /** Ends the session, and with it the lock: at once where the server does not answer. */
  private async leaveSession(): Promise<void> {
    const { session, lockedAt } = this
    this.session = null
    this.lockedAt = null
    if (session === null) return
    try {
      if (lockedAt !== null) await session.free()
    } finally {
      if (lockedAt !== null) this.pausedMs = this.tools.clock.now() - lockedAt
      await session.close()
    }
  }
}

const LOOK_MS = 50
/** What a signal ends, so that the protocol backs out: each wait, and what follows one before the decision. */
const ENDED_BY_SIGNAL: ReadonlySet<SwitchEffect['do']> = new Set([
  'leave_mirror',
  'await_held',
  'await_caught_up',
  'await_compared',
  'write_intent',
  'drain',
  'lock_exclusive',
  'await_writer',
  'check_heads',
  'decide',
  'rebuild_mirror',
] as const)
