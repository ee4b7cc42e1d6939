import { describe, expect, test } from 'vitest'
import {
  LONGEST_WAIT_MS,
  nextDelayMs,
  SHORTEST_WAIT_MS,
} from '../../../src/core/shipping/backoff.ts'
import {
  MOST_RECORDS,
  planSend,
  selectSendable,
  settleSend,
} from '../../../src/core/shipping/slot.ts'
import type { SendOutcome, ShipRecord, SinkState } from '../../../src/core/shipping/types.ts'

const record = (seq: number, more: Partial<ShipRecord> = {}): ShipRecord => ({
  seq,
  audit_id: `id-${seq}`,
  target: `flag/ff.${seq}`,
  text: '{}',
  attempts: 0,
  waited_ms: null,
  ...more,
})
const numbers = (records: Iterable<{ readonly seq: number }>): readonly number[] =>
  [...records].map(({ seq }) => seq)
const RULES = { limit: 8, tries: 3, random: () => 0 }

describe('the records that may be sent', () => {
  const held = (seq: number, target: string, sink: Partial<SinkState> = {}) => ({
    seq,
    target,
    sink: { status: 'pending', next_try_ms: null, ...sink } as const,
  })

  test('are all pending ones in their order', () => {
    const records = [held(1, 'a'), held(2, 'b', { status: 'delivered' }), held(3, 'b')]
    expect(numbers(selectSendable(records, 0))).toEqual([1, 3])
  })

  test.each<[string, Partial<SinkState>, readonly number[]]>([
    ['a failed one', { status: 'failed' }, [2, 4]],
    ['one that waits', { next_try_ms: 11 }, [2, 4]],
    ['one whose wait is over', { next_try_ms: 10 }, [1, 2, 3, 4]],
  ])('are not those of the target of %s', (_, sink, sent) => {
    const records = [held(1, 'a', sink), held(2, 'b'), held(3, 'a'), held(4, 'b')]
    expect(numbers(selectSendable(records, 10))).toEqual(sent)
  })
})

describe('a send', () => {
  test.each<[string, readonly ShipRecord[], readonly number[]]>([
    ['of nothing', [], []],
    ['up to the limit', [record(1), record(2), record(3), record(4)], [1, 2, 3]],
    ['that begins with a refused record', [record(1, { attempts: 1 }), record(2)], [1]],
    ['before a refused record', [record(1), record(2, { attempts: 1 }), record(3)], [1]],
    [
      'to the limit before a refused record',
      [record(1), record(2), record(3), record(4), record(5, { attempts: 1 })],
      [1, 2, 3],
    ],
  ])('%s', (_, records, sent) => {
    expect(numbers(planSend(records, 3))).toEqual(sent)
  })
})

describe('the outcome of a send', () => {
  const acked: SendOutcome = { kind: 'acked', partition: 2, offset: 40 }
  const refused: SendOutcome = { kind: 'refused', reason: 'MESSAGE_TOO_LARGE' }
  const unavailable: SendOutcome = { kind: 'unavailable', reason: 'ECONNREFUSED' }

  test('acked: each record is delivered with its own offset, and the next send is larger', () => {
    const records = [record(3), record(5)]
    expect(settleSend([{ records, outcome: acked }], RULES)).toEqual({
      marks: [
        { kind: 'delivered', seq: 3, partition: 2, offset: 40 },
        { kind: 'delivered', seq: 5, partition: 2, offset: 41 },
      ],
      limit: 16,
      suspended: null,
    })
  })

  test('acked: the next send is never larger than the most', () => {
    const settled = settleSend([{ records: [record(1)], outcome: acked }], {
      ...RULES,
      limit: MOST_RECORDS,
    })
    expect(settled.limit).toBe(MOST_RECORDS)
  })

  test('refused: several are marked with nothing and sent again in halves of the smallest group', () => {
    const groups = [
      { records: [1, 2, 3, 4, 5].map((seq) => record(seq)), outcome: refused },
      { records: [6, 7, 8].map((seq) => record(seq)), outcome: refused },
      { records: [record(9)], outcome: acked },
    ]
    expect(settleSend(groups, RULES)).toEqual({
      marks: [{ kind: 'delivered', seq: 9, partition: 2, offset: 40 }],
      limit: 1,
      suspended: null,
    })
  })

  test.each([
    [0, 'waiting', 1],
    [1, 'waiting', 2],
    [2, 'failed', 3],
    [7, 'failed', 8],
  ] as const)('refused: one alone after %i refusals is %s', (before, kind, attempts) => {
    const groups = [{ records: [record(1, { attempts: before })], outcome: refused }]
    const settled = settleSend(groups, RULES)
    const wait = kind === 'waiting' ? { delay_ms: SHORTEST_WAIT_MS } : {}
    const mark = { kind, seq: 1, attempts, reason: 'MESSAGE_TOO_LARGE', ...wait }
    expect(settled).toEqual({ marks: [mark], limit: 16, suspended: null })
  })

  test('unavailable: the first record of each target waits, with its attempts', () => {
    const records = [
      record(1, { target: 'a', attempts: 1 }),
      record(2, { target: 'a' }),
      record(3, { target: 'b' }),
    ]
    const wait = { kind: 'waiting', reason: 'ECONNREFUSED', delay_ms: SHORTEST_WAIT_MS }
    expect(settleSend([{ records, outcome: unavailable }], RULES)).toEqual({
      marks: [
        { ...wait, seq: 1, attempts: 1 },
        { ...wait, seq: 3, attempts: 0 },
      ],
      limit: 16,
      suspended: 'ECONNREFUSED',
    })
  })

  test.each([acked, refused])('unavailable beside $kind: the slot goes on', (outcome) => {
    const groups = [
      { records: [record(1)], outcome: unavailable },
      { records: [record(2)], outcome },
    ]
    expect(settleSend(groups, RULES).suspended).toBeNull()
  })

  test('of nothing changes nothing', () => {
    expect(settleSend([], RULES)).toEqual({ marks: [], limit: 16, suspended: null })
  })

  test('of a group of no record marks nothing', () => {
    const { marks } = settleSend([{ records: [], outcome: refused }], RULES)
    expect(marks).toEqual([])
  })
})

describe('a wait', () => {
  test.each([
    [null, 0, SHORTEST_WAIT_MS],
    [null, 0.5, 1.5 * SHORTEST_WAIT_MS],
    [1_000, 0, SHORTEST_WAIT_MS],
    [1_000, 0.5, 1_750],
    [60_000, 0.9, LONGEST_WAIT_MS],
  ])('after one of %s ms, at random %d, is %d ms', (previous, random, wait) => {
    expect(nextDelayMs(previous, random)).toBe(wait)
  })

  test('grows to the longest, and varies', () => {
    const waits: number[] = []
    let last: number | null = null
    for (let at = 0; at < 12; at += 1) waits.push((last = nextDelayMs(last, 0.99)))
    expect([...waits].sort((a, b) => a - b)).toEqual(waits)
    expect(waits.at(-1)).toBe(LONGEST_WAIT_MS)
  })
})
