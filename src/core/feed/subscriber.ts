import type { FeedEntry, FeedEpoch } from './types.ts'

/** How often an instance says how far the feed is, and reads that number from the database. */
export const BEAT_MS = 1_000
/** After this many beats without one a subscriber does not know whether it misses something. */
const SILENT_BEATS = 3
/** How long a subscriber may miss a change, in milliseconds. */
export const STALENESS_MS = (SILENT_BEATS + 1) * BEAT_MS

/** How far a subscriber has followed the feed. */
export interface FeedPosition {
  readonly epoch: FeedEpoch
  /** The last row that was read or followed; 0 where the feed had none. */
  readonly seq: number
  /** As of a `FeedAnswer`. */
  readonly database?: string
}

/** A question to the database that has no answer yet. */
interface FeedQuestion {
  /** The row to read from; null reads the position alone. */
  readonly from: number | null
  /** The highest number that was heard since: the answer may be older. Infinite after an event that names none. */
  readonly heard: number
  /** Whether it is asked again, as something may have changed since. */
  readonly again: boolean
}

/**
 * A subscriber to the feed. Messages may be lost, doubled, reordered and replayed, so none of them is believed further
 * than it continues what is known: the position moves by what was read from the database, or along `prev` without a gap.
 */
export interface Subscriber {
  /** Null before the first answer of the database. */
  readonly position: FeedPosition | null
  /** Whether what is held locally is as new as the feed, as far as is known. */
  readonly trusted: boolean
  readonly asked: FeedQuestion | null
  /** Rows of messages up to the position, which the database has not confirmed yet. */
  readonly followed: readonly FeedEntry[]
  /** Rows past a gap, for when it is filled. */
  readonly pending: readonly FeedEntry[]
  /**
   * When the database was asked for the last answer, in milliseconds. Messages confirm nothing: they may be replayed, or
   * come from an instance that is as far behind.
   */
  readonly confirmedAt: number
}

/** What a subscriber is told; `at` is a monotonic time in milliseconds, of an answer that of its question. */
export type FeedEvent = { readonly at: number } & (
  | { readonly type: 'entry'; readonly epoch: FeedEpoch; readonly entry: FeedEntry }
  /** Says the number of the last row. */
  | { readonly type: 'beat'; readonly epoch: FeedEpoch; readonly seq: number }
  /** Time to read the number from the database: a notification, or a poll. */
  | { readonly type: 'wake' }
  /** The channel was connected, again or for the first time. */
  | { readonly type: 'connected' }
  | { readonly type: 'tick' }
  | { readonly type: 'answer'; readonly answer: FeedAnswer }
  | { readonly type: 'unanswered' }
)

/** An answer of the database. */
export interface FeedAnswer {
  readonly epoch: FeedEpoch
  /** The last row of the feed; 0 for none. */
  readonly seq: number
  /** As of a `FeedReading`: rows of another database are not those that were followed, whatever their numbers. */
  readonly database?: string
  /** Whether the row that was asked from is still there, as it was. */
  readonly continues: boolean
  /** The rows after it, in order; the first ones where there are too many for one answer. */
  readonly entries: readonly FeedEntry[]
}

/** What is to be done, in order. */
export type FeedEffect =
  /** Reads the rows after number `from`; null reads the position alone. */
  | { readonly do: 'ask'; readonly from: number | null }
  /** From now on nothing that is held locally may be used. */
  | { readonly do: 'distrust' }
  | { readonly do: 'apply'; readonly entry: FeedEntry }
  /** Forgets all that is held locally: the feed does not say what has changed. */
  | { readonly do: 'reset'; readonly position: FeedPosition }
  | { readonly do: 'trust' }

export type FeedStep = readonly [Subscriber, readonly FeedEffect[]]

/** A subscriber that knows nothing and waits for its first event. */
export const startSubscriber = (at: number): Subscriber => ({
  position: null,
  trusted: false,
  asked: null,
  followed: [],
  pending: [],
  confirmedAt: at,
})

/** The next state of a subscriber, and what it does. Total: an event that says nothing new changes nothing. */
export function stepSubscriber(state: Subscriber, event: FeedEvent): FeedStep {
  switch (event.type) {
    case 'entry':
      return follow(state, event)
    case 'beat':
      return hear(state, event)
    case 'wake':
      return ask(state)
    case 'connected':
      return doubt(state, UNKNOWN)
    case 'tick':
      return event.at - state.confirmedAt > SILENT_BEATS * BEAT_MS
        ? doubt(state, UNKNOWN)
        : [state, []]
    case 'answer':
      return take(state, event.answer, event.at)
    case 'unanswered':
      return [{ ...state, asked: null }, []]
  }
}

/** Rows that are kept past a gap; of more the database tells. */
const MAX_PENDING = 256
/** Rows of messages that wait for the database; with more it is as after a gap. */
const MAX_FOLLOWED = 4_096
/** Later than any number: an answer that was asked for before says nothing about it. */
const UNKNOWN = Number.POSITIVE_INFINITY

const isEpoch = (one: FeedEpoch, other: FeedEpoch): boolean =>
  one.cutover === other.cutover && one.operator === other.operator

const isSameFeed = (one: FeedPosition, other: FeedPosition): boolean =>
  isEpoch(one.epoch, other.epoch) && one.database === other.database

function ask(state: Subscriber, heard = 0): FeedStep {
  const { asked, position, followed } = state
  if (asked !== null)
    return [{ ...state, asked: { ...asked, again: true, heard: Math.max(asked.heard, heard) } }, []]
  // Also what messages brought is read, to see whether it is in this database.
  const from = followed[0]?.prev ?? position?.seq ?? null
  return [{ ...state, asked: { from, heard: 0, again: false } }, [{ do: 'ask', from }]]
}

function doubt(state: Subscriber, heard: number): FeedStep {
  const [next, effects] = ask({ ...state, trusted: false }, heard)
  return [next, state.trusted ? [{ do: 'distrust' }, ...effects] : effects]
}

type Heard<T extends FeedEvent['type']> = Extract<FeedEvent, { readonly type: T }>

function follow(state: Subscriber, { epoch, entry }: Heard<'entry'>): FeedStep {
  const { position, followed, pending } = state
  if (position === null || !isEpoch(position.epoch, epoch)) return doubt(state, UNKNOWN)
  if (entry.seq <= position.seq) return [state, []]
  if (entry.prev === position.seq && followed.length < MAX_FOLLOWED) {
    const moved = { ...position, seq: entry.seq }
    const next = { ...state, position: moved, followed: [...followed, entry] }
    return [next, [{ do: 'apply', entry }]]
  }
  const kept = pending.length < MAX_PENDING ? [...pending, entry] : pending
  return doubt({ ...state, pending: kept }, entry.seq)
}

function hear(state: Subscriber, { epoch, seq }: Heard<'beat'>): FeedStep {
  const { position } = state
  if (position === null || !isEpoch(position.epoch, epoch)) return doubt(state, UNKNOWN)
  return seq > position.seq ? doubt(state, seq) : [state, []]
}

function take(state: Subscriber, answer: FeedAnswer, at: number): FeedStep {
  const { asked } = state
  // Nothing was asked, so there is nothing that this could answer.
  if (asked === null) return [state, []]
  const { changes, ...moved } = advance(state, answer, asked)
  const settled = { ...state, ...moved, asked: null, confirmedAt: at }
  const { seq } = moved.position
  if (seq < answer.seq || seq < asked.heard) return after(changes, doubt(settled, 0))
  const trusting = state.trusted ? changes : [...changes, { do: 'trust' } as const]
  const trusted = { ...settled, trusted: true, pending: [] }
  return asked.again ? after(trusting, ask(trusted)) : [trusted, trusting]
}

const after = (effects: readonly FeedEffect[], [state, more]: FeedStep): FeedStep => [
  state,
  [...effects, ...more],
]

interface Advance extends Pick<Subscriber, 'followed' | 'pending'> {
  readonly position: FeedPosition
  readonly changes: readonly FeedEffect[]
}
/** The position after an answer and the pending rows that continue it, and what has changed. */
function advance(
  { position, followed, pending }: Subscriber,
  { continues, entries, ...end }: FeedAnswer,
  { from }: FeedQuestion,
): Advance {
  const changes: FeedEffect[] = [{ do: 'reset', position: end }]
  const reset: Advance = { position: end, changes, followed: [], pending: [] }
  if (position === null || from === null || !continues) return reset
  if (!isSameFeed(position, end)) return reset
  // Messages may have moved the position since the question.
  const known = entries.slice(0, followed.length)
  const news = entries.slice(followed.length)
  if (!known.every((entry, at) => isSameEntry(entry, followed[at]))) return reset
  const [next] = news
  if (next !== undefined && next.prev !== position.seq) return reset
  const told = findContinuation(pending, news.at(-1)?.seq ?? position.seq)
  const moved = [...news, ...told]
  const seq = moved.at(-1)?.seq ?? position.seq
  return {
    position: { ...end, seq },
    changes: moved.map((entry) => ({ do: 'apply', entry })),
    followed: [...followed.slice(entries.length), ...told],
    pending: pending.filter((entry) => entry.seq > seq),
  }
}

/** The rows that follow a number without a gap, in order. */
function findContinuation(rows: readonly FeedEntry[], from: number): readonly FeedEntry[] {
  const found: FeedEntry[] = []
  for (const row of rows.toSorted((a, b) => a.seq - b.seq))
    if (row.prev === (found.at(-1)?.seq ?? from)) found.push(row)
  return found
}

const isSameEntry = (one: FeedEntry, other: FeedEntry | undefined): boolean =>
  one.seq === other?.seq && one.kind === other.kind && one.target === other.target
