import { describe, expect, test } from 'vitest'
import { toOfrepAnswer } from '../../../src/core/ofrep/answer.ts'
import type { Decision } from '../../../src/core/evaluate/types.ts'
import {
  anonymous,
  broken,
  decide,
  facts,
  flagRow,
  json,
  REF,
  tenantRow,
  userRow,
} from '../builders.ts'

const PASSED = 'registered:pass,kill_switch:pass,authentication:pass,'
const PLAIN = `${PASSED}sensitive_overlay:not_sensitive`
const parseAnswer = (decision: Decision): unknown =>
  JSON.parse(toOfrepAnswer(decision).text ?? 'null')

describe('a decision as an OFREP answer', () => {
  test.each([
    [
      'a user override decides',
      facts({ user: userRow(), tenant: tenantRow() }),
      'TARGETING_MATCH',
      'user',
      {
        reason: 'user_override',
        matched_scope: 'user',
        chain: `${PLAIN},user_override:matched`,
      },
    ],
    [
      'a tenant override decides',
      facts({ tenant: tenantRow() }),
      'TARGETING_MATCH',
      'tenant',
      {
        reason: 'tenant_override',
        matched_scope: 'tenant',
        chain: `${PLAIN},user_override:absent,tenant_override:matched`,
      },
    ],
    [
      'the default of the registry',
      facts(),
      'STATIC',
      'default',
      {
        reason: 'global_default',
        matched_scope: 'global',
        chain: `${PLAIN},user_override:absent,tenant_override:absent,global_default:matched`,
      },
    ],
    [
      'a killed flag serves its safe value',
      facts({ flag: flagRow({ state: 'killed' }), user: userRow() }),
      'DISABLED',
      'safe',
      { reason: 'kill_switch', chain: 'registered:pass,kill_switch:killed' },
    ],
    [
      'an archived flag too',
      facts({ flag: flagRow({ state: 'archived' }) }),
      'DISABLED',
      'safe',
      { reason: 'flag_archived', chain: 'registered:archived' },
    ],
    [
      'a deny of another rule, and a warning',
      facts({ by: anonymous() }),
      'DISABLED',
      'safe',
      {
        reason: 'auth_required',
        chain: 'registered:pass,kill_switch:pass,authentication:missing',
        warnings: 'unauthenticated',
      },
    ],
    [
      'a sensitive flag without an approval',
      facts({ flag: flagRow({ sensitive: true }) }),
      'DISABLED',
      'safe',
      { reason: 'approval_missing', chain: `${PASSED}sensitive_overlay:denied` },
    ],
  ])('%s', (_what, given, reason, value, metadata) => {
    expect(parseAnswer(decide(given))).toStrictEqual({
      key: 'ff.checkout.new-flow',
      reason,
      value,
      metadata: { ...metadata, flag_revision: 3 },
    })
  })

  test('joins several warnings to one text', () => {
    const by = anonymous({ warnings: ['auth_not_verified', 'dev_headers'] })
    expect(parseAnswer(decide(facts({ by, ref: REF })))).toMatchObject({
      metadata: { warnings: 'auth_not_verified,dev_headers' },
    })
  })

  test('sends a value as stored, also with numeric member names', () => {
    const default_value = json('{"b":1,"10":2,"9":3,"__proto__":4}')
    const flag = flagRow({ value_type: 'object', default_value, safe_value: json('{}') })
    expect(toOfrepAnswer(decide(facts({ flag }))).text).toContain(
      '"reason":"STATIC","value":{"10":2,"9":3,"__proto__":4,"b":1},"metadata":{',
    )
  })

  test.each([
    ['false', 'boolean'],
    ['0', 'number'],
    ['""', 'string'],
    ['{}', 'object'],
  ] as const)('sends the value %s', (text, value_type) => {
    const flag = flagRow({
      value_type,
      default_value: json(text),
      safe_value: json(text),
      state: 'killed',
    })
    expect(parseAnswer(decide(facts({ flag })))).toHaveProperty('value', JSON.parse(text))
  })

  test('has flat metadata: no null, no list, no object', () => {
    for (const given of [facts(), facts({ by: anonymous() }), facts({ user: userRow() })]) {
      const { metadata } = parseAnswer(decide(given)) as { metadata: object }
      expect(Object.values(metadata).map((held) => typeof held)).not.toContain('object')
    }
  })

  test('an unknown flag and a row without a safe value are failures', () => {
    expect(toOfrepAnswer(decide(facts({ flag: null })))).toStrictEqual({ failure: 'flag_unknown' })
    expect(toOfrepAnswer(decide(facts({ flag: broken })))).toStrictEqual({ failure: 'row_broken' })
  })

  test('omits a missing revision from the metadata', () => {
    const decision = decide(facts())
    const meta = { ...decision.meta, flag_revision: null }
    expect(parseAnswer({ ...decision, meta })).not.toHaveProperty('metadata.flag_revision')
  })
})
