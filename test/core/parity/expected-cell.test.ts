import { expect, test } from 'vitest'
import { buildCells } from '../../../src/core/parity/cells.ts'
import { buildExpectedEnvelope } from '../../../src/core/parity/expected-cell.ts'
import { serializeNode } from '../../../src/core/parity/node-text.ts'
import { NOW, objectNode } from '../builders.ts'

test('the expected envelope adds the cell’s flag and request id to the outcome', () => {
  const [first] = buildCells(NOW)
  if (first === undefined) throw new Error('no cells')
  const outcome = objectNode('{"value":1.0,"meta":{"user_id":"U1"}}')
  const { flag_key, request_id } = first.request
  expect(serializeNode(buildExpectedEnvelope(outcome, first))).toBe(
    `{"flag_key":"${flag_key}","value":1.0,"meta":{"user_id":"U1","request_id":"${request_id}"}}`,
  )
})

test('an expected refusal stays as it is', () => {
  const request = {
    flag_key: 'ff.a',
    tenant_id: null,
    user_id: null,
    approval_ref: null,
    request_id: 'req-1',
  }
  const refusal = objectNode('{"refused":"token_expired","http":401}')
  expect(buildExpectedEnvelope(refusal, { request })).toBe(refusal)
})
