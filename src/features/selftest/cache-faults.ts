import { type EntrySeal, openEntry } from '../../core/cache/entry.ts'
import { type ChangeScope, formatRowCacheKey } from '../../core/cache/keys.ts'
import { KnownChanges } from '../../core/cache/known-changes.ts'
import type { stepSubscriber } from '../../core/feed/subscriber.ts'
import type { FeedConsumer } from '../serve/feed-pump.ts'
import type { CacheParts } from './cache-parts.ts'
import { ONE, TWO } from './cache-stage.ts'
import { inCache, type PlantedFault, type ProofName } from './fault.ts'

type Change = (parts: CacheParts) => Partial<CacheParts>
type Step = typeof stepSubscriber

/** Replaces how the seal of an entry is checked. */
const inOpen =
  (open: typeof openEntry): Change =>
  ({ checks }) => ({ checks: { ...checks, open } })
/** Replaces what is known of the changes of rows. */
const inKnown =
  (Known: typeof KnownChanges): Change =>
  ({ checks }) => ({ checks: { ...checks, createKnown: (limits) => new Known(limits) } })
/** Replaces what a subscriber does with an event. */
const inStep =
  (change: (step: Step) => Step): Change =>
  ({ step }) => ({ step: change(step) })
/** Takes only some changes of the feed; `isFirst` says whether a change is the first of its row that is heard of. */
const inApply =
  (takes: (isFirst: boolean) => boolean): Change =>
  () => ({
    consumer: (reader) => {
      const heard = new Set<string>()
      const apply: FeedConsumer['apply'] = (entry) => {
        if (takes(!heard.has(entry.target))) reader.apply(entry)
        heard.add(entry.target)
      }
      return {
        apply,
        reset: (position) => reader.reset(position),
        distrust: () => reader.distrust?.(),
        trust: (position, until) => reader.trust?.(position, until),
      }
    },
  })

/** Forgets to refuse what was read before a change. */
class NeverOutdated extends KnownChanges {
  override isCurrent(): boolean {
    return true
  }
}
/** Forgets a change without refusing all that is older. */
class WithoutFloor extends KnownChanges {
  override raiseFloor(): void {
    // The fault: nothing is raised.
  }
}
/** Takes the last change that it hears of for the last one that was made. */
class LastHeard extends KnownChanges {
  private readonly heard = new Map<string, number>()
  override note(scope: ChangeScope, seq: number): boolean {
    if (scope.kind === 'row') this.heard.set(formatRowCacheKey(scope.table, scope.key), seq)
    return true
  }
  override isCurrent(seq: number, keys: readonly string[]): boolean {
    return keys.every((key) => seq >= (this.heard.get(key) ?? 0))
  }
}

const withoutMac = (seal: EntrySeal): EntrySeal => ({
  ...seal,
  mac: { ...seal.mac, verify: () => true },
})

/** Believes that each message that names a change follows the one before. */
const withoutGaps: Change = inStep((step) => (state, event) => {
  const { position } = state
  if (event.type !== 'entry' || position === null) return step(state, event)
  return step(state, { ...event, entry: { ...event.entry, prev: position.seq } })
})
/** Applies each message, also one that was followed already. */
const withoutOrder: Change = inStep(
  (step) => (state, event) =>
    event.type === 'entry' && event.entry.seq <= (state.position?.seq ?? 0)
      ? [state, [{ do: 'apply', entry: event.entry }]]
      : step(state, event),
)
/** Takes the number of a heartbeat for its own position. */
const withoutReading: Change = inStep(
  (step) => (state, event) =>
    event.type === 'beat' && state.position !== null
      ? [{ ...state, position: { ...state.position, seq: event.seq } }, []]
      : step(state, event),
)
/** Keeps the epoch that it began with. */
const withoutEpoch: Change = inStep((step) => (state, event) => {
  const epoch = state.position?.epoch
  if (epoch === undefined) return step(state, event)
  if (event.type === 'answer') return step(state, { ...event, answer: { ...event.answer, epoch } })
  return step(state, 'epoch' in event ? { ...event, epoch } : event)
})

type CacheFaultRow = readonly [name: string, models: string, change: Change, proof?: ProofName]
const PLANTED: readonly CacheFaultRow[] = [
  [
    'stale',
    'a row is kept in memory although the feed says that it has changed',
    inApply((isFirst) => isFirst),
  ],
  [
    'negative-kept',
    'the fact that there is no override is kept once there is one',
    inApply((isFirst) => !isFirst),
  ],
  [
    'outlived',
    'a change is forgotten, and entries from before it count again',
    inKnown(WithoutFloor),
  ],
  [
    'other-tenant',
    'the seal of an entry does not bind the tenant of its key',
    inOpen((key, text, seal) => {
      const own = openEntry(key, text, seal)
      return own.ok ? own : openEntry(key.replace(ONE, TWO), text, seal)
    }),
  ],
  [
    'forged',
    'the seal of an entry is not verified',
    inOpen((key, text, seal) => openEntry(key, text, withoutMac(seal))),
  ],
  [
    'earlier-epoch',
    'an entry of an earlier time of the database as authority counts',
    inOpen((key, text, seal) => {
      const own = openEntry(key, text, seal)
      const { cutover, operator } = seal.epoch
      const epoch = { cutover: cutover - 1, operator }
      return own.ok ? own : openEntry(key, text, { ...seal, epoch })
    }),
  ],
  [
    'set-after-delete',
    'a slow load puts back what a change has deleted: its number is read after its rows',
    () => ({
      snapshots: (reader, seq) => ({
        readAt: async (query) => ({ ...(await reader.readAt(query)), seq: seq() }),
      }),
    }),
    'redis',
  ],
  [
    'deletion-lost',
    'an entry that was read before a change counts, where Redis lost its deletion',
    inKnown(NeverOutdated),
    'redis',
  ],
  ['message-lost', 'a gap between two messages is not noticed', withoutGaps],
  [
    'message-again',
    'a message that comes again counts as the last change of its row',
    (parts) => ({ ...withoutOrder(parts), ...inKnown(LastHeard)(parts) }),
  ],
  [
    'message-forged',
    'the seal of a message is not verified',
    ({ messageMac }) => ({
      messageMac: (mac) => ({ ...messageMac(mac), verify: () => true }),
    }),
  ],
  ['high-number', 'a heartbeat moves the position to a number that was not read', withoutReading],
  ['epoch-ignored', 'rows are kept in memory across two epochs of the cutover', withoutEpoch],
]

/**
 * Faults between a database, Redis and the cache of an instance, with ids `cache.NAME`; a comparison of what the instance
 * reads with the database (proof `cached`, or `redis` over a real one) has to catch each.
 */
export const CACHE_FAULTS: readonly PlantedFault[] = PLANTED.map(
  ([name, models, change, proof = 'cached']) => ({
    id: `cache.${name}`,
    models,
    proof,
    plant: inCache(change),
  }),
)
