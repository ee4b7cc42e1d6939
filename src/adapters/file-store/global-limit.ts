/** Between two announcements of kind `global` by one actor, in milliseconds. */
const GLOBAL_MS = 60_000

/** Limits the announcements of kind `global` to one a minute for each actor, by a monotonic clock. */
export class GlobalLimit {
  private readonly from = new Map<string, number>()

  /** Takes the place of one. @returns 0, or the whole seconds until there is a place */
  take(actor: string, now = performance.now()): number {
    const wait_ms = (this.from.get(actor) ?? now) - now
    if (wait_ms > 0) return Math.ceil(wait_ms / 1000)
    this.from.set(actor, now + GLOBAL_MS)
    return 0
  }
}
