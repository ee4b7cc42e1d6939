import { describe, expect, test } from 'vitest'
import {
  assessInstance,
  type CutoverInstance,
  type MirrorPublication,
  startInstance,
  stepInstance,
} from '../../../src/core/cutover/instance.ts'
import type { PhaseRecord } from '../../../src/core/cutover/record.ts'
import { makeRecord } from './records.ts'

const LEASE = 10
const renew = (state: CutoverInstance, at: number): CutoverInstance =>
  stepInstance(state, { type: 'renew', at, leaseMs: LEASE })[0]
const readFile = (state: CutoverInstance, record: PhaseRecord, intent: number | null = null) =>
  stepInstance(state, {
    type: 'renewed_file',
    counter: state.counter,
    record,
    intent: intent === null ? null : { epoch: intent, phase: 'db_authoritative' },
  })[0]
interface DatabaseReading {
  readonly record: PhaseRecord | null
  readonly counter?: number
  readonly identity?: string
  readonly publication?: MirrorPublication | null
}
const readDatabase = (state: CutoverInstance, reading: DatabaseReading) =>
  stepInstance(state, {
    type: 'renewed_database',
    counter: state.counter,
    server: 's1',
    identity: 'db1',
    publication: null,
    ...reading,
  })[0]
const assess = (state: CutoverInstance, at: number, writes = false) =>
  assessInstance(state, { at, leaseMs: LEASE, writes, behind: false })
const publication = (change: Partial<MirrorPublication> = {}): MirrorPublication => ({
  epoch: 1,
  server: 's1',
  seq: 1,
  counters: { a: 1 },
  ...change,
})

describe('a renewal', () => {
  test('goes to both places on the file host, elsewhere to the database', () => {
    const event = { type: 'renew', at: 0, leaseMs: LEASE } as const
    const effects = (onFileHost: boolean) => stepInstance(startInstance('a', onFileHost), event)[1]
    expect(effects(true)).toEqual([
      { do: 'renew_file', counter: 1 },
      { do: 'renew_database', counter: 1 },
    ])
    expect(effects(false)).toEqual([{ do: 'renew_database', counter: 1 }])
  })
  test('the counter grows, also after a lease without one', () => {
    const state = renew(renew(renew(startInstance('a', true), 0), 1), 90)
    expect(state).toMatchObject({ counter: 3, sent: [{ counter: 3, at: 90 }] })
  })
  test('one that was sent more than a lease ago is no lease', () => {
    const old = renew(startInstance('a', true), 0)
    const late = readFile({ ...renew(old, 50), counter: 1 }, makeRecord())
    expect(late.fileLeaseAt).toBeNull()
    expect(
      readDatabase({ ...late, counter: 1 }, { record: makeRecord() }).databaseLeaseAt,
    ).toBeNull()
  })
})

describe('the record that an instance holds', () => {
  test('is the one with the highest epoch that it has read', () => {
    const state = readFile(renew(startInstance('a', true), 0), makeRecord({ epoch: 3 }))
    expect(readFile(state, makeRecord({ epoch: 2 })).record?.epoch).toBe(3)
    expect(readFile(state, makeRecord({ epoch: 4 })).record?.epoch).toBe(4)
  })
  test('on the file host is never that of the database', () => {
    const record = makeRecord({ epoch: 9 })
    const here = readDatabase(renew(startInstance('a', true), 0), { record })
    const elsewhere = readDatabase(renew(startInstance('o', false), 0), { record })
    expect([here.record, elsewhere.record]).toEqual([null, record])
  })
  test('is not that of a copy, which names the database that it was copied from', () => {
    const record = makeRecord({ database: 'db0' })
    expect(readDatabase(renew(startInstance('o', false), 0), { record }).record).toBeNull()
  })
})

describe('what an instance may do', () => {
  const onFile = (record: PhaseRecord, intent: number | null = null) =>
    readFile(renew(startInstance('a', true), 0), record, intent)
  const elsewhere = (record: PhaseRecord, published: MirrorPublication | null) =>
    readDatabase(renew(startInstance('a', false), 0), { record, publication: published })
  const served = makeRecord({ phase: 'db_authoritative' })

  test.each<[string, CutoverInstance, number, boolean, string | null]>([
    ['nothing without a record', startInstance('a', true), 0, true, 'no_record'],
    [
      'nothing in a database that was left',
      elsewhere(makeRecord({ closed: true }), null),
      0,
      true,
      'no_record',
    ],
    [
      'nothing elsewhere in a phase of the file',
      elsewhere(makeRecord(), null),
      0,
      true,
      'not_on_file_host',
    ],
    ['nothing after its lease', onFile(makeRecord()), LEASE, true, 'lease_over'],
    ['decisions beside the writer', onFile(makeRecord()), 9, false, 'not_writer'],
    [
      'nothing while an intent stands without the database',
      onFile(makeRecord(), 2),
      0,
      true,
      'in_doubt',
    ],
    ['all with consent', elsewhere(served, publication()), 9, false, null],
    [
      'nothing once the consent has run out',
      elsewhere(served, publication()),
      LEASE,
      true,
      'lease_over',
    ],
    ['nothing without a publication', elsewhere(served, null), 0, true, 'no_consent'],
    [
      'nothing by a publication of another epoch',
      elsewhere(served, publication({ epoch: 0 })),
      0,
      true,
      'no_consent',
    ],
    [
      'nothing by one on another server',
      elsewhere(served, publication({ server: 's0' })),
      0,
      true,
      'no_consent',
    ],
    [
      'nothing by one for others',
      elsewhere(served, publication({ counters: {} })),
      0,
      true,
      'no_consent',
    ],
    [
      'nothing by one of a renewal long ago',
      elsewhere(served, publication({ counters: { a: 7 } })),
      0,
      true,
      'no_consent',
    ],
    ['all in complete', elsewhere(makeRecord({ phase: 'complete' }), null), 0, false, null],
  ])('%s', (_what, state, at, stale, refusal) => {
    expect(assess(state, at)).toEqual({ stale, refusal })
  })
  test('nothing while its authority lacks what it has served', () => {
    const moment = { at: 0, leaseMs: LEASE, writes: true, behind: true }
    expect(assessInstance(onFile(makeRecord()), moment)).toEqual({ stale: true, refusal: 'behind' })
  })
  test('the writer writes', () => {
    expect(assess(onFile(makeRecord()), 0, true)).toEqual({ stale: false, refusal: null })
  })
  test('an intent does not matter while the database answers', () => {
    const state = readDatabase(onFile(makeRecord({ phase: 'shadow_read' }), 2), {
      record: makeRecord({ phase: 'shadow_read' }),
    })
    expect(assess(state, 0, true)).toEqual({ stale: false, refusal: null })
  })
  test.each([
    ['lacks the record', makeRecord({ epoch: 0, phase: 'db_authoritative' })],
    ['was left', makeRecord({ epoch: 5, closed: true })],
    ['has none', null],
    ['is a copy of it', makeRecord({ phase: 'db_authoritative', database: 'db0' })],
  ])('a database that %s is no lease', (_what, record) => {
    const held = { ...elsewhere(served, publication()), onFileHost: true }
    expect(readDatabase(held, { record, publication: publication() }).databaseLeaseAt).toBeNull()
  })
  test('a database of another cutover is no lease', () => {
    const other = makeRecord({ epoch: 9, phase: 'complete', database: 'db2' })
    const here = readFile(renew(startInstance('a', true), 0), makeRecord({ phase: 'complete' }))
    const state = readDatabase(here, { record: other, identity: 'db2' })
    expect(state.databaseLeaseAt).toBeNull()
    expect(readDatabase(here, { record: makeRecord({ phase: 'complete' }) }).databaseLeaseAt).toBe(
      0,
    )
  })
})
