import { describe, expect, test } from 'vitest'
import { serializeDecision } from '../../../src/core/evaluate/decision-text.ts'
import type { ChainEntry } from '../../../src/core/evaluate/types.ts'
import { decide, facts, flagRow, json, NOW } from '../builders.ts'

describe('serializeDecision', () => {
  test('writes the decision envelope member by member', () => {
    expect(serializeDecision(decide(facts()))).toBe(
      '{"flag_key":"ff.checkout.new-flow","decision":"allow","value":"default","reason":"global_default","matched_scope":"global",' +
        '"reason_chain":[{"prec":1,"rule":"registered","outcome":"pass"},{"prec":2,"rule":"kill_switch","outcome":"pass"},' +
        '{"prec":3,"rule":"authentication","outcome":"pass"},{"prec":4,"rule":"sensitive_overlay","outcome":"not_sensitive"},' +
        '{"prec":5,"rule":"user_override","outcome":"absent"},{"prec":6,"rule":"tenant_override","outcome":"absent"},' +
        '{"prec":7,"rule":"global_default","outcome":"matched"}],"warnings":[],' +
        '"meta":{"auth_mode":"verified","auth_source":"jwt","tenant_id":"T-pty-pilot-01","user_id":"U1001",' +
        '"approval_ref":null,"ttl_state":null,"flag_revision":3,"override_revision":null,' +
        '"evaluated_at":"2026-01-15T09:00:00.000Z","request_id":"req-1","backing_state":"file"}}',
    )
  })

  test('serves an object with its members in RFC 8785 order, also numeric names', () => {
    const default_value = json('{"b":1,"10":2,"9":3,"__proto__":4}')
    const flag = flagRow({ value_type: 'object', default_value, safe_value: json('{}') })
    expect(serializeDecision(decide(facts({ flag })))).toContain(
      '"value":{"10":2,"9":3,"__proto__":4,"b":1},"reason"',
    )
  })

  test.each<ChainEntry>([
    { prec: 2, rule: 'kill_switch', outcome: 'killed' },
    { prec: 4, rule: 'sensitive_overlay', outcome: 'approved', jwks_stale: true },
    {
      prec: 4,
      rule: 'sensitive_overlay',
      outcome: 'denied',
      code: 'approval_expired',
      named_by: 'request',
    },
    { prec: 6, rule: 'tenant_override', outcome: 'matched', revision: 7 },
    { prec: 5, rule: 'user_override', outcome: 'expired', revision: 7, expires_at: NOW },
    { prec: 8, rule: 'fail_safe', outcome: 'engaged', cause: 'row_broken', at: 5 },
  ])('writes an entry of the chain as JSON.stringify does: %j', (entry) => {
    const text = serializeDecision({ ...decide(facts()), reason_chain: [entry, entry] })
    expect(text).toContain(`"reason_chain":${JSON.stringify([entry, entry])},"warnings"`)
  })

  test('serves null for an unknown flag', () => {
    expect(serializeDecision(decide(facts({ flag: null })))).toContain('"value":null,')
  })
})
