interface PendingReply {
  readonly send: () => unknown
  /** Receives the error of `send`. */
  readonly failed: (error: unknown) => unknown
}

/**
 * Sends the responses of one turn of the event loop together at its end. A client is then woken once: on virtual cores
 * a wake-up costs more than a response, and sending one by one would cause a wake-up for each.
 */
export class ReplyBatcher {
  private replies: PendingReply[] = []

  /** Queues a response, to be sent at the end of this turn; `failed` receives the error that `send` throws. */
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
