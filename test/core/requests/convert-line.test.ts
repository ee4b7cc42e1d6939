import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { JsonNode } from '../../../src/core/json/read.ts'
import { serializeNode } from '../../../src/core/parity/node-text.ts'
import {
  convertLine,
  DEFAULT_MAP,
  type RequestsMap,
} from '../../../src/core/requests/convert-line.ts'

const BODY = '{"flag_key":"ff.a","tenant_id":null,"user_id":"U1","request_id":"r1"}'
const common = (body: string, request = 'POST /v1/flags/evaluate HTTP/1.1'): string =>
  `192.0.2.1 - anna [15/Jan/2026:10:00:00 +0100] "${request}" 200 512${body}`
const convert = (text: string, format: 'common' | 'ndjson' = 'common', map = DEFAULT_MAP) =>
  convertLine(text, 7, { format, map })
const show = (members: readonly (readonly [string, JsonNode])[]): string =>
  serializeNode({ members })

describe('a line of a common log', () => {
  test.each<[what: string, field: string]>([
    ['as it is', ` ${BODY}`],
    ['after referer and agent', ` "-" "an \\"agent\\"" ${BODY}`],
    ['as nginx escapes it', ` "${BODY.replaceAll('"', '\\x22')}"`],
    ['as Apache escapes it', ` "-" "curl" "${BODY.replaceAll('"', '\\"')}"`],
  ])('has its body %s', (_what, field) => {
    const made = convert(common(field))
    expect(made).toMatchObject({ recordedAt: '2026-01-15T09:00:00.000Z' })
    expect('members' in made && show(made.members)).toBe(
      '{"flag_key":"ff.a","user_id":"U1","request_id":"r1"}',
    )
  })

  test('has the bytes of other characters, and escapes within JSON', () => {
    const made = convert(common(String.raw` "{\x22flag_key\x22:\x22\xC3\xA9\x5Cn\x22\t}"`))
    expect('members' in made && show(made.members)).toBe('{"flag_key":"é\\n","request_id":"log-7"}')
  })

  test.each([
    ['other_method', common(` ${BODY}`, 'GET /v1/flags/evaluate HTTP/1.1')],
    ['other_path', common(` ${BODY}`, 'POST /v1/flags HTTP/1.1')],
    ['no_body', common('')],
    ['no_body', common(' "-" "curl" "-"')],
  ])('is left out for %s', (left, line) => {
    expect(convert(line)).toEqual({ left })
  })

  test.each([
    ['line_unreadable', 'a text'],
    ['time_not_convertible', common(` ${BODY}`).replace('Jan', 'Jen')],
    ['body_unreadable', common(' {"flag_key"}')],
    ['body_unreadable', common(String.raw` "\xFF"`)],
    ['time_not_convertible', common(` ${BODY}`).replace('15/', '32/')],
  ])('is refused: %s', (refused, line) => {
    expect(convert(line)).toMatchObject({ refused })
  })
})

describe('a line of JSON', () => {
  test.each([
    ['{"recorded_at":"2026-01-15T09:00:00.5Z","flag_key":"ff.a"}', '2026-01-15T09:00:00.500Z'],
    ['{"time":"2026-01-15 10:00:00+01:00","flag_key":"ff.a"}', '2026-01-15T09:00:00.000Z'],
  ])('has its time: %s', (line, recordedAt) => {
    expect(convert(line, 'ndjson')).toMatchObject({ recordedAt })
  })

  test('is read by a map', () => {
    const map: RequestsMap = {
      recorded_at: { from: '/at', as: 'unix_ms' },
      request: {
        flag_key: { from: '/q/f', case: 'kebab', prefix: 'ff.' },
        user_id: { from: '/u', as: 'text' },
      },
    }
    const made = convert('{"at":1768467600000,"q":{"f":"newFlow"},"u":42}', 'ndjson', map)
    expect(made).toMatchObject({ recordedAt: '2026-01-15T09:00:00.000Z' })
    expect('members' in made && show(made.members)).toBe(
      '{"flag_key":"ff.new-flow","user_id":"42","request_id":"log-7"}',
    )
  })

  test('is refused where a name that selects leads nowhere', () => {
    const map: RequestsMap = {
      request: { flag_key: { from: '/names', select: { from: '/pick' } } },
    }
    expect(convert('{"time":"2026-01-15T09:00:00Z","names":{},"pick":"a"}', 'ndjson', map)).toEqual(
      {
        refused: 'reference_unknown',
        reason: 'flag_key is absent; the file has nothing there',
      },
    )
  })

  test.each([
    ['json_malformed', '{', 'column 2'],
    ['member_missing', '{"flag_key":"ff.a"}', 'recorded_at is absent'],
    ['time_not_convertible', '{"time":"2026-01-15T09:00:00","flag_key":"ff.a"}', 'time zone'],
  ])('is refused: %s', (refused, line, reason) => {
    expect(convert(line, 'ndjson')).toEqual({ refused, reason: expect.stringContaining(reason) })
  })
})

test('no text of a line is an error of the program', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('common', 'ndjson'),
      (text, format) => {
        convert(text, format as 'common')
        convert(common(` ${text}`), 'common')
        convert(common(` "${text}"`), 'common')
      },
    ),
  )
})
