import { STALENESS_MS } from '../../../core/feed/subscriber.ts'

/** A change of one value, with monotonic times in milliseconds. */
export interface LedgerChange {
  readonly value: number
  /** Number of the instance that was asked for it. */
  readonly by: number
  readonly sent_ms: number
  /** Infinite where it was not acknowledged, so that it may be applied or not. */
  readonly acknowledged_ms: number
}
/** An answer of one instance, with the times at which it was asked for and came. */
export interface LedgerAnswer {
  readonly value: number
  readonly by: number
  readonly asked_ms: number
  readonly answered_ms: number
}

/** The changes of values by name, in order, and what an instance may answer. */
export class ChangeLedger {
  private readonly changes = new Map<string, LedgerChange[]>()

  note(name: string, change: LedgerChange): void {
    this.changes.set(name, [...(this.changes.get(name) ?? []), change])
  }

  /** The names with a change. */
  get names(): readonly string[] {
    return [...this.changes.keys()]
  }

  /** The last acknowledged change of a name. */
  last(name: string): LedgerChange | undefined {
    return this.changes.get(name)?.findLast(({ acknowledged_ms }) => acknowledged_ms < Infinity)
  }

  /**
   * Whether an answer is allowed: a value that was sent by then and that no later change had replaced when the answer was
   * asked for. The instance that acknowledged a change knows it at once, the others after `STALENESS_MS`. Without any
   * change of the name, false.
   */
  allows(name: string, answer: LedgerAnswer): boolean {
    const changes = this.changes.get(name) ?? []
    return changes.some(
      ({ value, sent_ms }, at) =>
        value === answer.value &&
        sent_ms <= answer.answered_ms &&
        !changes.slice(at + 1).some((later) => isKnown(later, answer)),
    )
  }
}

const isKnown = ({ by, acknowledged_ms }: LedgerChange, answer: LedgerAnswer): boolean =>
  acknowledged_ms + (by === answer.by ? 0 : STALENESS_MS) < answer.asked_ms
