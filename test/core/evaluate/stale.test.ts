import { describe, expect, test } from 'vitest'
import { serializeDecision } from '../../../src/core/evaluate/decision-text.ts'
import { evaluate } from '../../../src/core/evaluate/evaluate.ts'
import { toOfrepAnswer } from '../../../src/core/ofrep/answer.ts'
import type { EvaluationInput } from '../../../src/core/evaluate/types.ts'
import { anonymous, decide, facts, flagRow, REF, tenantRow } from '../builders.ts'

const stale = (
  given: Parameters<typeof facts>[0] = {},
  { unread = false }: { readonly unread?: boolean } = {},
): EvaluationInput => {
  const input = facts(given)
  return { ...input, rows: { ...input.rows, stale: { age_ms: 1_234, unread } } }
}
const MARKS = { stale: true, age_ms: 1_234 }

describe('S7: rows from a copy, because the store is away', () => {
  test('decide as rows of the store, and are marked', () => {
    const { meta, ...fresh } = decide(facts({ tenant: tenantRow() }))
    const { meta: marked, ...decision } = decide(stale({ tenant: tenantRow() }))
    expect(decision).toEqual(fresh)
    expect(marked).toEqual({ ...meta, ...MARKS })
    expect(meta).not.toHaveProperty('stale')
  })
  test('carry the marks last in the envelope, and flat in OFREP', () => {
    const decision = decide(stale())
    expect(serializeDecision(decision)).toMatch(
      /"backing_state":"file","stale":true,"age_ms":1234}}$/,
    )
    expect(JSON.parse(toOfrepAnswer(decision).text ?? '')).toMatchObject({ metadata: MARKS })
  })
  test('deny a sensitive flag without a question to Admin', () => {
    const given = stale({ flag: flagRow({ sensitive: true }), ref: REF })
    expect(evaluate(given).ask).toBeUndefined()
    const { reason_chain, ...decision } = decide(given)
    expect(decision).toMatchObject({
      decision: 'deny',
      reason: 'fail_safe',
      value: '"safe"',
      meta: MARKS,
    })
    expect(reason_chain.at(-1)).toEqual({
      prec: 8,
      rule: 'fail_safe',
      outcome: 'engaged',
      cause: 'backing_stale',
      at: 4,
    })
  })
  test('keep the reasons of the rules before', () => {
    const flag = flagRow({ sensitive: true, state: 'killed' })
    expect(decide(stale({ flag })).reason).toBe('kill_switch')
    const caller = stale({ flag: flagRow({ sensitive: true }), by: anonymous() })
    expect(decide(caller).reason).toBe('auth_required')
  })
  test.each([
    ['with the safe value', flagRow(), '"safe"'],
    ['also where it is not known yet', null, null],
  ])('deny a flag that changed and was not read again, %s', (_what, flag, value) => {
    const decision = decide(stale({ flag }, { unread: true }))
    expect(decision).toMatchObject({ decision: 'deny', reason: 'fail_safe', value })
    expect(decision.reason_chain).toMatchObject([{ cause: 'backing_stale', at: 1 }])
  })
})
