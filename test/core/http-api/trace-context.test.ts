import { describe, expect, test } from 'vitest'
import {
  formatTraceParent,
  parseTraceParent,
  takeTraceState,
} from '../../../src/core/http-api/trace-context.ts'

const [TRACE, SPAN] = ['0af7651916cd43dd8448eb211c80319c', 'b7ad6b7169203331']

describe('a traceparent', () => {
  test.each([
    ['of this version', `00-${TRACE}-${SPAN}-01`, 1],
    ['that is not recorded', `00-${TRACE}-${SPAN}-00`, 0],
    ['of a later version', `cc-${TRACE}-${SPAN}-03`, 3],
    ['of a later version with more parts', `cc-${TRACE}-${SPAN}-01-what.the.future`, 1],
  ])('%s is taken', (_name, header, traceFlags) => {
    expect(parseTraceParent(header)).toEqual({ traceId: TRACE, spanId: SPAN, traceFlags })
  })
  test.each([
    ['empty', ''],
    ['of the forbidden version', `ff-${TRACE}-${SPAN}-01`],
    ['of this version with more parts', `00-${TRACE}-${SPAN}-01-more`],
    ['without a trace', `00-${'0'.repeat(32)}-${SPAN}-01`],
    ['without a span', `00-${TRACE}-${'0'.repeat(16)}-01`],
    ['in capitals', `00-${TRACE.toUpperCase()}-${SPAN}-01`],
    ['that is short', `00-${TRACE.slice(1)}-${SPAN}-01`],
    ['that is sent twice', `00-${TRACE}-${SPAN}-01, 00-${TRACE}-${SPAN}-01`],
  ])('%s is not', (_name, header) => {
    expect(parseTraceParent(header)).toBeNull()
  })
  test('is formatted as it was read', () => {
    const header = `00-${TRACE}-${SPAN}-01`
    const parsed = parseTraceParent(header)
    expect(parsed === null ? null : formatTraceParent(parsed)).toBe(header)
  })
})

test.each([
  ['vendor=1,other=2', 'vendor=1,other=2'],
  ['', null],
  [null, null],
  ['a'.repeat(512), 'a'.repeat(512)],
  ['a'.repeat(513), null],
])('a tracestate %j is handed on as %j', (header, taken) => {
  expect(takeTraceState(header)).toBe(taken)
})
