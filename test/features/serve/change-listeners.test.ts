import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { STALENESS_MS } from '../../../src/core/feed/subscriber.ts'
import { ChangeListeners } from '../../../src/features/serve/change-listeners.ts'

const sink = () => {
  const got: string[] = []
  let closed = 0
  return {
    got,
    closed: () => closed,
    write: (text: string) => void got.push(text),
    close: () => void (closed += 1),
  }
}
const ids = (got: readonly string[]): readonly (string | undefined)[] =>
  got.map((text) => /^id: (\S+)/.exec(text)?.[1])
const NEWEST = { peer: '127.0.0.1', lastEventId: '0.0-7', endsAfterMs: null }
const EPOCH = { cutover: 0, operator: 0 }

let changes: ChangeListeners
beforeEach(() => {
  vi.useFakeTimers()
  changes = new ChangeListeners({ all: 3, per_peer: 2 }, 7)
})
afterEach(() => {
  changes.close()
  vi.useRealTimers()
})
const turn = (): unknown => vi.advanceTimersByTime(1)

describe('clients that listen for changes', () => {
  test('get one event for the changes of a turn, which says the last number and nothing else', () => {
    const one = sink()
    changes.add(one, NEWEST)
    for (const seq of [8, 9, 11])
      changes.apply({ seq, prev: 0, kind: 'flag', target: 'flag/ff.secret' })
    turn()
    expect(one.got).toEqual([
      'id: 0.0-11\nevent: message\ndata: {"type":"refetchEvaluation","seq":11}\n\n',
    ])
  })
  test('get each burst once more after the bound of staleness', () => {
    const one = sink()
    changes.add(one, NEWEST)
    changes.changed(8)
    vi.advanceTimersByTime(STALENESS_MS - 1)
    changes.changed(9)
    vi.advanceTimersByTime(STALENESS_MS - 1)
    expect(ids(one.got)).toEqual(['0.0-8', '0.0-9'])
    turn()
    expect(ids(one.got)).toEqual(['0.0-8', '0.0-9', '0.0-9'])
  })
  test('get no event for a change that was announced, and one for another epoch', () => {
    const one = sink()
    changes.add(one, NEWEST)
    changes.changed(9)
    turn()
    changes.apply({ seq: 9, prev: 8, kind: 'flag', target: 'flag/ff.x' })
    turn()
    changes.reset({ epoch: { ...EPOCH, operator: 12 }, seq: 12 })
    turn()
    expect(ids(one.got)).toEqual(['0.0-9', '0.12-12'])
  })
  test('get an event for a database that was restored, also where its number is the same again', () => {
    const [one, again] = [sink(), sink()]
    changes.add(one, NEWEST)
    changes.reset({ epoch: EPOCH, seq: 7, database: 'aa' })
    turn()
    changes.reset({ epoch: EPOCH, seq: 7, database: 'bb' })
    turn()
    changes.add(again, { ...NEWEST, lastEventId: '0.0.aa-7' })
    expect([ids(one.got), ids(again.got)]).toEqual([['0.0.aa-7', '0.0.bb-7'], ['0.0.bb-7']])
  })
  test.each([
    [null, ['0.0-7']],
    ['0.0-7', []],
    ['0.0-6', ['0.0-7']],
    ['0.0-8', ['0.0-7']],
    ['0.1-7', ['0.0-7']],
    ['', ['0.0-7']],
    ['whatever\r\nit is', ['0.0-7']],
  ])('that come with the id %j get %j at once', (lastEventId, expected) => {
    const one = sink()
    changes.add(one, { ...NEWEST, lastEventId })
    expect(ids(one.got)).toEqual(expected)
  })
  test('are disconnected when their credential expires, unless they left before', () => {
    const [one, other, last] = [sink(), sink(), sink()]
    changes.add(one, { ...NEWEST, endsAfterMs: 60_000 })
    changes.add(other, { ...NEWEST, endsAfterMs: 60_000 })?.()
    changes.add(last, { ...NEWEST, endsAfterMs: 2 ** 40 })
    vi.advanceTimersByTime(59_999)
    expect(one.closed()).toBe(0)
    turn()
    expect([one.closed(), other.closed(), last.closed()]).toEqual([1, 0, 0])
  })
  test('get a comment every 15 s, until they leave', () => {
    const [one, other] = [sink(), sink()]
    const leave = changes.add(one, NEWEST)
    changes.add(other, NEWEST)
    expect(changes.size).toBe(2)
    vi.advanceTimersByTime(15_000)
    leave?.()
    vi.advanceTimersByTime(30_000)
    expect([one.got, other.got]).toEqual([[':\n\n'], [':\n\n', ':\n\n', ':\n\n']])
    changes.close()
    expect([one.closed(), other.closed()]).toEqual([0, 1])
  })
  test('are at most so many of one address and in all; one more gets nothing', () => {
    const from = (peer: string, to = sink()) =>
      changes.add(to, { ...NEWEST, peer, lastEventId: null })
    const extra = sink()
    const leave = from('a')
    expect([from('a') === null, from('a', extra), from('b') === null]).toEqual([false, null, false])
    expect([from('c', extra), changes.size, extra.got]).toEqual([null, 3, []])
    leave?.()
    // Its connection closes once, whatever is reported.
    leave?.()
    expect([from('a') === null, from('a'), changes.size]).toEqual([false, null, 3])
  })
})
