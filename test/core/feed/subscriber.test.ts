import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  BEAT_MS,
  type FeedAnswer,
  type FeedEffect,
  type FeedEvent,
  startSubscriber,
  stepSubscriber,
  type Subscriber,
} from '../../../src/core/feed/subscriber.ts'
import type { FeedEntry, FeedEpoch } from '../../../src/core/feed/types.ts'
import { examples } from '../../support/scale.ts'

const EPOCH: FeedEpoch = { cutover: 0, operator: 0 }
const OTHER: FeedEpoch = { cutover: 0, operator: 7 }
const entry = (seq: number, prev: number): FeedEntry => ({
  seq,
  prev,
  kind: 'flag',
  target: `flag/ff.x${seq}`,
})
const answer = (seq: number, more: Partial<FeedAnswer> = {}): FeedAnswer => ({
  epoch: EPOCH,
  seq,
  continues: true,
  entries: [],
  ...more,
})

type Untimed<T> = T extends unknown ? Omit<T, 'at'> : never
/** A subscriber under test, with all that it did. */
class Follower {
  state: Subscriber = startSubscriber(0)
  done: FeedEffect[] = []
  at = 0

  send(event: Untimed<FeedEvent>): readonly FeedEffect[] {
    const [state, effects] = stepSubscriber(this.state, { ...event, at: this.at } as FeedEvent)
    this.state = state
    this.done.push(...effects)
    return effects
  }
  answer(seq: number, more: Partial<FeedAnswer> = {}): readonly string[] {
    return names(this.send({ type: 'answer', answer: answer(seq, more) }))
  }
  entry(seq: number, prev: number, epoch = EPOCH): readonly string[] {
    return names(this.send({ type: 'entry', epoch, entry: entry(seq, prev) }))
  }
}
const names = (effects: readonly FeedEffect[]): readonly string[] =>
  effects.map((one) => (one.do === 'apply' ? `apply ${one.entry.seq}` : one.do))
const following = (seq = 5): Follower => {
  const one = new Follower()
  one.send({ type: 'connected' })
  one.answer(seq)
  return one
}

describe('a subscriber', () => {
  test('trusts nothing before the database has answered', () => {
    const one = new Follower()
    expect(one.send({ type: 'connected' })).toEqual([{ do: 'ask', from: null }])
    expect([one.entry(6, 5), one.send({ type: 'beat', epoch: EPOCH, seq: 6 })]).toEqual([[], []])
    expect(one.state.trusted).toBe(false)
    // The answer may be older than what was heard meanwhile.
    expect(one.answer(5)).toEqual(['reset', 'ask'])
    expect(one.answer(6, { entries: [entry(6, 5)] })).toEqual(['apply 6', 'trust'])
  })
  test('follows rows along prev, and takes each once', () => {
    const one = following()
    expect([one.entry(7, 5), one.entry(7, 5), one.entry(5, 3)]).toEqual([['apply 7'], [], []])
    expect(one.state).toMatchObject({ position: { seq: 7 }, trusted: true })
  })
  test.each<readonly [string, Partial<FeedEntry>]>([
    ['another number', { seq: 8 }],
    ['another kind', { kind: 'tenant_override' }],
    ['another target', { target: 'flag/ff.y' }],
  ])('a row of a message that the database has with %s has everything forgotten', (_what, as) => {
    const one = following()
    expect(one.entry(7, 5)).toEqual(['apply 7'])
    one.send({ type: 'wake' })
    expect(one.done.at(-1)).toEqual({ do: 'ask', from: 5 })
    const held = { ...entry(7, 5), ...as }
    expect(one.answer(held.seq, { entries: [held] })).toEqual(['reset'])
    expect(one.state.position?.seq).toBe(held.seq)
  })
  test('a row of a message is confirmed once, by an answer that has it', () => {
    const one = following()
    one.send({ type: 'wake' })
    expect([one.entry(7, 5), one.entry(8, 7)]).toEqual([['apply 7'], ['apply 8']])
    expect(one.answer(7, { entries: [entry(7, 5)] })).toEqual([])
    one.send({ type: 'wake' })
    expect(one.done.at(-1)).toEqual({ do: 'ask', from: 7 })
    expect(one.answer(9, { entries: [entry(8, 7), entry(9, 8)] })).toEqual(['apply 9'])
    one.send({ type: 'wake' })
    expect(one.done.at(-1)).toEqual({ do: 'ask', from: 9 })
  })
  test('distrusts at a gap, and catches up from the database and what came after it', () => {
    const one = following()
    expect(one.entry(9, 8)).toEqual(['distrust', 'ask'])
    expect(one.done.at(-1)).toEqual({ do: 'ask', from: 5 })
    expect([one.entry(12, 9), one.entry(12, 9)]).toEqual([[], []])
    expect(one.answer(9, { entries: [entry(8, 5), entry(9, 8)] })).toEqual([
      'apply 8',
      'apply 9',
      'apply 12',
      'trust',
      'ask',
    ])
    expect(one.state.position?.seq).toBe(12)
    expect(one.answer(12)).toEqual([])
  })
  test('a high number that no row has moves nothing', () => {
    const one = following()
    expect(one.entry(900, 899)).toEqual(['distrust', 'ask'])
    expect(one.answer(5)).toEqual(['trust'])
    expect(names(one.send({ type: 'beat', epoch: EPOCH, seq: 900 }))).toEqual(['distrust', 'ask'])
    expect(one.answer(5)).toEqual(['trust'])
    expect(one.state).toMatchObject({ position: { seq: 5 }, pending: [] })
  })
  test('an answer that was asked for before something was heard does not settle it', () => {
    const one = following()
    one.send({ type: 'wake' })
    expect(one.entry(900, 899)).toEqual(['distrust'])
    expect(one.answer(5)).toEqual(['ask'])
    expect(one.answer(5)).toEqual(['trust'])
    one.send({ type: 'wake' })
    expect(names(one.send({ type: 'connected' }))).toEqual(['distrust'])
    expect([one.answer(5), one.answer(5)]).toEqual([['ask'], ['trust']])
  })
  test('an answer with the first rows alone is no reason for trust', () => {
    const one = following()
    one.send({ type: 'wake' })
    expect(one.answer(9, { entries: [entry(7, 5)] })).toEqual(['apply 7', 'distrust', 'ask'])
    expect(one.answer(9, { entries: [entry(9, 7)] })).toEqual(['apply 9', 'trust'])
  })
  test('a notification is read once more where it came during a reading', () => {
    const one = following()
    expect(names(one.send({ type: 'wake' }))).toEqual(['ask'])
    expect(one.send({ type: 'wake' })).toEqual([])
    expect(one.answer(5)).toEqual(['ask'])
    expect([one.answer(5), one.answer(5)]).toEqual([[], []])
    expect(one.state.trusted).toBe(true)
  })
  test.each<readonly [string, Partial<FeedAnswer>]>([
    ['another epoch', { epoch: OTHER }],
    ['another database', { database: 'restored', entries: [entry(7, 5)] }],
    ['a row that is gone or another one', { continues: false }],
    ['rows that do not continue', { entries: [entry(7, 6)] }],
  ])('%s has everything forgotten', (_what, more) => {
    const one = following()
    one.send({ type: 'wake' })
    expect(one.answer(7, more)).toEqual(['reset'])
    expect(one.state).toMatchObject({ position: { seq: 7 }, trusted: true })
  })
  test('a message of another epoch, and a reconnect, ask the database', () => {
    for (const event of [
      { type: 'entry', epoch: OTHER, entry: entry(6, 5) },
      { type: 'entry', epoch: { ...EPOCH, cutover: 1 }, entry: entry(6, 5) },
      { type: 'beat', epoch: OTHER, seq: 5 },
      { type: 'connected' },
    ] as const) {
      const one = following()
      expect(names(one.send(event))).toEqual(['distrust', 'ask'])
      expect(one.answer(5)).toEqual(['trust'])
    }
  })
  test('silence of the database for more than three beats ends trust, whatever messages say', () => {
    const one = following()
    one.at = 3 * BEAT_MS
    expect(one.send({ type: 'tick' })).toEqual([])
    // Two instances that have lost the database must not keep each other's trust.
    expect(one.send({ type: 'beat', epoch: EPOCH, seq: 5 })).toEqual([])
    expect(one.send({ type: 'beat', epoch: EPOCH, seq: 4 })).toEqual([])
    expect(one.entry(6, 5)).toEqual(['apply 6'])
    one.at += 1
    expect(names(one.send({ type: 'tick' }))).toEqual(['distrust', 'ask'])
    one.send({ type: 'unanswered' })
    expect(names(one.send({ type: 'tick' }))).toEqual(['ask'])
    expect(one.answer(6)).toEqual(['trust'])
    expect(one.send({ type: 'tick' })).toEqual([])
    // What nothing asked for answers nothing.
    expect(one.answer(99)).toEqual([])
  })
  test('keeps a bounded number of rows that the database has not confirmed', () => {
    const one = following()
    for (let seq = 6; seq < 10_000; seq += 1) one.entry(seq, seq - 1)
    const { followed, position, trusted } = one.state
    expect(followed.length).toBeLessThan(5_000)
    expect([position?.seq, trusted]).toEqual([5 + followed.length, false])
  })
  test('keeps a bounded number of rows past a gap', () => {
    const one = following()
    for (let seq = 10; seq < 2_000; seq += 1) one.entry(seq, seq - 1)
    expect(one.state.pending.length).toBeLessThan(300)
    one.answer(6, { entries: [entry(6, 5)] })
    expect(one.answer(1_999, { entries: [entry(9, 6), entry(10, 9)] })).toContain('apply 200')
  })
})

interface Act {
  readonly do:
    | 'write'
    | 'deliver'
    | 'drop'
    | 'double'
    | 'beat'
    | 'replay'
    | 'foreign'
    | 'wake'
    | 'read'
    | 'answer'
    | 'fail'
    | 'connect'
  readonly pick: number
}
const ACTS = [
  'write',
  'write',
  'deliver',
  'deliver',
  'drop',
  'double',
  'beat',
  'replay',
  'foreign',
  'wake',
  'read',
  'answer',
  'answer',
  'fail',
  'connect',
] as const

/** A feed, a channel that loses, doubles and reorders, and a database whose answers take time. */
class World {
  readonly feed: FeedEntry[] = []
  readonly sent: FeedEntry[] = []
  readonly follower = new Follower()
  private question: number | null | undefined
  private reading: FeedAnswer | null = null
  /** Numbers of rows whose message or beat has arrived. */
  private heard = 0
  readonly applied: number[] = []
  private base: number | null = null
  private seen = 0

  get last(): number {
    return this.feed.at(-1)?.seq ?? 0
  }

  act({ do: what, pick }: Act): void {
    const { sent, follower } = this
    const at = sent.length === 0 ? -1 : pick % sent.length
    if (what === 'write') {
      // Refusals take numbers too.
      const one = entry(this.last + 1 + (pick % 3), this.last)
      this.feed.push(one)
      sent.push(one)
    } else if (what === 'deliver' && at >= 0) this.hear(sent.splice(at, 1)[0])
    else if (what === 'drop' && at >= 0) sent.splice(at, 1)
    else if (what === 'double' && at >= 0) this.hear(sent[at])
    else if (what === 'replay' && this.feed.length > 0)
      this.hear(this.feed[pick % this.feed.length])
    else if (what === 'foreign') follower.entry(this.last + 50 + pick, this.last + 40, OTHER)
    else if (what === 'beat') {
      const seq = this.feed[pick % Math.max(1, this.feed.length)]?.seq ?? 0
      this.heard = Math.max(this.heard, seq)
      follower.send({ type: 'beat', epoch: EPOCH, seq })
    } else if (what === 'wake') follower.send({ type: 'wake' })
    else if (what === 'connect') follower.send({ type: 'connected' })
    else if (what === 'read') this.read(1 + (pick % 3))
    else if (what === 'answer') this.reply()
    else if (what === 'fail' && this.question !== undefined) {
      this.question = undefined
      this.reading = null
      follower.send({ type: 'unanswered' })
    }
    this.check()
  }

  /** Lets the database answer until there is no question left. */
  settle(): void {
    this.follower.send({ type: 'wake' })
    this.check()
    for (let at = 0; at < 1_000 && this.question !== undefined; at += 1) {
      this.reading = null
      this.read(3)
      this.reply()
      this.check()
    }
  }

  private hear(one: FeedEntry | undefined): void {
    if (one === undefined) return
    this.heard = Math.max(this.heard, one.seq)
    this.follower.send({ type: 'entry', epoch: EPOCH, entry: one })
  }
  private read(limit: number): void {
    const from = this.question
    if (from === undefined || this.reading !== null) return
    const entries = from === null ? [] : this.feed.filter(({ seq }) => seq > from).slice(0, limit)
    this.reading = answer(this.last, { entries })
  }
  private reply(): void {
    if (this.reading === null) return
    const { reading } = this
    this.question = undefined
    this.reading = null
    this.follower.send({ type: 'answer', answer: reading })
  }

  private check(): void {
    const { follower } = this
    for (const effect of follower.done.slice(this.seen)) {
      if (effect.do === 'ask') {
        expect(this.question).toBeUndefined()
        this.question = effect.from
      } else if (effect.do === 'apply') this.applied.push(effect.entry.seq)
      else if (effect.do === 'reset') {
        // Once, at the first answer: the feed goes on.
        expect(this.base).toBeNull()
        this.base = effect.position.seq
      }
    }
    this.seen = follower.done.length
    const { position, trusted } = follower.state
    if (this.base === null) return expect([position, trusted]).toEqual([null, false]) as undefined
    const expected = this.feed.map(({ seq }) => seq).filter((seq) => seq > (this.base as number))
    expect(this.applied).toEqual(expected.slice(0, this.applied.length))
    expect(position?.seq).toBe(this.applied.at(-1) ?? this.base)
    if (trusted) expect(position?.seq).toBeGreaterThanOrEqual(this.heard)
  }
}

test('whatever is lost, doubled, reordered, replayed or late, it ends equal to the feed and never trusts across a gap', () => {
  const act = fc.record({ do: fc.constantFrom(...ACTS), pick: fc.nat({ max: 1_000 }) })
  let trusted = 0
  fc.assert(
    fc.property(fc.array(act, { minLength: 20, maxLength: 120 }), (acts) => {
      const world = new World()
      world.follower.send({ type: 'connected' })
      for (const one of acts) world.act(one)
      if (world.follower.state.trusted) trusted += 1
      world.settle()
      expect(world.follower.state).toMatchObject({
        position: { seq: world.last },
        trusted: true,
      })
    }),
    examples(5_000),
  )
  // The property would hold for a subscriber that never trusts.
  expect(trusted).toBeGreaterThan(0)
})
