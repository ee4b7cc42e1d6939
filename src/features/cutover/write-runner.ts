import type { Bell } from '../../concurrency/bell.ts'
import {
  type CutoverWrite,
  startWrite,
  stepWrite,
  type WriteAnswer,
  type WriteEffect,
  type WriteEvent,
  type WriteView,
} from '../../core/cutover/write.ts'
import type { NotWritable } from '../../core/cutover/instance.ts'
import type { AuditChainHead } from '../../core/audit/record.ts'
import { type ErrorCode, FfError } from '../../errors.ts'
import type {
  CarriedOut,
  CutoverDatabase,
  FileWriter,
  NamedOperation,
  NamedResult,
  SharedTurn,
} from '../../ports/cutover.ts'
import type { WriterLoop } from './writer-loop.ts'

/** Between two looks whether a change is published as mirrored, and whether a write may begin. */
const POLL_MS = 100
const FIRST_POLL_MS = 5

/** The lock of the file, where this process holds it. */
export interface HeldFile {
  readonly writer: FileWriter
  readonly loop: WriterLoop
}
export interface RunnerParts {
  readonly database: CutoverDatabase
  /** What the instance holds and may do now; null before it has read a record. */
  readonly view: () => WriteView | null
  /** Null where this process does not hold the lock. */
  readonly held: () => HeldFile | null
  /** Rings when `view` may be another one. */
  readonly changed: Bell
  readonly leaseMs: number
  /** From the call to the answer. */
  readonly boundMs: number
  /** Told when a write has reached the authority, or never will. */
  readonly ended: () => void
  /** Told of a record that this process has seen in the database. */
  readonly sawDatabase: (server: string, seq: number) => void
  /** Told of an error that says nothing about the write. */
  readonly failed: (error: unknown) => void
}

/** Carries out writes by the protocol, on the instance that may: the holder of the lock, or any one where the database decides. */
export class WriteRunner {
  private readonly parts: RunnerParts
  private readonly open = new Set<RunningWrite>()

  constructor(parts: RunnerParts) {
    this.parts = parts
  }

  /** The writes that were begun and are not ended, for the epoch that the instance may say it holds. */
  get writes(): readonly CutoverWrite[] {
    return [...this.open].map(({ state }) => state)
  }

  /**
   * Carries a change out.
   *
   * @returns null where the holder of the lock has to carry it out, which this process is not
   * @throws the error of the side that refused it, such as FfError `disk_full`; nothing was written then
   */
  async run(operation: NamedOperation): Promise<CarriedOut | null> {
    const view = this.parts.view()
    if (view === null) return refuse('no_record')
    const write = new RunningWrite(this.parts, operation, view)
    this.open.add(write)
    void write.settled.then(() => {
      this.open.delete(write)
      this.parts.ended()
    })
    return write.run()
  }
}

const refuse = (why: NotWritable): CarriedOut => ({
  answer: { status: 'refused', why },
  result: null,
})

/** Refusals that pass by themselves within the bound: the writer compares or publishes under a new epoch. */
const PASSING: ReadonlySet<NotWritable> = new Set(['no_consent', 'not_writer', 'behind'])

class RunningWrite {
  /** Resolves once it holds no lock and nothing of it is under way. */
  readonly settled: Promise<void>
  state: CutoverWrite
  private readonly parts: RunnerParts
  private readonly operation: NamedOperation
  private readonly until: number
  /** Aborted at the answer, which ends what only waits. */
  private readonly answered = new AbortController()
  private turn: SharedTurn | null = null
  private result: CarriedOut['result'] = null
  private head: AuditChainHead | null = null
  private error: unknown = null
  /** Why it has not begun; null once it has. */
  private waitsFor: NotWritable | null = null
  private readonly underWay = new Set<Promise<void>>()
  private settle: () => void = () => undefined
  private give: (given: CarriedOut | null) => void = () => undefined
  private throw: (error: unknown) => void = () => undefined

  constructor(parts: RunnerParts, operation: NamedOperation, { record }: WriteView) {
    this.parts = parts
    this.operation = operation
    const { op_id, request_digest } = operation.name
    this.state = startWrite({ op: op_id, digest: request_digest ?? op_id }, record)
    this.until = performance.now() + parts.boundMs
    this.settled = new Promise((resolve) => {
      this.settle = resolve
    })
  }

  run(): Promise<CarriedOut | null> {
    const given = new Promise<CarriedOut | null>((resolve, reject) => {
      this.give = resolve
      this.throw = reject
    })
    const timer = setTimeout(() => this.tell({ type: 'late' }), this.parts.boundMs)
    this.follow(this.begin())
    void this.settled.then(() => clearTimeout(timer))
    return given
  }

  /** Begins once the instance may write, or is told why it may not. */
  private async begin(): Promise<void> {
    let waitMs = FIRST_POLL_MS
    while (this.state.stage === 'new' && !this.answered.signal.aborted) {
      const view = this.parts.view()
      const refusal = view === null ? 'no_record' : view.refusal
      if (refusal === 'not_writer' && this.parts.held() === null) {
        this.end(() => this.give(null))
        return
      }
      if (view !== null && (refusal === null || !PASSING.has(refusal)))
        return this.tell({ type: 'begin', view })
      this.waitsFor = refusal
      await this.parts.changed.wait(waitMs)
      waitMs = Math.min(2 * waitMs, POLL_MS)
    }
  }

  private tell(event: WriteEvent): void {
    const [state, effects] = stepWrite(this.state, event)
    this.state = state
    for (const effect of effects) this.perform(effect)
    if (state.stage === 'new' && !this.answered.signal.aborted && event.type === 'locked')
      this.follow(this.begin())
  }

  private perform(effect: WriteEffect): void {
    switch (effect.do) {
      case 'answer':
        return this.answer(effect.answer)
      case 'free_lock':
        return this.follow(this.free())
      case 'lock_shared':
        return this.follow(this.lock())
      case 'append_file':
        return this.follow(this.write(() => this.append(effect.epoch)))
      case 'commit_database':
        return this.follow(this.write(() => this.commit(effect.server)))
      case 'await_copy':
        return this.follow(this.awaitCopy(effect.seq))
      case 'await_publication':
        return this.follow(this.awaitPublication())
    }
  }

  /** Keeps the write open until the work has ended. */
  private follow(work: Promise<void>): void {
    const followed = work
      .catch((error: unknown) => this.parts.failed(error))
      .finally(() => {
        this.underWay.delete(followed)
        if (this.underWay.size === 0 && this.answered.signal.aborted) this.settle()
      })
    this.underWay.add(followed)
  }

  private answer(answer: WriteAnswer): void {
    const { result, error } = this
    const isOwnError = answer.status === 'refused' && answer.why === 'backing_unavailable'
    if (isOwnError && result === null && error !== null) this.end(() => this.throw(error))
    else this.end(() => this.give({ answer: this.refine(answer), result }))
  }

  /** A process that was frozen after it had written may have been replaced: what it wrote is in effect, or never was. */
  private refine(answer: WriteAnswer): WriteAnswer {
    if (answer.status === 'refused' && answer.why === 'switching' && this.waitsFor !== null)
      return { status: 'refused', why: this.waitsFor }
    if (answer.status !== 'acknowledged') return answer
    const refusal = this.parts.view()?.refusal
    return refusal === 'lease_over' ? { status: 'outcome_unknown' } : answer
  }

  private end(give: () => void): void {
    this.answered.abort()
    give()
    if (this.underWay.size === 0) this.settle()
  }

  private async lock(): Promise<void> {
    const { database, leaseMs } = this.parts
    const boundMs = Math.max(1, Math.ceil(this.until - performance.now()))
    let turn: SharedTurn
    try {
      turn = await database.share({ boundMs, leaseMs })
    } catch (error) {
      this.error = error
      return this.tell({ type: 'failed' })
    }
    // Answered meanwhile: there is nothing to write under the lock any more.
    if (this.state.stage !== 'locking') return turn.free()
    this.turn = turn
    const view = this.parts.view()
    if (view === null) return this.tell({ type: 'failed' })
    this.tell({ type: 'locked', epoch: turn.epoch, view })
  }

  private async free(): Promise<void> {
    const { turn } = this
    this.turn = null
    await turn?.free()
  }

  /** Has a side make the change, and tells what is known of the outcome. */
  private async write(change: () => Promise<NamedResult<Result> | null>): Promise<void> {
    let named: NamedResult<Result> | null
    try {
      named = await change()
    } catch (error) {
      this.error = error
      if (!(error instanceof FfError)) this.parts.failed(error)
      const isKnown = error instanceof FfError && NOTHING_WRITTEN.has(error.code)
      return this.tell({ type: isKnown ? 'failed' : 'unknown' })
    }
    if (named === null) return this.tell({ type: 'failed' })
    const { result, digest } = named
    this.result = result
    if (!result.ok) return this.tell({ type: 'failed' })
    this.head = result.head
    this.tell({ type: 'durable', seq: result.head.seq, digest: digest ?? this.state.digest })
  }

  private async append(epoch: number): Promise<NamedResult<Result> | null> {
    const held = this.parts.held()
    if (held?.writer.epoch !== epoch) return null
    const { writer, loop } = held
    const { call, request, name } = this.operation
    const named = await (call === 'write'
      ? writer.write(request, name)
      : call === 'refuse'
        ? writer.refuse(request, name)
        : writer.announce(request, name))
    loop.wake()
    return named
  }

  private async commit(server: string | null): Promise<NamedResult<Result> | null> {
    const { turn } = this
    if (turn === null) return null
    this.turn = null
    if (turn.server !== server) {
      await turn.free()
      return null
    }
    const { call, request, name } = this.operation
    const named = await (call === 'write'
      ? turn.write(request, name)
      : call === 'refuse'
        ? turn.refuse(request).then(toUnnamed)
        : turn.announce(request).then(toUnnamed))
    if (named.result.ok) this.parts.sawDatabase(turn.server, named.result.head.seq)
    this.parts.held()?.loop.wake()
    return named
  }

  private async awaitCopy(seq: number): Promise<void> {
    const { signal } = this.answered
    while (!signal.aborted) {
      const held = this.parts.held()
      // A writer that has freed the lock learns no more; the successor copies it.
      if (held === null) return
      const view = this.parts.view()
      if (held.loop.hasCopied(seq)) this.tell({ type: 'mirrored' })
      else if (view !== null) this.tell({ type: 'moved', view })
      if (!signal.aborted) await held.loop.lookAgain()
    }
  }

  private async awaitPublication(): Promise<void> {
    const { database, held, changed } = this.parts
    const { head } = this
    let waitMs = FIRST_POLL_MS
    while (head !== null && !this.answered.signal.aborted) {
      const found = await database.isMirrored(head).catch((error: unknown) => {
        // Asked again until the bound.
        this.parts.failed(error)
        return 'waiting' as const
      })
      if (found !== 'waiting')
        return this.tell({ type: found === 'mirrored' ? 'mirrored' : 'gone' })
      await (held()?.loop.looked ?? changed).wait(waitMs)
      waitMs = Math.min(2 * waitMs, POLL_MS)
    }
  }
}

type Result = NonNullable<CarriedOut['result']>

const toUnnamed = <One>(result: One): NamedResult<One> => ({ result, digest: null })

/** Errors after which a side has written nothing. After any other one that is not known. */
const NOTHING_WRITTEN: ReadonlySet<ErrorCode> = new Set([
  'disk_full',
  'lock_timeout',
  'row_refused',
  'target_read_only',
  'rights_missing',
  'phase_refused',
  'database_left',
])
