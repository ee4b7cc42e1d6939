import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  appendToChain,
  type AuditRecord,
  EMPTY_HEAD,
  serializeRecord,
} from '../../../src/core/audit/record.ts'
import {
  type DeliveryDue,
  type TopicFault,
  DeliveryLedger,
  type Reconciliation,
  type TopicMessage,
} from '../../../src/core/shipping/reconcile.ts'
import { examples } from '../../support/scale.ts'
import { NOW, sha256 } from '../builders.ts'

/** A chain of records with these targets. */
function chain(targets: readonly string[]): AuditRecord[] {
  const records: AuditRecord[] = []
  for (const [at, target] of targets.entries()) {
    const event = {
      audit_id: `019bbf2e-0000-7000-8000-${String(at).padStart(12, '0')}`,
      occurred_at: NOW,
      actor: 'ops.bob',
      auth_mode: 'verified',
      action: 'flag.put',
      outcome: 'applied',
      target,
      before: null,
      after: null,
      request_id: `req-${at}`,
      approval_ref: null,
      phase: 'file',
    } as const
    records.push(appendToChain(event, records.at(-1) ?? EMPTY_HEAD, sha256))
  }
  return records
}

const toMessage = (record: AuditRecord, offset: number, partition = 0): TopicMessage => ({
  partition,
  offset,
  key: record.target,
  audit_id: record.audit_id,
  body: serializeRecord(record),
})
const toTopic = (records: readonly AuditRecord[]): TopicMessage[] =>
  records.map((one, offset) => toMessage(one, offset))

function reconcile(
  table: readonly AuditRecord[],
  topic: readonly TopicMessage[],
  getDue: (record: AuditRecord) => DeliveryDue = () => 'due',
): Reconciliation {
  const ledger = new DeliveryLedger(sha256)
  for (const one of table) expect(ledger.add(one, getDue(one))).toBe(true)
  for (const one of topic) ledger.take(one)
  return ledger.judge()
}
const faultsOf = ({ faults }: Reconciliation): Partial<Record<TopicFault, number>> =>
  Object.fromEntries(
    Object.entries(faults).flatMap(([name, { count }]) => (count === 0 ? [] : [[name, count]])),
  )

const TABLE = chain(['flag/ff.a', 'flag/ff.b', 'flag/ff.a', 'flag/ff.c', 'flag/ff.b', 'flag/ff.a'])
const [A1, B1, A2, C1, B2, A3] = TABLE as [
  AuditRecord,
  AuditRecord,
  AuditRecord,
  AuditRecord,
  AuditRecord,
  AuditRecord,
]
const FOREIGN = chain(['flag/ff.x', 'flag/ff.y', 'flag/ff.x']).map((one) => ({
  ...one,
  audit_id: one.audit_id.replace('019b', '119b'),
}))

describe('a topic that holds every record', () => {
  test('has no fault', () => {
    expect(reconcile(TABLE, toTopic(TABLE))).toMatchObject({
      records: { due: 6, open: 0, outside: 0 },
      messages: 6,
      distinct: 6,
      repeated: 0,
    })
    expect(faultsOf(reconcile(TABLE, toTopic(TABLE)))).toEqual({})
  })

  test('may repeat records, also behind later ones, and is told so', () => {
    const found = reconcile(TABLE, toTopic([A1, A1, B1, A2, A1, C1, B2, A3, A2]))
    expect([faultsOf(found), found.distinct, found.repeated]).toEqual([{}, 6, 3])
  })

  test('counts a record that is there more often than its counter holds', () => {
    const found = reconcile([A1], toTopic(Array.from({ length: 300 }, () => A1)))
    expect([faultsOf(found), found.distinct, found.repeated]).toEqual([{}, 1, 299])
  })

  test('has its targets in any order, over several partitions', () => {
    const topic = [
      toMessage(B1, 7, 1),
      toMessage(B2, 9, 1),
      toMessage(A1, 0),
      toMessage(A2, 4),
      toMessage(A3, 5),
      toMessage(C1, 3, 2),
    ]
    expect(faultsOf(reconcile(TABLE, topic))).toEqual({})
  })

  test('is compared beyond the first capacity', () => {
    const many = chain(Array.from({ length: 2_100 }, (_, at) => `flag/ff.n${at % 7}`))
    const found = reconcile(many, toTopic(many))
    expect([faultsOf(found), found.distinct]).toEqual([{}, 2_100])
  })
})

describe('a planted fault', () => {
  test.each<[string, readonly TopicMessage[], Partial<Record<TopicFault, number>>]>([
    ['a record is missing', toTopic([A1, B1, C1, B2, A3]), { record_missing: 1 }],
    ['the topic is empty', [], { record_missing: 6 }],
    ['two of a target change places', toTopic([A2, A1, B1, C1, B2, A3]), { record_reordered: 1 }],
    ['the last comes first', toTopic([A3, A1, A2, B1, B2, C1]), { record_reordered: 1 }],
    [
      'the one between is missing too',
      toTopic([A3, A1, B1, B2, C1]),
      { record_missing: 1, record_reordered: 1 },
    ],
    [
      'one of a target is in another partition',
      [toMessage(A3, 9, 1), ...toTopic([A1, B1, A2, C1, B2])],
      { record_reordered: 1 },
    ],
    [
      'a member is altered',
      [
        ...toTopic(TABLE.slice(1)),
        { ...toMessage(A1, 9), body: serializeRecord({ ...A1, actor: 'eve' }) },
      ],
      { record_altered: 1, record_reordered: 2 },
    ],
    [
      'the hash is altered too',
      [toMessage({ ...A1, hash: B1.hash }, 0), ...toTopic(TABLE).slice(1)],
      { record_altered: 1 },
    ],
    [
      'the key is another',
      [{ ...toMessage(A1, 0), key: 'flag/ff.b' }, ...toTopic(TABLE).slice(1)],
      { record_altered: 1 },
    ],
    [
      'the key is missing',
      [{ ...toMessage(A1, 0), key: null }, ...toTopic(TABLE).slice(1)],
      { record_altered: 1 },
    ],
    [
      'the header is another',
      [{ ...toMessage(A1, 0), audit_id: B1.audit_id }, ...toTopic(TABLE).slice(1)],
      { record_altered: 1 },
    ],
    [
      'a record of another table',
      [...toTopic(TABLE), ...FOREIGN.map((one) => toMessage(one, 9))],
      { record_unknown: 3 },
    ],
    [
      'a record behind the end of the table',
      [...toTopic(TABLE), toMessage({ ...A1, seq: 7 }, 9), toMessage({ ...A1, seq: 0 }, 10)],
      { record_unknown: 2 },
    ],
    [
      'a message is no record',
      [...toTopic(TABLE), ...[null, 'x', '{}'].map((body) => ({ ...toMessage(A1, 9), body }))],
      { message_unreadable: 3 },
    ],
  ])('is found: %s', (_what, topic, faults) => {
    expect(faultsOf(reconcile(TABLE, topic))).toEqual(faults)
  })

  test('names the record and its place', () => {
    const { faults } = reconcile(TABLE, [
      ...toTopic([A1, B1, A2, C1, B2]),
      toMessage({ ...A3, actor: 'eve' }, 17, 3),
    ])
    expect(faults.record_altered.examples).toEqual([
      'record 6 of flag/ff.a, offset 17 of partition 3',
    ])
    expect(faults.record_reordered.examples).toEqual(['record 6 and record 3'])
  })

  test('is counted to the last, and the first ten are named', () => {
    const many = chain(Array.from({ length: 50 }, () => 'flag/ff.a'))
    const { record_missing } = reconcile(many, []).faults
    expect([record_missing.count, record_missing.examples.length]).toEqual([50, 10])
  })
})

describe('a record', () => {
  test('that is not delivered may be in the topic or not', () => {
    const found = reconcile(TABLE, toTopic([A1, B1, A2]), ({ seq }) => (seq <= 2 ? 'due' : 'open'))
    expect([faultsOf(found), found.records]).toEqual([{}, { due: 2, open: 4, outside: 0 }])
  })

  test('outside of what is read is not looked for', () => {
    const found = reconcile(TABLE, toTopic([A2, C1, B2, A3]), ({ seq }) =>
      seq <= 2 ? 'outside' : 'due',
    )
    expect([faultsOf(found), found.records]).toEqual([{}, { due: 4, open: 0, outside: 2 }])
  })

  test('outside of what is read may be repeated in it, behind later ones', () => {
    const found = reconcile(TABLE, toTopic([A2, C1, B2, A1, A3, B1]), ({ seq }) =>
      seq <= 2 ? 'outside' : 'due',
    )
    expect([faultsOf(found), found.distinct]).toEqual([{}, 6])
  })

  test('is added in the order of the chain alone', () => {
    const ledger = new DeliveryLedger(sha256)
    expect([ledger.add(B1, 'due'), ledger.last]).toEqual([false, 0])
    expect([ledger.add(A1, 'due'), ledger.add(A1, 'due'), ledger.last]).toEqual([true, false, 1])
  })
})

/** The rules in the most simple words: lists, and no bound of memory. */
function reconcileNaively(table: readonly AuditRecord[], topic: readonly TopicMessage[]) {
  const first = table.map(({ seq }) =>
    topic.findIndex(({ body }) => (JSON.parse(body ?? '') as AuditRecord).seq === seq),
  )
  const reordered = table.filter(({ target }, at) => {
    const earlier = table
      .slice(0, at)
      .flatMap((one, place) => (one.target === target ? [first[place] as number] : []))
    return (first[at] as number) >= 0 && earlier.some((place) => place > (first[at] as number))
  })
  const faults = {
    record_missing: first.filter((place) => place < 0).length,
    record_reordered: reordered.length,
  }
  return Object.fromEntries(Object.entries(faults).filter(([, count]) => count > 0))
}

test('any topic has the faults that the rules in simple words find', () => {
  const table = chain(Array.from({ length: 12 }, (_, at) => `flag/ff.${'abc'[at % 3]}`))
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...table), { maxLength: 30 }), (picked) => {
      const topic = toTopic(picked)
      expect(faultsOf(reconcile(table, topic))).toEqual(reconcileNaively(table, topic))
    }),
    examples(1_000),
  )
})
