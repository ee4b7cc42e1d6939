import type { RefusedWrite, ServiceStore } from '../../ports/store.ts'

/** Times and bounds of a recorder. */
export interface RecorderLimits {
  /** Refusals of one actor and code within this time of the first are one record more, with their number. */
  readonly window_ms: number
  /** Records wait for others for this time, and so long after a failure of the store. */
  readonly batch_ms: number
  /** Most pairs of actor and code within their window, and most records that wait. */
  readonly most: number
}
const LIMITS: RecorderLimits = { window_ms: 60_000, batch_ms: 100, most: 10_000 }

interface Repeats {
  last: RefusedWrite
  count: number
  readonly timer: NodeJS.Timeout
}

/**
 * Writes the audit records of refused changes behind the answers, one after the other, so that refusals never hold up a
 * change: an actor has at most two records a minute for each code, however many changes are refused.
 */
export class RefusalRecorder {
  private readonly store: Pick<ServiceStore, 'refuse'>
  private readonly failed: (error: unknown) => void
  private readonly limits: RecorderLimits
  /** By actor and code. */
  private readonly windows = new Map<string, Repeats>()
  private readonly waiting: RefusedWrite[] = []
  private writing: Promise<void> | null = null
  private timer: NodeJS.Timeout | null = null

  /** @param failed receives each error of the store, and an error where a refusal cannot be kept */
  constructor(
    store: Pick<ServiceStore, 'refuse'>,
    failed: (error: unknown) => void,
    limits = LIMITS,
  ) {
    this.store = store
    this.failed = failed
    this.limits = limits
  }

  /** Takes a refusal to record; returns at once. */
  record(refused: RefusedWrite): void {
    const key = `${refused.request.actor} ${refused.code}`
    const repeats = this.windows.get(key)
    if (repeats !== undefined) {
      repeats.last = refused
      repeats.count += 1
    } else if (this.windows.size < this.limits.most) {
      const timer = setTimeout(() => this.endWindow(key), this.limits.window_ms).unref()
      this.windows.set(key, { last: refused, count: 0, timer })
      this.queue(refused)
    } else this.failed(new Error('too many actors are refused to record each'))
  }

  /** Records every repetition so far, and waits until all is written, or the store fails. */
  async close(): Promise<void> {
    for (const key of this.windows.keys()) this.endWindow(key)
    await this.writing
    if (this.timer !== null) clearTimeout(this.timer)
    await this.flush()
  }

  private endWindow(key: string): void {
    const repeats = this.windows.get(key)
    if (repeats === undefined) return
    clearTimeout(repeats.timer)
    this.windows.delete(key)
    if (repeats.count > 0) this.queue({ ...repeats.last, count: repeats.count })
  }

  private queue(refused: RefusedWrite): void {
    if (this.waiting.length >= this.limits.most)
      return this.failed(new Error('too many refusals wait for the store to record each'))
    this.waiting.push(refused)
    this.schedule()
  }

  private schedule(): void {
    if (this.timer !== null || this.writing !== null) return
    this.timer = setTimeout(() => {
      this.timer = null
      this.writing = this.flush().finally(() => {
        this.writing = null
        if (this.waiting.length > 0) this.schedule()
      })
    }, this.limits.batch_ms)
  }

  /** One at a time: a change waits for the lock of the chain behind one of them at most. */
  private async flush(): Promise<void> {
    try {
      for (let next = this.waiting[0]; next !== undefined; next = this.waiting[0]) {
        await this.store.refuse(next)
        this.waiting.shift()
      }
    } catch (error) {
      this.failed(error)
    }
  }
}
