import {
  type HandedEvent,
  type HandedWrite,
  startHandedWrite,
  stepHandedWrite,
} from '../../core/cutover/handed-write.ts'
import type { CarriedOut, NamedOperation } from '../../ports/cutover.ts'
import type { HandedOperation } from './hand-over.ts'

/** An operation that waits for the answer of a writer, and for its line in this process. */
export class WaitingOperation {
  readonly promise: Promise<CarriedOut>
  private readonly operation: NamedOperation
  private readonly since: number
  private state: HandedWrite
  private wasSent = false
  private done: CarriedOut | null = null
  private settle!: {
    readonly resolve: (done: CarriedOut) => void
    readonly reject: (error: unknown) => void
  }

  /** @param since number of the last record before the operation came up */
  constructor(operation: NamedOperation, since: number) {
    this.operation = operation
    this.since = since
    ;[this.state] = startHandedWrite(operation.name.op_id)
    this.promise = new Promise((resolve, reject) => {
      this.settle = { resolve, reject }
    })
  }

  /** The request digest of its name. */
  get digest(): string | null {
    return this.operation.name.request_digest
  }

  get isAnswered(): boolean {
    return this.state.stage === 'answered'
  }

  /** What goes to the writer that holds the lock now; null where one has answered already. */
  takeToSend(): HandedOperation | null {
    if (this.state.stage !== 'sent') return null
    const since = this.wasSent ? this.since : null
    this.wasSent = true
    return { ...this.operation, since }
  }

  /** Takes the answer of the writer. @param applied the last record that this process has applied */
  answered(done: CarriedOut, applied: number): void {
    if (this.state.stage !== 'sent') return
    this.done = done
    this.step({ type: 'answered', answer: done.answer })
    this.applied(applied)
  }

  applied(seq: number): void {
    this.step({ type: 'applied', seq })
  }

  /** The time is over. */
  late(): void {
    if (this.wasSent) return this.step({ type: 'late' })
    // No writer has met it, so that nothing was written.
    this.done = { answer: { status: 'refused', why: 'backing_unavailable' }, result: null }
    this.step({ type: 'answered', answer: this.done.answer })
  }

  failed(error: unknown): void {
    this.state = { ...this.state, stage: 'answered' }
    this.settle.reject(error)
  }

  private step(event: HandedEvent): void {
    const [state, effect] = stepHandedWrite(this.state, event)
    this.state = state
    if (effect?.do !== 'answer') return
    this.settle.resolve({ answer: effect.answer, result: this.done?.result ?? null })
  }
}

/** The operations of a process that wait for a writer, by `op_id`. */
export class WaitingOperations {
  private readonly waiting = new Map<string, WaitingOperation>()

  get size(): number {
    return this.waiting.size
  }
  find(op_id: string): WaitingOperation | undefined {
    return this.waiting.get(op_id)
  }
  add(op_id: string, operation: WaitingOperation): void {
    this.waiting.set(op_id, operation)
  }

  /** Changes an operation, and forgets it once it is answered. */
  update(op_id: string, change: (operation: WaitingOperation) => void): void {
    const operation = this.waiting.get(op_id)
    if (operation === undefined) return
    change(operation)
    if (operation.isAnswered) this.waiting.delete(op_id)
  }

  /** This process has applied the log up to a record. */
  applied(seq: number): void {
    for (const op_id of this.waiting.keys()) this.update(op_id, (one) => one.applied(seq))
  }
  /** The time of all of them is over. */
  late(): void {
    for (const op_id of this.waiting.keys()) this.update(op_id, (one) => one.late())
  }

  /** What no writer has answered yet: each goes to the one that holds the lock now, under the same name. */
  takeUnanswered(): readonly HandedOperation[] {
    return [...this.waiting.values()]
      .map((one) => one.takeToSend())
      .filter((operation) => operation !== null)
  }
}
