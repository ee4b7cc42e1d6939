import { readApprovalRef } from '../../core/cache/messages.ts'
import type { FeedEntry } from '../../core/feed/types.ts'
import type { ApprovalService } from '../../ports/admin.ts'
import type { Authenticator } from '../../ports/auth.ts'
import type { FeedConsumer } from './feed-pump.ts'

/** Does what changes that touch no row ask for: abandons approval checks in flight, and refreshes the key set. */
export class Signals implements FeedConsumer {
  private readonly approvals: Pick<ApprovalService, 'abandon'>
  private readonly authenticator: Pick<Authenticator, 'refreshKeys'>
  private isBegun = false

  constructor(
    approvals: Pick<ApprovalService, 'abandon'>,
    authenticator: Pick<Authenticator, 'refreshKeys'>,
  ) {
    this.approvals = approvals
    this.authenticator = authenticator
  }

  apply({ kind, target }: Pick<FeedEntry, 'kind' | 'target'>): void {
    if (kind === 'approval') this.approvals.abandon(readApprovalRef(target))
    if (kind === 'jwks') this.authenticator.refreshKeys()
  }

  /** Anything may have been announced; before the first position nothing is in flight, and the key set is new. */
  reset(): void {
    if (this.isBegun) {
      this.approvals.abandon(null)
      this.authenticator.refreshKeys()
    }
    this.isBegun = true
  }
}
