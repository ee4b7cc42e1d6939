import { describe, expect, test } from 'vitest'
import { parseAuditRecord, parseListedRecord } from '../../../src/core/audit/read-record.ts'
import { appendToChain, EMPTY_HEAD, serializeRecord } from '../../../src/core/audit/record.ts'
import { parseSinkStatus } from '../../../src/core/audit/sink.ts'
import { json, node, NOW, sha256 } from '../builders.ts'

const RECORD = appendToChain(
  {
    audit_id: '019bbf2e-0000-7000-8000-000000000001',
    occurred_at: NOW,
    actor: 'ops.bob',
    auth_mode: null,
    action: 'override.put',
    outcome: 'applied',
    target: 'user/U1001/ff.a',
    before: null,
    after: json('{"b":[1,"x"],"a":0.30000000000000004}'),
    request_id: 'req-1',
    approval_ref: 'APP-1-a',
    phase: 'file',
  },
  EMPTY_HEAD,
  sha256,
)
const TEXT = serializeRecord(RECORD)

describe('a parsed record', () => {
  test('equals the written one', () => {
    expect(parseAuditRecord(node(TEXT))).toStrictEqual(RECORD)
  })

  test('is the same with its members in another order', () => {
    const { after: _, ...rest } = JSON.parse(TEXT) as Record<string, unknown>
    const members = Object.entries(rest).map(([name, held]) => `"${name}": ${JSON.stringify(held)}`)
    const turned = `{"after": {"b": [1, "x"], "a": 0.30000000000000004}, ${members.toReversed().join(', ')}}`
    expect(parseAuditRecord(node(turned))).toStrictEqual(RECORD)
  })

  test.each([
    ['1', 1],
    ['-1', -1],
    ['999999999999999', 999_999_999_999_999],
  ])('holds the number %s', (lexeme, seq) => {
    const text = TEXT.replace('"seq":1', `"seq":${lexeme}`)
    expect(parseAuditRecord(node(text))).toStrictEqual({ ...RECORD, seq })
  })

  test.each([
    ['a list', '[]'],
    ['null', 'null'],
    ['a text', '"record"'],
    ['a member too few', TEXT.replace('"phase":"file",', '')],
    ['a member too many', TEXT.replace('{', '{"sink":1,')],
    ['another member in its place', TEXT.replace('"phase"', '"phases"')],
    ['an inherited name in its place', TEXT.replace('"phase"', '"constructor"')],
    ['a member twice', TEXT.replace('"phase":"file"', '"actor":"ops.bob"')],
    ['a number in another spelling', TEXT.replace('[1,', '[1.0,')],
    ['a number in a text', TEXT.replace('"seq":1', '"seq":"1"')],
    ['a number of 16 digits', TEXT.replace('"seq":1', '"seq":1000000000000000')],
    ['a number with an exponent', TEXT.replace('"seq":1', '"seq":1e0')],
    ['an object in place of a number', TEXT.replace('"seq":1', '"seq":{"lexeme":"1"}')],
    ['a fraction', TEXT.replace('"seq":1', '"seq":1.5')],
    ['no number', TEXT.replace('"seq":1', '"seq":null')],
    ['a text that is null', TEXT.replace('"actor":"ops.bob"', '"actor":null')],
    ['a text that is a number', TEXT.replace('"auth_mode":null', '"auth_mode":1')],
    ['a lone surrogate', TEXT.replace('ops.bob', '\\ud800')],
  ])('is refused: %s', (_what, text) => {
    expect(text).not.toBe(TEXT)
    expect(parseAuditRecord(node(text))).toBeNull()
  })
})

describe('a record of a list', () => {
  const withSink = (sink: string): string => TEXT.replace('{', `{${sink},`)

  test('equals the written one, with sink members and without', () => {
    expect(parseListedRecord(node(TEXT))).toStrictEqual(RECORD)
    expect(parseListedRecord(node(serializeRecord(RECORD, 'delivered')))).toStrictEqual(RECORD)
    const all =
      '"sink_status":"failed","sink_reason":"r","sink_attempts":2,"sink_at":"t","sink_topic":null,' +
      '"sink_partition":null,"sink_offset":null,"sink_next_at":null'
    expect(parseListedRecord(node(withSink(all)))).toStrictEqual(RECORD)
  })

  test.each(['pending', 'deferred', 'delivered', 'failed'])('may be %s', (status) => {
    expect(parseListedRecord(node(withSink(`"sink_status":"${status}"`)))).toStrictEqual(RECORD)
  })

  test.each([
    ['an unknown status', withSink('"sink_status":"lost"')],
    ['a status that is no text', withSink('"sink_status":1')],
    ['another member', withSink('"sink":"pending"')],
    ['a list', '[]'],
  ])('is none with %s', (_, text) => {
    expect(parseListedRecord(node(text))).toBeNull()
  })
})

test('a deferred record counts as pending', () => {
  expect(parseSinkStatus('deferred')).toBe('pending')
})

test('a record of a list has its sink status in the place that RFC 8785 gives it', () => {
  expect(serializeRecord(RECORD, 'pending')).toBe(
    TEXT.replace('"seq":1,', '"seq":1,"sink_status":"pending",'),
  )
})
