import { describe, expect, test } from 'vitest'
import {
  appendToChain,
  type AuditChainHead,
  type AuditRecord,
  EMPTY_HEAD,
  serializeRecord,
} from '../../../src/core/audit/record.ts'
import type { SinkStatus } from '../../../src/core/audit/sink.ts'
import type { CheckReport } from '../../../src/core/report/types.ts'
import type { TopicMessage } from '../../../src/core/shipping/reconcile.ts'
import { reconcileDelivery, type ReconcileRequest } from '../../../src/features/audit/reconcile.ts'
import type { AuditTrail, SinkPlace } from '../../../src/ports/audit.ts'
import type { PartitionSpan, TopicReader } from '../../../src/ports/topic.ts'
import { NOW, sha256 } from '../../core/builders.ts'
import { ROOT } from '../../support/run-ff.ts'
import { toAdapters } from '../probes/context.ts'

const TOPIC = 'ptt.audit.trail'
interface Row {
  readonly record: AuditRecord
  readonly status: SinkStatus
  readonly place: SinkPlace | null
}

/** A table whose records were delivered to one partition, each at its number less one. */
function makeTable(count: number, actor = 'ops.bob'): Row[] {
  const rows: Row[] = []
  for (let at = 0; at < count; at += 1) {
    const event = {
      audit_id: `019bbf2e-0000-7000-8000-${String(at).padStart(12, '0')}`,
      occurred_at: NOW,
      actor,
      auth_mode: null,
      action: 'flag.put',
      outcome: 'applied',
      target: `flag/ff.n${at % 3}`,
      before: null,
      after: null,
      request_id: 'r',
      approval_ref: null,
      phase: 'file',
    } as const
    const record = appendToChain(event, rows.at(-1)?.record ?? EMPTY_HEAD, sha256)
    rows.push({ record, status: 'delivered', place: { topic: TOPIC, partition: 0, offset: at } })
  }
  return rows
}
const toMessages = (rows: readonly Row[]): TopicMessage[] =>
  rows.map(({ record, place }) => ({
    partition: 0,
    offset: place?.offset ?? 0,
    key: record.target,
    audit_id: record.audit_id,
    body: serializeRecord(record),
  }))

interface World {
  rows: readonly (Row | null)[]
  messages: readonly TopicMessage[]
  spans: readonly PartitionSpan[]
  from?: ReconcileRequest['from']
  /** The head that the store keeps; by default the last record. */
  head?: AuditChainHead
  /** Called at each reading of the spans, counted from 1, before they are given. */
  atSpans?: (count: number, world: World) => void
}
const openTrail = (world: World): AuditTrail => ({
  facts: { target: 'x', backing: 'db', server: null },
  read: (after, use) => {
    const rows = world.rows
    const held = new Map(rows.flatMap((row) => (row === null ? [] : [[row.record.seq, row]])))
    return use({
      said: { head: world.head ?? rows.at(-1)?.record ?? EMPTY_HEAD, as: 'end' },
      records: (async function* () {
        for (const row of rows)
          if (row === null || row.record.seq > after) yield row?.record ?? null
      })(),
      sinkStatus: (seq) => held.get(seq)?.status ?? 'pending',
      sinkPlace: (seq) => held.get(seq)?.place ?? null,
    })
  },
  close: () => Promise.resolve(),
})
function openReader(world: World): TopicReader {
  let asked = 0
  return {
    spans: () => {
      asked += 1
      world.atSpans?.(asked, world)
      return Promise.resolve(world.spans)
    },
    read: (spans, take) => {
      const isWanted = ({ partition, offset }: TopicMessage): boolean =>
        spans.some((one) => one.partition === partition && offset >= one.first && offset < one.end)
      world.messages.filter(isWanted).forEach(take)
      return Promise.resolve()
    },
    close: () => Promise.resolve(),
  }
}
const reconcile = (world: World): Promise<CheckReport> =>
  reconcileDelivery({
    root: ROOT,
    target: { kind: 'file', folder: 'x' },
    kafka: { brokers: [], topic: TOPIC, send_ms: 1, tls: null, sasl: null },
    from: world.from ?? 0,
    adapters: toAdapters({
      openTrail: () => Promise.resolve(openTrail(world)),
      openTopicReader: () => Promise.resolve(openReader(world)),
    }),
    signal: new AbortController().signal,
    progress: () => undefined,
  })
/** The exit, and the codes of the items that have one. */
const outcome = ({ exitName, items }: CheckReport) => [
  exitName,
  Object.fromEntries(items.flatMap(({ id, codes }) => (codes.length > 0 ? [[id, codes]] : []))),
]

const TABLE = makeTable(9)
const toOtherTopic = TABLE.map((row, at) =>
  at === 0 ? { ...row, place: { topic: 'x', partition: 0, offset: 0 } } : row,
)
/** Another record in place of one, under the hash of the former. */
const falsify = (rows: readonly Row[], at: number): Row[] =>
  rows.map((row, index) =>
    index === at ? { ...row, record: { ...row.record, actor: 'mallory' } } : row,
  )
const WHOLE: World = {
  rows: TABLE,
  messages: toMessages(TABLE),
  spans: [{ partition: 0, first: 0, end: 9 }],
}

describe('a topic and its table', () => {
  test('are equal', async () => {
    const report = await reconcile(WHOLE)
    expect(outcome(report)).toEqual(['ok', {}])
    expect(report.items.map(({ title }) => title)).toEqual([
      '9 records',
      `${TOPIC}: 9 messages in 1 partitions`,
      '9 delivered records, 9 records read, 0 repeated messages',
      'no records wait',
    ])
  })

  test.each<[string, Partial<World>, string, Record<string, readonly string[]>]>([
    [
      'a message is missing',
      { messages: WHOLE.messages.slice(1) },
      'no_go',
      { records: ['record_missing'] },
    ],
    [
      'a message is altered',
      { messages: WHOLE.messages.map((one, at) => (at === 4 ? { ...one, key: 'x' } : one)) },
      'no_go',
      { records: ['record_altered'] },
    ],
    [
      'the topic is empty',
      { messages: [], spans: [{ partition: 0, first: 0, end: 0 }] },
      'no_go',
      { topic: ['topic_empty'], records: ['record_missing'] },
    ],
    [
      'the topic has no partition',
      { messages: [], spans: [] },
      'no_go',
      { topic: ['topic_empty'], records: ['record_missing'] },
    ],
    [
      'nothing is delivered yet',
      {
        rows: TABLE.map((row) => ({ ...row, status: 'pending', place: null })),
        messages: [],
        spans: [{ partition: 0, first: 0, end: 0 }],
      },
      'inconclusive',
      { topic: ['topic_empty'], records: ['nothing_compared'], undelivered: ['records_pending'] },
    ],
    [
      'both are empty',
      { rows: [], messages: [], spans: [{ partition: 0, first: 0, end: 0 }] },
      'inconclusive',
      { table: ['audit_empty'], topic: ['topic_empty'], records: ['nothing_compared'] },
    ],
    [
      'the table is empty, and the topic is not',
      { rows: [] },
      'no_go',
      { table: ['audit_empty'], records: ['record_unknown'] },
    ],
    [
      'the last ones wait, and one is failed',
      {
        rows: TABLE.map((row, at) =>
          at < 7 ? row : { ...row, status: at === 7 ? 'failed' : 'pending', place: null },
        ),
        messages: WHOLE.messages.slice(0, 7),
        spans: [{ partition: 0, first: 0, end: 7 }],
      },
      'not_ready',
      { undelivered: ['records_pending', 'records_failed'] },
    ],
    [
      'the start of the topic was deleted',
      { messages: WHOLE.messages.slice(3), spans: [{ partition: 0, first: 3, end: 9 }] },
      'inconclusive',
      { topic: ['topic_start_deleted'] },
    ],
    [
      'the start was deleted, and what is kept is asked for',
      {
        messages: WHOLE.messages.slice(3),
        spans: [{ partition: 0, first: 3, end: 9 }],
        from: 'earliest',
      },
      'ok',
      {},
    ],
    ['a part is asked for', { from: 5 }, 'ok', {}],
    [
      'a part is asked for, of which one is missing',
      { from: 5, messages: WHOLE.messages.slice(0, 8) },
      'no_go',
      { records: ['record_missing'] },
    ],
    [
      'a part behind the end is asked for',
      { from: 20 },
      'inconclusive',
      { topic: ['topic_empty'], records: ['nothing_compared'] },
    ],
    [
      'the records went to another topic',
      {
        rows: TABLE.map((row) => ({ ...row, place: { topic: 'x', partition: 0, offset: 0 } })),
        messages: [],
        spans: [{ partition: 0, first: 0, end: 0 }],
      },
      'inconclusive',
      { topic: ['topic_empty'], records: ['nothing_compared'] },
    ],
    [
      'one record went to another topic',
      { rows: toOtherTopic, messages: WHOLE.messages.slice(1) },
      'inconclusive',
      { topic: ['topic_changed'] },
    ],
    [
      'one record went to another topic, and what this one keeps is asked for',
      { rows: toOtherTopic, messages: WHOLE.messages.slice(1), from: 'earliest' },
      'ok',
      {},
    ],
    ['the store says no places', { rows: TABLE.map((row) => ({ ...row, place: null })) }, 'ok', {}],
    [
      'the store says no places, and a part is asked for',
      { rows: TABLE.map((row) => ({ ...row, place: null })), from: 5 },
      'inconclusive',
      { topic: ['place_unknown'], records: ['nothing_compared'] },
    ],
  ])('where %s', async (_what, change, exit, codes) => {
    expect(outcome(await reconcile({ ...WHOLE, ...change }))).toEqual([exit, codes])
  })

  test('may both grow meanwhile', async () => {
    const world: World = {
      ...WHOLE,
      rows: TABLE.slice(0, 6),
      messages: WHOLE.messages.slice(0, 6),
      spans: [{ partition: 0, first: 0, end: 6 }],
      atSpans: (count, grown) => {
        // The second time is after the table was read.
        if (count === 2) Object.assign(grown, WHOLE)
      },
    }
    const report = await reconcile(world)
    expect(outcome(report)).toEqual(['ok', {}])
    expect(report.items[2]?.title).toBe('6 delivered records, 9 records read, 0 repeated messages')
  })

  test('say which partitions begin late', async () => {
    const spans = [0, 1, 2, 3].map((partition) => ({
      partition,
      first: 3,
      end: partition === 0 ? 9 : 3,
    }))
    const messages = WHOLE.messages.slice(3)
    const { items } = await reconcile({ ...WHOLE, messages, spans })
    expect(items[1]?.title).toContain(
      'partition 0 begins at 3, partition 1 begins at 3, partition 2 begins at 3, 3 records',
    )
  })
})

describe('a reading is refused', () => {
  test.each<[string, Partial<World>, string]>([
    [
      'where a record of the table is missing',
      { rows: TABLE.filter((_, at) => at !== 4) },
      'audit_altered',
    ],
    [
      'where a record of the table was altered, and its hash was not',
      { rows: falsify(TABLE, 4) },
      'audit_altered',
    ],
    [
      'where the last records of the table are missing',
      { rows: TABLE.slice(0, 7), head: TABLE.at(-1)?.record ?? EMPTY_HEAD },
      'audit_altered',
    ],
    [
      'where the table goes on behind its head',
      { head: TABLE[6]?.record ?? EMPTY_HEAD },
      'audit_altered',
    ],
    [
      'where the head of the table has another hash',
      { head: { ...EMPTY_HEAD, seq: 9 } },
      'audit_altered',
    ],
    [
      'where the table was written anew while it was read',
      {
        rows: TABLE.slice(0, 6),
        atSpans: (count, world) => {
          if (count === 2) world.rows = makeTable(9, 'mallory')
        },
      },
      'audit_altered',
    ],
    ['where an entry of the table is no record', { rows: [null, ...TABLE] }, 'audit_altered'],
    [
      'where messages are deleted meanwhile',
      {
        atSpans: (count, world) => {
          if (count === 3) world.spans = [{ partition: 0, first: 1, end: 9 }]
        },
      },
      'proof_inconclusive',
    ],
    [
      'where a partition vanishes meanwhile',
      {
        atSpans: (count, world) => {
          if (count === 3) world.spans = []
        },
      },
      'proof_inconclusive',
    ],
  ])('%s', async (_what, change, code) => {
    await expect(reconcile({ ...WHOLE, ...change })).rejects.toMatchObject({ code })
  })
})
