import { describe, expect, test } from 'vitest'
import type {
  CutoverReconciliation,
  CutoverStatusDocument,
  CutoverStep,
} from '../../src/core/report/cutover-documents.ts'
import {
  formatCutoverPlan,
  formatCutoverReconciliation,
  formatCutoverStatus,
  formatCutoverStep,
} from '../../src/reports/cutover-text.ts'
import { makeStatus as makeWatchedStatus } from '../core/observe/watch-views.ts'

const HASH = 'a'.repeat(64)
const NEXT = { standing: 'ready', command: 'ff cutover advance' } as const
/** As the watch has it, two changes behind, with no instance and no block. */
const makeStatus = (change: Partial<CutoverStatusDocument> = {}): CutoverStatusDocument => {
  const status = makeWatchedStatus({ lag: { changes: 2 }, instances: [], blocks: [] })
  const { database } = status
  return { ...status, database: database && { ...database, seq: 10 }, ...change }
}
const getLast = (text: string): string | undefined => text.trimEnd().split('\n').at(-1)

describe('the status', () => {
  test('ends with the command that comes next', () => {
    expect(getLast(formatCutoverStatus(makeStatus()))).toBe('next: ff cutover advance')
  })
  test('says what a dead command has left', () => {
    const text = formatCutoverStatus(
      makeStatus({
        armed: true,
        intent: { epoch: 9, phase: 'db_authoritative' },
        next: { standing: 'intent_open', command: 'ff cutover advance' },
      }),
    )
    expect(text).toMatch(/phase +shadow_read, armed/)
    expect(text).toMatch(/intent +db_authoritative, epoch 9/)
  })
  test('says that the database does not answer', () => {
    expect(formatCutoverStatus(makeStatus({ database: null, lag: null }))).toMatch(
      /database +does not answer/,
    )
  })
  test('says that a database has no record yet', () => {
    const database = { epoch: null, phase: null, seq: 0, hash: HASH, identity: 'db', closed: false }
    expect(formatCutoverStatus(makeStatus({ database }))).toMatch(/database +no record, head 0/)
  })
  test('names scratch copies and drills', () => {
    const ends = '2026-01-15T09:00:00.000Z'
    const text = formatCutoverStatus(makeStatus({ scratch: true, drill_ends_at: ends }))
    expect(text).toMatch(/attempt +2, scratch/)
    expect(text).toContain(ends)
  })
  test('names the writer, and an instance that may have ended, on one line each', () => {
    const one = { host: 'h', pid: 1, code: 'c', epoch: 7, places: ['file', 'database'] } as const
    const text = formatCutoverStatus(
      makeStatus({
        instances: [
          { ...one, id: 'a', live: true, writer: true },
          { ...one, id: 'b\u001b[31m', live: false, writer: false },
        ],
        blocks: [{ code: 'few_instances', detail: '1 of 2 on h' }],
      }),
    )
    expect(text).toMatch(/a on h, pid 1, writer: live/)
    expect(text).toContain('has not renewed')
    expect(text).not.toContain('\u001b')
    expect(text).toContain('few_instances: 1 of 2 on h')
  })
})

const makeStep = (change: Partial<CutoverStep> = {}): CutoverStep => ({
  from: 'file',
  phase: 'dual_write',
  epoch: 2,
  attempt: 1,
  filled: null,
  paused_ms: null,
  one_writer: false,
  stopped: null,
  next: NEXT,
  ...change,
})
test.each<[what: string, change: Partial<CutoverStep>, shown: string]>([
  ['where it led', {}, 'From file to dual_write, epoch 2, attempt 1.'],
  ['that it finished one', { from: 'dual_write' }, 'The phase is dual_write'],
  ['what it copied', { filled: 10 }, 'Copied 10 records'],
  ['how long writes waited', { paused_ms: 12.4 }, 'Writes waited 12 ms'],
  ['what a way back costs from then on', { phase: 'complete' }, 'fills the folder'],
])('a step says %s', (_what, change, shown) => {
  const text = formatCutoverStep(makeStep(change))
  expect(text).toContain(shown)
  expect(getLast(text)).toBe('next: ff cutover advance')
})

test('a plan numbers the steps, each with its command', () => {
  const steps = [{ to: 'dual_write', command: 'ff cutover advance', what: 'fills' }] as const
  expect(formatCutoverPlan({ phase: 'file', steps, next: NEXT })).toContain(
    '1. dual_write: `ff cutover advance`: fills.',
  )
})

test('a reconciliation lists what one side has alone, and how much more there is', () => {
  const record = {
    seq: 5,
    occurred_at: '2026-01-15T09:00:00.000Z',
    actor: 'U1',
    action: 'flag.put',
    target: 'flag/ff.x',
    outcome: 'applied',
  } as const
  const found: CutoverReconciliation = {
    phase: 'file',
    common_seq: 4,
    file_only: { count: 0, records: [] },
    database_only: { count: 3, records: [record] },
    rows: null,
    next: { standing: 'database_left', command: 'ff cutover reconcile --dry-run' },
  }
  const text = formatCutoverReconciliation(found)
  expect(text).toContain('up to record 4')
  expect(text).not.toContain('only in the file')
  expect(text).toContain('5 2026-01-15T09:00:00.000Z U1 flag.put flag/ff.x applied')
  expect(text).toContain('and 2 more')
})

test('a reconciliation lists the rows that differ, where, and what became of them', () => {
  const row = {
    table: 'user_override',
    scope_id: 'U1',
    flag_key: 'ff.x',
    kind: 'differs',
    fields: ['/value'],
    outcome: 'repaired',
    seq: 12,
    reason: null,
  } as const
  const flag = { ...row, table: 'flag_registry', scope_id: null, fields: [], seq: null } as const
  const text = formatCutoverReconciliation({
    phase: 'dual_write',
    common_seq: 12,
    file_only: { count: 0, records: [] },
    database_only: { count: 0, records: [] },
    rows: {
      compared: 40,
      complete: false,
      in_flight: 1,
      found: 0,
      repaired: 1,
      left: 3,
      rows: [row, { ...flag, kind: 'database_only', outcome: 'left', reason: 'flag_unknown' }],
    },
    next: { standing: 'ready', command: 'ff cutover advance' },
  })
  expect(text).toContain('40 rows compared, 1 repaired, 3 left, 1 changed at each look')
  expect(text).toContain('user_override U1 ff.x: differs in /value, repaired by record 12')
  expect(text).toContain('flag_registry ff.x: only in the database, left: flag_unknown')
  expect(text).toContain('and 2 more')
})
