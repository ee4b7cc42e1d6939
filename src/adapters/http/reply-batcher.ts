interface PendingReply {
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
  private replies: PendingReply[] = []

  put(send: PendingReply['send'], failed: PendingReply['failed']): void {
    if (this.replies.push({ send, failed }) === 1) setImmediate(() => this.flush())
  }

  private flush(): void {
    const { replies } = this
    this.replies = []
    for (const { send, failed } of replies) {
      try {
        send()
      } catch (error) {
        failed(error)
      }
    }
  }
}
