import { expect, test } from 'vitest'
import { isStale, readBacking } from '../../../src/core/parity/envelope.ts'

test.each([
  [
    'a decision from a file',
    '{"flag_key":"ff.a","meta":{"request_id":"r-1","backing_state":"file"}}',
    'file',
  ],
  [
    'a decision from a database',
    '{"flag_key":"ff.a","meta":{"request_id":"r-1","backing_state":"db"}}',
    'db',
  ],
  [
    'a decision about another flag',
    '{"flag_key":"ff.b","meta":{"request_id":"r-1","backing_state":"db"}}',
    null,
  ],
  [
    'a decision for another request',
    '{"flag_key":"ff.a","meta":{"request_id":"r-2","backing_state":"db"}}',
    null,
  ],
  [
    'an unknown backing',
    '{"flag_key":"ff.a","meta":{"request_id":"r-1","backing_state":"tape"}}',
    null,
  ],
  ['no meta', '{"flag_key":"ff.a"}', null],
  ['a meta that is a list', '{"flag_key":"ff.a","meta":["backing_state","db"]}', null],
  ['a list', '[]', null],
  ['a text', '"flag_key"', null],
  ['nothing', 'null', null],
  ['a login page', '<!doctype html>', null],
])('%s', (_what, text, backing) => {
  expect(readBacking(text, { flag_key: 'ff.a', request_id: 'r-1' })).toBe(backing)
})

test.each([
  ['a stale decision', '{"meta":{"stale":true,"age_ms":7}}', true],
  ['a member that is there, whatever it is', '{"meta":{"stale": false}}', true],
  ['a fresh decision', '{"meta":{"backing_state":"db"}}', false],
  ['a value that says so', '{"value":{"stale":true},"meta":{}}', false],
  ['no JSON', '"stale"}', false],
])('S7: %s', (_what, text, stale) => {
  expect(isStale(text)).toBe(stale)
})
