import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type AuditEvent,
  type AuditRecord,
  appendToChain,
  buildChangeEvent,
  EMPTY_HEAD,
  isSensitiveChange,
  hashRecord,
  serializeRecord,
  buildRefusalEvent,
  parseAuditTarget,
} from '../../../src/core/audit/record.ts'
import type { RowChange } from '../../../src/core/rows/plan-write.ts'
import type { WriteRequest } from '../../../src/core/rows/write-request.ts'
import type { TableName } from '../../../src/core/rows/rows.ts'
import {
  FLAG,
  flagRow,
  json,
  known,
  NOW,
  REF,
  sha256,
  TENANT,
  tenantRow,
  USER,
  userRow,
  userTombstone,
} from '../builders.ts'
import { codePoint } from '../../support/code-point.ts'

const EVENT: AuditEvent = {
  audit_id: '019bbf2e-0000-7000-8000-000000000001',
  occurred_at: NOW,
  actor: 'ops.bob',
  auth_mode: 'verified',
  action: 'override.put',
  outcome: 'applied',
  target: 'user/U1001/ff.a',
  before: null,
  after: json('{"a":1}'),
  request_id: 'req-1',
  approval_ref: null,
  phase: 'file',
}
const TEXT =
  '{"action":"override.put","actor":"ops.bob","after":{"a":1},"approval_ref":null,' +
  '"audit_id":"019bbf2e-0000-7000-8000-000000000001","auth_mode":"verified","before":null,' +
  '"occurred_at":"2026-01-15T09:00:00.000Z","outcome":"applied","phase":"file",' +
  '"request_id":"req-1","seq":1,"target":"user/U1001/ff.a"}'

describe('the chain', () => {
  test('the first record hashes 64 zeros and its own RFC 8785 form', () => {
    const prev_hash = '0'.repeat(64)
    expect(EMPTY_HEAD).toEqual({ seq: 0, hash: prev_hash })
    expect(appendToChain(EVENT, EMPTY_HEAD, sha256)).toEqual({
      ...EVENT,
      seq: 1,
      prev_hash,
      hash: sha256(prev_hash + TEXT),
    })
  })

  test('each record holds the hash of its predecessor', () => {
    const first = appendToChain(EVENT, EMPTY_HEAD, sha256)
    const second = appendToChain(EVENT, first, sha256)
    expect(second).toMatchObject({ seq: 2, prev_hash: first.hash })
    expect(second.hash).not.toBe(first.hash)
  })

  // Computed with Python's hashlib and json.dumps(record, sort_keys=True, separators=(',', ':')).
  test('the hashes are the same for every implementation', () => {
    const first = appendToChain(EVENT, EMPTY_HEAD, sha256)
    const changed = { ...EVENT, before: json('{"a":1}'), after: json('{"a":2}') }
    expect([first.hash, appendToChain(changed, first, sha256).hash]).toEqual([
      'ccccc9ca835717f872698813093861467003dd02cd26968b5c334013a8f4a9cd',
      'dae6f180a28ff526732d42339083258b4d1430bd85ee3b6a1e726cec08f9010a',
    ])
  })

  test('a log line is canonical JSON with every member of the record', () => {
    const record = appendToChain({ ...EVENT, actor: 'Ünï "x" \u0001' }, EMPTY_HEAD, sha256)
    const text = serializeRecord(record)
    expect(json(text)).toBe(text)
    expect(JSON.parse(text)).toEqual({ ...record, after: { a: 1 } })
  })
})

const word = fc.string({ unit: codePoint, maxLength: 8 })
const row = fc.option(fc.constantFrom(...['{}', '{"a":1}', '{"a":"1"}', '[]'].map(json)), {
  nil: null,
})
const events: fc.Arbitrary<AuditEvent> = fc.record({
  audit_id: word,
  occurred_at: fc.constant(NOW),
  actor: word,
  auth_mode: fc.constantFrom('verified', 'decode-only', 'dev-headers', 'none', null),
  action: word,
  outcome: fc.constantFrom('applied', 'refused'),
  target: word,
  before: row,
  after: row,
  request_id: word,
  approval_ref: fc.option(word, { nil: null }),
  phase: word,
})
/** Index of the first record that is not linked to its predecessor; -1 where all are. */
function firstBroken(records: readonly AuditRecord[]): number {
  return records.findIndex((record, at) => {
    const head = records[at - 1] ?? EMPTY_HEAD
    const { hash, ...hashed } = record
    return (
      record.seq !== head.seq + 1 ||
      record.prev_hash !== head.hash ||
      hashRecord(hashed, sha256) !== hash
    )
  })
}
const chains = fc
  .array(events, { minLength: 2, maxLength: 5 })
  .map((all) =>
    all.reduce<AuditRecord[]>(
      (records, event) => [...records, appendToChain(event, records.at(-1) ?? EMPTY_HEAD, sha256)],
      [],
    ),
  )

describe('a tampered chain', () => {
  test('is valid while untouched', () => {
    fc.assert(
      fc.property(chains, (records) => {
        expect(firstBroken(records)).toBe(-1)
      }),
    )
  })

  const FIELDS = Object.keys(appendToChain(EVENT, EMPTY_HEAD, sha256)) as (keyof AuditRecord)[]
  test('a record has the members of the audit envelope without those of the sink', () => {
    expect(FIELDS.toSorted()).toEqual(
      [
        'audit_id',
        'seq',
        'occurred_at',
        'actor',
        'auth_mode',
        'action',
        'outcome',
        'target',
        'before',
        'after',
        'request_id',
        'approval_ref',
        'phase',
        'prev_hash',
        'hash',
      ].sort(),
    )
  })

  test.each(FIELDS)('breaks at a record with another %s', (field) => {
    const other = fc.oneof(word, fc.constant(null), fc.nat(), fc.constant(json('{"b":2}')))
    fc.assert(
      fc.property(chains, fc.nat(), other, (records, pick, value) => {
        const at = pick % records.length
        fc.pre(records[at]?.[field] !== value)
        // Row members are JSON texts and written unchanged, so only another JSON text is another value.
        fc.pre((field !== 'before' && field !== 'after') || value === null || value === '{"b":2}')
        const touched = records.map((record, i) =>
          i === at ? { ...record, [field]: value } : record,
        )
        expect(firstBroken(touched as AuditRecord[])).toBe(at)
      }),
    )
  })

  test('breaks where a record was dropped, repeated or moved', () => {
    fc.assert(
      fc.property(chains, fc.nat(), (records, pick) => {
        const at = pick % (records.length - 1)
        const [one, next] = [records[at], records[at + 1]]
        if (one === undefined || next === undefined) throw new Error('no such record')
        const [before, after] = [records.slice(0, at), records.slice(at + 2)]
        expect(firstBroken([...before, next, ...after])).toBe(at)
        expect(firstBroken([...before, one, one, next, ...after])).toBe(at + 1)
        expect(firstBroken([...before, next, one, ...after])).toBe(at)
      }),
    )
  })
})

const KEYS: Readonly<Record<TableName, string | null>> = {
  flag_registry: null,
  tenant_override: TENANT,
  user_override: USER,
}
const write = (table: TableName, more: Partial<WriteRequest> = {}): WriteRequest => ({
  table,
  key: { scope_id: KEYS[table], flag_key: FLAG },
  action: 'put',
  body: null,
  expected: null,
  actor: 'ops.bob',
  auth_mode: 'verified',
  request_id: 'req-1',
  occurred_at: NOW,
  approval: null,
  ...more,
})
const context = {
  audit_id: EVENT.audit_id,
  phase: 'dual',
  digest: (value: string): string => `digest of ${value.length}`,
}
const put = (before: RowChange['before'], after: RowChange['after'], sensitive = false) => ({
  before,
  after,
  action: 'override.put' as const,
  sensitive,
})

describe('the event of a change', () => {
  test('states actor, action, row, time and phase', () => {
    const [before, after] = [userRow(), userRow({ value: json('"new"'), revision: 6 })]
    const event = buildChangeEvent(write('user_override'), put(before, after), context)
    expect(event).toMatchObject({
      audit_id: EVENT.audit_id,
      occurred_at: NOW,
      actor: 'ops.bob',
      auth_mode: 'verified',
      action: 'override.put',
      outcome: 'applied',
      target: `user/${USER}/${FLAG}`,
      request_id: 'req-1',
      approval_ref: null,
      phase: 'dual',
    })
    expect(JSON.parse(event.before ?? '')).toEqual({ ...before, value: 'user' })
    expect(JSON.parse(event.after ?? '')).toEqual({ ...after, value: 'new' })
  })

  test.each([
    ['flag_registry', flagRow(), `flag/${FLAG}`],
    ['tenant_override', tenantRow(), `tenant/${TENANT}/${FLAG}`],
    ['user_override', userRow(), `user/${USER}/${FLAG}`],
  ] as const)('one target for each row of %s', (table, after, target) => {
    expect(buildChangeEvent(write(table), put(null, after), context)).toMatchObject({
      target,
      before: null,
    })
  })

  test('an id is one percent-encoded segment of the target', () => {
    const user_id = `a/b%|:"~!_.@-Z9`
    const request = { ...write('user_override'), key: { scope_id: user_id, flag_key: FLAG } }
    const { target } = buildChangeEvent(request, put(null, userRow({ user_id })), context)
    expect(target).toBe(`user/a%2Fb%25%7C%3A%22%7E%21_.@-Z9/${FLAG}`)
  })

  test.each([
    ['none', write('user_override'), userRow(), null],
    ['that of the override', write('user_override'), userRow({ approval_ref: REF }), REF],
    [
      'that of the request, before that of the override',
      write('user_override', { approval: { approval_ref: 'APP-1-a', answer: known() } }),
      userRow({ approval_ref: REF }),
      'APP-1-a',
    ],
    [
      'that of the request, for a flag',
      write('flag_registry', { approval: { approval_ref: 'APP-1-a', answer: known() } }),
      flagRow(),
      'APP-1-a',
    ],
    ['none, for a tombstone', write('user_override'), userTombstone(), null],
  ])('the approval that it names: %s', (_situation, request, after, approval_ref) => {
    expect(buildChangeEvent(request, put(null, after), context).approval_ref).toBe(approval_ref)
  })

  test('holds the values of a sensitive flag as digests, never in clear', () => {
    const [before, after] = [
      flagRow({ sensitive: true, default_value: json('"hush"') }),
      flagRow({ default_value: json('"hush-hush"') }),
    ]
    const event = buildChangeEvent(write('flag_registry'), put(before, after, true), context)
    expect(`${event.before}${event.after}`).not.toContain('hush')
    expect(JSON.parse(event.before ?? '')).toMatchObject({
      default_value: { hmac_sha256: 'digest of 6' },
      safe_value: { hmac_sha256: 'digest of 6' },
      description: 'The new checkout',
    })
    expect(JSON.parse(event.after ?? '')).toMatchObject({
      default_value: { hmac_sha256: 'digest of 11' },
    })
  })
})

describe('the event of a transition or a rollback', () => {
  test.each([
    ['the reason', { kind: 'transition', reason: 'on fire', to: 'killed' }, { reason: 'on fire' }],
    [
      'the reason and the revision',
      { kind: 'rollback', reason: 'worse', earlier: flagRow({ revision: 2 }) },
      { reason: 'worse', to_revision: 2 },
    ],
  ] as const)('has %s beside the row', (_what, detail, more) => {
    const [before, after] = [flagRow(), flagRow({ revision: 4, state: 'killed' })]
    const request = write('flag_registry', { action: detail.kind, detail })
    const event = buildChangeEvent(request, put(before, after), context)
    const plain = buildChangeEvent(write('flag_registry'), put(before, after), context)
    expect(JSON.parse(event.after ?? '')).toEqual({ ...JSON.parse(plain.after ?? ''), ...more })
    expect(event.before).toBe(plain.before)
  })
})

describe('the event of a refusal', () => {
  test.each([
    ['flag_registry', 'put', 'flag.put', `flag/${FLAG}`],
    ['flag_registry', 'delete', 'flag.archive', `flag/${FLAG}`],
    ['flag_registry', 'transition', 'flag.transition', `flag/${FLAG}`],
    ['flag_registry', 'rollback', 'flag.rollback', `flag/${FLAG}`],
    ['tenant_override', 'rollback', 'override.rollback', `tenant/${TENANT}/${FLAG}`],
    ['tenant_override', 'put', 'override.put', `tenant/${TENANT}/${FLAG}`],
    ['tenant_override', 'delete', 'override.delete', `tenant/${TENANT}/${FLAG}`],
    ['user_override', 'put', 'override.put', `user/${USER}/${FLAG}`],
    ['user_override', 'delete', 'override.delete', `user/${USER}/${FLAG}`],
  ] as const)('states the requested action on %s: %s', (table, action, word, target) => {
    const request = write(table, { action, body: { members: [['value', 'hush']] } })
    const { digest: _, ...where } = context
    expect(buildRefusalEvent({ request, code: 'forbidden' }, where)).toStrictEqual({
      ...EVENT,
      action: word,
      outcome: 'refused',
      target,
      after: '{"refused":"forbidden"}',
      phase: 'dual',
    })
  })

  test.each([
    ['flag_registry', { scope_id: null, flag_key: 'FF.X' }, 'flag/*'],
    ['tenant_override', { scope_id: 'a b', flag_key: FLAG }, `tenant/*/${FLAG}`],
    ['user_override', { scope_id: USER, flag_key: '' }, `user/${USER}/*`],
  ] as const)(
    'S14: has * for a part of the target of %s outside its grammar',
    (table, key, target) => {
      const event = buildRefusalEvent(
        { request: write(table, { key }), code: 'form_wrong' },
        context,
      )
      expect(event.target).toBe(target)
    },
  )

  test('S14: states how many refusals it stands for', () => {
    const request = write('flag_registry')
    expect(buildRefusalEvent({ request, code: 'x', count: 3 }, context).after).toBe(
      '{"count":3,"refused":"x"}',
    )
  })

  test('S14: of an announcement is a boundary record of its target', () => {
    const { actor, auth_mode, request_id, occurred_at } = write('flag_registry')
    const request = { target: 'global', actor, auth_mode, request_id, occurred_at }
    const { digest: _, ...where } = context
    expect(buildRefusalEvent({ request, code: 'too_many_invalidations' }, where)).toStrictEqual({
      ...EVENT,
      action: 'audit.boundary',
      outcome: 'refused',
      target: 'global',
      after: '{"refused":"too_many_invalidations"}',
      phase: 'dual',
    })
  })

  test('names the approval of the request', () => {
    const request = write('user_override', { approval: { approval_ref: REF, answer: known() } })
    expect(buildRefusalEvent({ request, code: 'forbidden' }, context).approval_ref).toBe(REF)
  })
})

describe('isSensitiveChange', () => {
  const [open, secret] = [flagRow(), flagRow({ sensitive: true })]
  test.each([
    ['a new flag that is not sensitive', put(null, open), null, false],
    ['a new flag that is sensitive', put(null, secret), null, true],
    ['a flag that becomes sensitive', put(open, secret), null, true],
    ['a flag that stops being sensitive', put(secret, open), null, true],
    ['a flag that was never sensitive', put(open, open), null, false],
    ['an override of a flag that is not sensitive', put(null, userRow()), open, false],
    ['an override of a sensitive flag', put(userRow(), userTombstone()), secret, true],
    ['an override of a missing flag', put(userRow(), userTombstone()), null, false],
  ])('%s', (_situation, change, flag, sensitive) => {
    expect(isSensitiveChange(change, flag)).toBe(sensitive)
  })
})

describe('parseAuditTarget', () => {
  test.each([
    ['flag/ff.a', { table: 'flag_registry', key: { scope_id: null, flag_key: 'ff.a' } }],
    ['tenant/T-1/ff.a', { table: 'tenant_override', key: { scope_id: 'T-1', flag_key: 'ff.a' } }],
    ['user/a%2Fb%25/ff.a', { table: 'user_override', key: { scope_id: 'a/b%', flag_key: 'ff.a' } }],
    ['import/0a1b', null],
    ['flag', null],
    ['flag/ff.a/ff.b', null],
    ['tenant/ff.a', null],
  ])('%s', (target, row) => {
    expect(parseAuditTarget(target)).toEqual(row)
  })
})
