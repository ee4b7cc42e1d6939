interface Letter {
  readonly send: () => unknown
  /** Hears why it could not be sent. */
  readonly failed: (error: unknown) => unknown
}

/**
 * Answers that were made in one turn of the event loop go out together at its end. Whoever reads them is woken once:
 * on virtual cores a wake costs more than an answer does, and a service that answers one by one wakes its callers for
 * each.
 */
export class ReplyBatcher {
  private letters: Letter[] = []

  put(send: Letter['send'], failed: Letter['failed']): void {
    if (this.letters.push({ send, failed }) === 1) setImmediate(() => this.flush())
  }

  private flush(): void {
    const { letters } = this
    this.letters = []
    for (const { send, failed } of letters) {
      try {
        send()
      } catch (error) {
        failed(error)
      }
    }
  }
}
