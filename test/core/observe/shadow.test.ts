import { describe, expect, it } from 'vitest'
import {
  findShadowDifference,
  haveSameRevisions,
  isBehind,
  ReasonSampler,
} from '../../../src/core/observe/shadow.ts'
import type { DecidedCase } from '../../../src/core/observe/shadow.ts'
import type { ApprovalAnswer } from '../../../src/core/evaluate/types.ts'
import { evaluate } from '../../../src/core/evaluate/evaluate.ts'
import { broken, facts, flagRow, json, REF, tenantRow, userRow } from '../builders.ts'

function decided(given: Parameters<typeof facts>[0] = {}, answer?: ApprovalAnswer): DecidedCase {
  const input = facts(given)
  const { decision } = evaluate(input, answer)
  if (decision === undefined) throw new Error('the rules ask Admin')
  return { input, answer, decision }
}
const rowsOf = (given: Parameters<typeof facts>[0] = {}) => facts(given).rows

describe('findShadowDifference', () => {
  it('finds none where both sides hold the same rows', () => {
    expect(findShadowDifference(decided(), { right: rowsOf() })).toBeNull()
  })
  it.each([
    ['/value', flagRow({ default_value: json('"other"') })],
    ['/meta/flag_revision', flagRow({ revision: 9 })],
    ['/decision', flagRow({ state: 'killed' })],
  ])('names %s', (field, flag) => {
    expect(findShadowDifference(decided(), { right: rowsOf({ flag }) })).toBe(field)
  })
  it('tells two spellings of one letter apart, and a broken row from a good one', () => {
    const one = { flag: flagRow({ default_value: json('"\u00e9"') }) }
    const right = rowsOf({ flag: flagRow({ default_value: json('"e\u0301"') }) })
    expect(findShadowDifference(decided(one), { right })).toBe('/value')
    expect(findShadowDifference(decided(), { right: { ...rowsOf(), flag: broken } })).not.toBeNull()
  })
  const SENSITIVE = { flag: flagRow({ sensitive: true }), ref: REF }
  it('uses the answer that Admin gave, and asks nothing', () => {
    const asked = decided(SENSITIVE, { status: 'unreachable' })
    expect(findShadowDifference(asked, { right: rowsOf(SENSITIVE) })).toBeNull()
    expect(findShadowDifference(decided({ ref: REF }), { right: rowsOf(SENSITIVE) })).toBe(
      '/approval',
    )
  })
  it('decides both sides again where both are given', () => {
    const rows = rowsOf({ flag: flagRow({ revision: 9 }) })
    expect(findShadowDifference(decided(), { left: rows, right: rows })).toBeNull()
    expect(findShadowDifference(decided(), { left: rowsOf(), right: rows })).not.toBeNull()
    const both = rowsOf(SENSITIVE)
    expect(findShadowDifference(decided({ ref: REF }), { left: both, right: both })).toBeNull()
  })
})

describe('haveSameRevisions', () => {
  it('compares each of the three rows', () => {
    const rows = rowsOf({ tenant: tenantRow(), user: userRow() })
    expect(haveSameRevisions(rows, rowsOf({ tenant: tenantRow(), user: userRow() }))).toBe(true)
    for (const change of [{ tenant: null }, { user: null }, { flag: null }])
      expect(haveSameRevisions(rows, { ...rows, ...change })).toBe(false)
    const later = rowsOf({ tenant: tenantRow(), user: userRow({ revision: 9 }) })
    expect(haveSameRevisions(rows, later)).toBe(false)
    expect(haveSameRevisions({ ...rows, flag: broken }, rows)).toBe(false)
  })
})

describe('isBehind', () => {
  it('is so where any row is older than it was at the other side', () => {
    const rows = rowsOf({ tenant: tenantRow() })
    expect(isBehind(rows, rows)).toBe(false)
    expect(isBehind(rows, { ...rows, tenant: null })).toBe(false)
    expect(isBehind({ ...rows, tenant: null }, rows)).toBe(true)
    expect(isBehind({ ...rows, flag: broken }, rows)).toBe(true)
    const later = rowsOf({ tenant: tenantRow({ revision: 9 }) })
    expect([isBehind(rows, later), isBehind(later, rows)]).toEqual([true, false])
  })
})

describe('ReasonSampler', () => {
  it('takes everything at a share of 1', () => {
    const sampler = new ReasonSampler(1)
    expect([0, 0, 0].map((at) => sampler.takes('kill_switch', at))).toEqual([true, true, true])
  })
  it('takes its share of a reason, and the first of each', () => {
    const sampler = new ReasonSampler(0.25)
    const taken = Array.from({ length: 401 }, () => sampler.takes('global_default', 0))
    expect(taken.filter(Boolean)).toHaveLength(101)
    expect(taken[0]).toBe(true)
    expect(sampler.takes('kill_switch', 0)).toBe(true)
  })
  it('takes one of a rare reason in each second', () => {
    const sampler = new ReasonSampler(0.001)
    expect([0, 500, 1000, 1500, 2000].map((at) => sampler.takes('kill_switch', at))).toEqual([
      true,
      false,
      true,
      false,
      true,
    ])
  })
})
