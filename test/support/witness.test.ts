import { expect, test } from 'vitest'
import { appendToChain, type AuditRecord, serializeRecord } from '../../src/core/audit/record.ts'
import type { CanonicalJson } from '../../src/core/json/canonical.ts'
import type { Instant } from '../../src/core/rows/instant.ts'
import type { WitnessedMessage } from './kafka.ts'
import { witness } from './witness.ts'

const record = (seq: number): AuditRecord =>
  appendToChain(
    {
      audit_id: `id-${seq}`,
      occurred_at: '2026-01-15T09:00:00.000Z' as Instant,
      actor: 'U1',
      auth_mode: 'verified',
      action: 'override.put',
      outcome: 'applied',
      target: 'flag/ff.a',
      before: null,
      after: '{"value":1}' as CanonicalJson,
      request_id: 'r',
      approval_ref: null,
      phase: 'db',
    },
    { seq: seq - 1, hash: '' },
    (text) => text,
  )
const message = (one: AuditRecord, change: Partial<WitnessedMessage> = {}): WitnessedMessage => ({
  partition: 0,
  offset: 0,
  key: one.target,
  headers: ['audit_id', one.audit_id],
  payload: serializeRecord(one),
  ...change,
})
const RECORDS = [1, 2, 3].map(record) as [AuditRecord, AuditRecord, AuditRecord]
const [FIRST, SECOND, THIRD] = RECORDS
const WHOLE = RECORDS.map((one) => message(one))
const SOUND = { lost: 0, disordered: 0, wrong: 0, repeated: 0 }

test.each<[string, readonly WitnessedMessage[], object]>([
  ['nothing', WHOLE, {}],
  ['a lost record', WHOLE.slice(1), { lost: 1 }],
  ['an empty topic', [], { lost: 3 }],
  ['a repeated message', [...WHOLE, message(FIRST)], { repeated: 1 }],
  ['two that were swapped', [message(SECOND), message(FIRST), message(THIRD)], { disordered: 1 }],
  ['another key', [message(FIRST, { key: 'x' }), ...WHOLE.slice(1)], { lost: 1, wrong: 1 }],
  ['another header', [...WHOLE, message(FIRST, { headers: ['audit_id', 'x'] })], { wrong: 1 }],
  [
    'another body',
    [...WHOLE, message(FIRST, { payload: serializeRecord({ ...FIRST, actor: 'x' }) })],
    { wrong: 1 },
  ],
  ['a message of no record', [...WHOLE, message(record(4))], { wrong: 1 }],
])('the witness sees %s', (_what, messages, seen) => {
  expect(witness(RECORDS, messages)).toEqual({ ...SOUND, ...seen })
})
