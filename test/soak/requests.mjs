// Requests as somebody hostile or careless would make them, by fast-check.
import fc from 'fast-check'

const word = fc.oneof(
  fc.string({ maxLength: 40 }),
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.constantFrom(
    '__proto__',
    'constructor',
    '*',
    'a:b',
    'a\r\nb',
    '..',
    'x'.repeat(300),
    'ff.x',
    'T1',
  ),
)
const segment = word.map((text) => encodeURIComponent(text.toWellFormed?.() ?? 'x'))
const path = fc.oneof(
  segment.map((one) => `/v1/flags/${one}`),
  fc.tuple(segment, segment).map(([a, b]) => `/v1/flags/override/tenant/${a}/${b}`),
  fc.tuple(segment, segment).map(([a, b]) => `/v1/flags/override/user/${a}/${b}`),
  segment.map((one) => `/v1/flags?limit=${one}`),
  segment.map((one) => `/v1/flags?after=${one}`),
  segment.map((one) => `/ofrep/v1/evaluate/flags/${one}`),
  fc.constantFrom(
    '/v1/flags/evaluate',
    '/ofrep/v1/evaluate/flags',
    '/health/ready',
    '/nowhere',
    '/v1/flags/%E0%A4%A',
  ),
)
const body = fc.oneof(
  fc.constant(undefined),
  fc.json({ maxDepth: 4 }),
  word,
  fc.uint8Array({ maxLength: 64 }).map((bytes) => Buffer.from(bytes)),
  fc
    .record({ flag_key: word, tenant_id: word, user_id: word }, { requiredKeys: [] })
    .map((one) => JSON.stringify(one)),
  fc.constantFrom(
    '{"flag_key":"ff.x","flag_key":"ff.x"}',
    '{"value":9007199254740993}',
    '{"value":1e400}',
    '['.repeat(5_000),
  ),
)
const header = word.map((text) => text.replaceAll(/[^\x20-\x7e]/g, '?'))
const headers = fc.record(
  {
    'if-match': header,
    'if-none-match': header,
    'content-type': fc.oneof(header, fc.constant('application/json')),
    'x-request-id': header,
    'x-ff-user': header,
    authorization: header,
  },
  { requiredKeys: ['content-type'] },
)

/** What no change comes of: a path or a body that is nobody's, or no token. */
export const hostile = fc.record({
  method: fc.constantFrom('GET', 'PUT', 'POST', 'DELETE', 'PATCH'),
  path,
  body,
  headers,
})
