/** Between two announcements of kind `global` by one actor, in milliseconds. */
const GLOBAL_MS = 60_000

/** Limits the announcements of kind `global` to one a minute for each actor, by a monotonic clock. */
export class GlobalLimit {
  private readonly from = new Map<string, number>()

  /**
   * Runs `announce` and returns its result, or the whole seconds until the actor may announce again. One that fails does
   * not count.
   * @throws the error of `announce`
   */
  async run<T>(
    actor: string,
    announce: () => Promise<T>,
  ): Promise<T | { readonly ok: false; readonly retry_after_s: number }> {
    const now = performance.now()
    const wait_ms = (this.from.get(actor) ?? now) - now
    if (wait_ms > 0) return { ok: false, retry_after_s: Math.ceil(wait_ms / 1000) }
    this.from.set(actor, now + GLOBAL_MS)
    try {
      return await announce()
    } catch (error) {
      this.from.delete(actor)
      throw error
    }
  }
}
