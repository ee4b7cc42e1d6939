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
