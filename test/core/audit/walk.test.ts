import { describe, expect, test } from 'vitest'
import {
  type AuditRecord,
  appendToChain,
  EMPTY_HEAD,
  hashRecord,
  type Sha256,
} from '../../../src/core/audit/record.ts'
import { ChainWalk } from '../../../src/core/audit/walk.ts'
import { NOW, sha256 } from '../builders.ts'

const record = (request_id: string, head = EMPTY_HEAD): AuditRecord =>
  appendToChain(
    {
      audit_id: '019bbf2e-0000-7000-8000-000000000001',
      occurred_at: NOW,
      actor: 'ops.bob',
      auth_mode: 'verified',
      action: 'flag.put',
      outcome: 'refused',
      target: 'flag/ff.a',
      before: null,
      after: null,
      request_id,
      approval_ref: null,
      phase: 'file',
    },
    head,
    sha256,
  )
const CHAIN = Array.from({ length: 6 }).reduce<AuditRecord[]>(
  (all, _, at) => [...all, record(`r-${at}`, all.at(-1) ?? EMPTY_HEAD)],
  [],
)
const at = (seq: number): AuditRecord => CHAIN[seq - 1] as AuditRecord
const rehashed = (changed: AuditRecord, by: Sha256 = sha256): AuditRecord => {
  const { hash: _, ...hashed } = changed
  return { ...changed, hash: hashRecord(hashed, by) }
}
function walked(
  records: readonly (AuditRecord | null)[],
  way?: ConstructorParameters<typeof ChainWalk>[1],
): ChainWalk {
  const walk = new ChainWalk(sha256, way)
  for (const one of records) walk.take(one)
  return walk
}
const findFault = (records: readonly (AuditRecord | null)[]): unknown => {
  const { fault } = walked(records)
  return fault === null ? null : [fault.code, fault.seq]
}
const [one, two, three, four, five, six] = CHAIN as [
  AuditRecord,
  AuditRecord,
  AuditRecord,
  AuditRecord,
  AuditRecord,
  AuditRecord,
]

describe('a walk', () => {
  test('over a whole chain ends without a fault', () => {
    const walk = walked(CHAIN)
    expect([walk.fault, walk.head]).toStrictEqual([null, { seq: 6, hash: at(6).hash }])
  })

  test('tells after each record whether the chain is valid so far', () => {
    const walk = new ChainWalk(sha256)
    expect([one, three, four].map((next) => walk.take(next))).toStrictEqual([true, false, false])
  })

  test('from a head starts with the next record', () => {
    const from = { seq: 3, hash: at(3).hash }
    expect(walked([four, five], { from }).fault).toBeNull()
    expect(walked([five], { from }).fault).toMatchObject({ code: 'audit_dropped', seq: 4 })
  })

  const FORGED = rehashed({ ...three, actor: 'mallory' })
  test.each<[string, readonly (AuditRecord | null)[], unknown]>([
    ['a member was changed', [one, two, { ...three, actor: 'x' }, four], ['audit_changed', 3]],
    ['the first record was changed', [{ ...one, phase: 'db' }, two], ['audit_changed', 1]],
    ['a record is unreadable', [one, two, null, four], ['audit_changed', 3]],
    [
      'a record was changed and its hash recomputed',
      [one, two, FORGED, four, five],
      ['audit_changed', 3],
    ],
    [
      'the first record has a predecessor',
      [rehashed({ ...one, prev_hash: '1'.repeat(64) })],
      ['audit_changed', 1],
    ],
    ['the first record is missing', [two, three, four], ['audit_dropped', 1]],
    ['one record is missing', [one, two, four, five], ['audit_dropped', 3]],
    ['several records are missing', [one, five, six], ['audit_dropped', 2]],
    [
      'one record is missing and the next was changed',
      [one, { ...three, actor: 'x' }],
      ['audit_dropped', 2],
    ],
    ['two records were swapped', [one, three, two, four], ['audit_reordered', 2]],
    [
      'two records swapped their numbers',
      [one, { ...three, seq: 2 }, { ...two, seq: 3 }],
      ['audit_reordered', 2],
    ],
    ['a record was moved to the end', [one, three, four, five, two], ['audit_reordered', 2]],
    ['a record is repeated', [one, two, two, three], ['audit_reordered', 3]],
    ['a record is repeated at the end', [one, two, one], ['audit_reordered', 1]],
    ['a record precedes the first', [{ ...one, seq: 0 }, one, two], ['audit_reordered', 1]],
  ])('reports the first fault: %s', (_what, records, fault) => {
    expect(findFault(records)).toStrictEqual(fault)
  })

  test.each<[string, readonly (AuditRecord | null)[]]>([
    ['record 2 is not a readable record', [one, null]],
    ['record 2 is missing: record 4 follows instead', [one, four]],
    ['record 1 stands in the place of record 3', [one, two, one]],
    ['record 2 does not match its hash', [one, { ...two, actor: 'x' }]],
    ['record 1 does not match its hash', [rehashed({ ...one, prev_hash: '1'.repeat(64) })]],
    ['record 3 was changed and its hash recomputed', [one, two, FORGED, four]],
    ['record 2 stands further on', [one, three, two]],
    ['record 2 stands as 3', [one, { ...three, seq: 2 }, { ...two, seq: 3 }]],
  ])('says which record it means: %s', (detail, records) => {
    expect(walked(records).fault?.detail).toBe(detail)
  })

  test('reports no fault after the first', () => {
    const walk = walked([one, { ...two, actor: 'x' }, three, null, six])
    expect(walk.fault).toMatchObject({ code: 'audit_changed', seq: 2 })
    expect(walk.head.seq).toBe(1)
  })

  test('tells whether the chain contains a head', () => {
    const mark = (seq: number, hash = at(seq).hash) => ({ seq, hash })
    const marks = [EMPTY_HEAD, mark(2), mark(4, 'f'.repeat(64)), { seq: 7, hash: at(6).hash }]
    const walk = walked(CHAIN, { marks })
    expect(marks.map((one) => walk.findPlace(one))).toStrictEqual([
      'held',
      'held',
      'differs',
      'cut',
    ])
  })
})
