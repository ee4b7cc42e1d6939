import type { SnapshotContent } from './kept-snapshot.ts'

/** Interval at which the saver looks whether a save is due. */
const LOOK_MS = 1_000
/** Least time between two saves of changed rows; also this multiple of what the last save took, so that it is cheap. */
const LEAST_MS = 10_000
const SHARE = 20
/** Unchanged rows are saved again after this share of the age up to which they decide: their age is in the file. */
const AGE_SHARE = 0.1

/** What is saved; `version` differs once the rows may have changed. */
export interface KeptContent extends SnapshotContent {
  readonly version: number
}
/** What a saver takes the rows from, and where it puts them. */
export interface SaverParts {
  readonly keep: () => KeptContent | null
  readonly save: (content: SnapshotContent) => Promise<void>
  /** Age up to which the rows decide, in milliseconds. */
  readonly stale_max_ms: number
  /** Receives the error of each failed save. */
  readonly failed: (error: unknown) => void
}

/** Keeps the last known rows on disk: saves them some time after each change, from time to time, and at the end. */
export class SnapshotSaver {
  private readonly parts: SaverParts
  private readonly timer: NodeJS.Timeout
  private saved: number | null = null
  private savedAt = Number.NEGATIVE_INFINITY
  private tookMs = 0
  private saving: Promise<void> = Promise.resolve()

  constructor(parts: SaverParts) {
    this.parts = parts
    this.timer = setInterval(() => {
      if (this.isDue()) this.saving = this.save()
    }, LOOK_MS).unref()
  }

  /** Saves a last time, and ends. */
  async close(): Promise<void> {
    clearInterval(this.timer)
    await this.saving
    await this.save()
  }

  private isDue(): boolean {
    const idleMs = performance.now() - this.savedAt
    // The right side is infinite while a save runs, the left one before the first.
    if (idleMs <= Math.max(LEAST_MS, SHARE * this.tookMs)) return false
    const version = this.parts.keep()?.version ?? null
    return (
      version !== null && (version !== this.saved || idleMs > this.parts.stale_max_ms * AGE_SHARE)
    )
  }

  private async save(): Promise<void> {
    const content = this.parts.keep()
    if (content === null) return
    const since = performance.now()
    this.tookMs = Number.POSITIVE_INFINITY
    try {
      await this.parts.save(content)
      this.saved = content.version
    } catch (error) {
      this.parts.failed(error)
    } finally {
      this.savedAt = performance.now()
      this.tookMs = this.savedAt - since
    }
  }
}
