import { withDeadline } from '../../concurrency/deadline.ts'
import type { SyncRequest } from './hand-over.ts'

/** Asks a writer. */
interface SyncChannel {
  send(request: SyncRequest): void
}

/** Reads that wait until this process has applied what the writer had acknowledged when they began. */
export class WaitingSyncs {
  private readonly waiting = new Map<number, () => void>()
  private next = 1

  /**
   * Resolves once a writer has answered and its answer is applied.
   *
   * @param channel null where no writer is connected: the next one is asked
   * @throws what `late` throws, after `ms`
   */
  async wait(channel: SyncChannel | null, ms: number, late: () => never): Promise<void> {
    const sync = this.next++
    const done = new Promise<void>((resolve) => this.waiting.set(sync, resolve))
    channel?.send({ sync })
    await withDeadline(done, ms, () => {
      this.waiting.delete(sync)
      late()
    })
  }

  end(sync: number): void {
    this.waiting.get(sync)?.()
    this.waiting.delete(sync)
  }
  /** This process is the writer now. */
  endAll(): void {
    for (const sync of this.waiting.keys()) this.end(sync)
  }
  /** Asks a new writer what the one before has not answered. */
  askAgain(channel: SyncChannel): void {
    for (const sync of this.waiting.keys()) channel.send({ sync })
  }
}
