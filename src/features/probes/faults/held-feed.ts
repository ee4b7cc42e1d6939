import type { Adapters } from '../../../ports/adapters.ts'
import type { FeedEpoch } from '../../../core/feed/types.ts'
import type { ChangeFeed } from '../../../ports/store.ts'
import { type MessageLoss, overrideFeed } from '../testbed/lost-messages.ts'

/**
 * The planted fault of the probes of propagation: adapters whose feed, while messages are lost, shows a row, and the
 * epoch that it begins, only once it has been there for so many milliseconds; Infinity never shows one.
 */
export const withHeldFeed = (
  adapters: Adapters,
  loss: Pick<MessageLoss, 'isOn'>,
  held_ms: number,
): Adapters => ({
  ...adapters,
  openServiceStore: async (spec, needs) =>
    overrideFeed(await adapters.openServiceStore(spec, needs), (feed) =>
      holdBack(feed, loss, held_ms),
    ),
})

function holdBack(
  feed: ChangeFeed,
  loss: Pick<MessageLoss, 'isOn'>,
  held_ms: number,
): Pick<ChangeFeed, 'changes'> {
  const seen = new Map<number, number>()
  let known: FeedEpoch | null = null
  return {
    changes: async (query) => {
      const reading = await feed.changes(query)
      const { from } = query
      const now = performance.now()
      const isShown = ({ seq }: { readonly seq: number }): boolean => {
        if (from === null || !loss.isOn) return true
        const since = seen.get(seq) ?? now
        seen.set(seq, since)
        return seq <= from || now - since >= held_ms
      }
      const until = reading.entries.findIndex((one) => !isShown(one))
      if (until === -1) {
        known = reading.epoch
        return reading
      }
      const entries = reading.entries.slice(0, until)
      return {
        ...reading,
        epoch: known ?? reading.epoch,
        entries,
        seq: entries.at(-1)?.seq ?? from ?? 0,
      }
    },
  }
}
