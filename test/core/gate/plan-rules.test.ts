import { describe, expect, test } from 'vitest'
import { type GateInput, judgeGate } from '../../../src/core/gate/judge-gate.ts'
import { type JudgedPlan, measurePlan } from '../../../src/core/gate/plan-rules.ts'
import { at, go, holding, NOW, toItem } from './builders.ts'

const HOUR_MS = 3_600_000
const DIGEST = '2'.repeat(64)
const PLAN: JudgedPlan = {
  database: '1/1/ff/0123456789abcdef',
  window: { from: at(24 * HOUR_MS), until: at(28 * HOUR_MS) },
  freeze: { from: at(HOUR_MS), until: at(48 * HOUR_MS) },
  on_call: ['Ada', 'Grace'].map((name) => ({ role: 'on call', name, contact: name })),
  admin: { checklist_digest: '1'.repeat(64), verdict: 'go', date: at(0), contact: 'admin' },
  runbook_digest: DIGEST,
}
const GOOD = {
  plan_faults: 0,
  window_starts_in_h: 24,
  window_ahead: true,
  on_call: 2,
  admin_in_step: true,
  runbook_matches: true,
}
const measure = (change: Partial<JudgedPlan>, runbook: string | null = DIGEST, now = NOW) =>
  measurePlan({ ...PLAN, ...change }, { now, runbook })
const admin = (change: Partial<JudgedPlan['admin']>) => ({ admin: { ...PLAN.admin, ...change } })
const person = { role: 'on call', name: 'Ada', contact: 'Ada' }

describe('the rules of the plan', () => {
  test('hold for a plan that is filled in', () =>
    expect(measure({})).toEqual({ measured: GOOD, faults: [] }))
  test.each<readonly [string, Partial<JudgedPlan>, Partial<Record<keyof typeof GOOD, unknown>>]>([
    ['no verdict of Admin', admin({ verdict: 'no_go' }), { admin_in_step: false, plan_faults: 1 }],
    [
      'no checklist of Admin',
      admin({ checklist_digest: '0'.repeat(64) }),
      { admin_in_step: false, plan_faults: 1 },
    ],
    ['a verdict to come', admin({ date: at(1) }), { admin_in_step: false, plan_faults: 1 }],
    ['no contact', admin({ contact: 'To be named ' }), { admin_in_step: false, plan_faults: 1 }],
    [
      'another runbook',
      { runbook_digest: '3'.repeat(64) },
      { runbook_matches: false, plan_faults: 1 },
    ],
    ['no database', { database: '0/0/ff/0123456789abcdef' }, { plan_faults: 1 }],
    ['one person twice', { on_call: [person, person] }, { on_call: 1 }],
    ['a person without a role', { on_call: [person, { ...person, role: ' ' }] }, { on_call: 1 }],
    [
      'a person without a contact',
      { on_call: [person, { ...person, name: 'Grace', contact: 'TO BE NAMED' }] },
      { on_call: 1, plan_faults: 1 },
    ],
    ['a freeze as long as the window', { freeze: PLAN.window }, {}],
    ['no person named', { on_call: [{ ...person, name: '' }] }, { on_call: 0, plan_faults: 1 }],
    [
      'a freeze that begins too late',
      { freeze: { ...PLAN.freeze, from: at(25 * HOUR_MS) } },
      { plan_faults: 1 },
    ],
    [
      'a freeze that ends too early',
      { freeze: { ...PLAN.freeze, until: at(27 * HOUR_MS) } },
      { plan_faults: 1 },
    ],
    [
      'a window without length',
      { window: { ...PLAN.window, until: PLAN.window.from } },
      { plan_faults: 1 },
    ],
  ])('%s', (_what, change, expected) => {
    const { measured, faults } = measure(change)
    expect(measured).toEqual({ ...GOOD, ...expected })
    expect(faults).toHaveLength(Number(measured['plan_faults']))
  })
  test.each<readonly [string, Partial<JudgedPlan>, string]>([
    [
      'window_unordered',
      { window: { ...PLAN.window, until: PLAN.window.from } },
      'the window does not end after it begins',
    ],
    [
      'freeze_too_short',
      { freeze: { ...PLAN.freeze, until: at(27 * HOUR_MS) } },
      'the freeze does not cover the window',
    ],
    [
      'on_call_unnamed',
      { on_call: [{ ...person, contact: '' }] },
      'a person on call has no name or no contact',
    ],
    [
      'admin_out_of_step',
      admin({ verdict: 'no_go' }),
      `Admin's verdict is no_go as of ${PLAN.admin.date}`,
    ],
    [
      'runbook_differs',
      { runbook_digest: '3'.repeat(64) },
      'checklists/runbook.md does not match runbook_digest of the plan',
    ],
    ['database_unnamed', { database: '0/0/ff/0' }, 'the plan names no database'],
  ])('%s', (code, change, detail) => expect(measure(change).faults).toEqual([{ code, detail }]))
  test('a window that is over and never began breaks two rules', () => {
    const window = { from: at(0), until: at(0) }
    const { faults, measured } = measure({ window, freeze: { from: at(-1), until: at(1) } })
    expect(faults.map((one) => one.code)).toEqual(['window_unordered', 'window_over'])
    expect(faults[1]?.detail).toBe(`the window ended at ${at(0)}`)
    expect(measured['window_starts_in_h']).toBe(0)
  })
  test('no runbook is another one', () =>
    expect(measure({}, null).measured).toMatchObject({ runbook_matches: false, plan_faults: 1 }))
  test.each([
    [24 * HOUR_MS, true, 0],
    [28 * HOUR_MS - 1, true, 0],
    [28 * HOUR_MS, false, 1],
  ])('%d ms on, the end of the window is ahead: %s', (ms, window_ahead, plan_faults) =>
    expect(measure({}, DIGEST, at(ms)).measured).toMatchObject({ window_ahead, plan_faults }),
  )
})

describe('at the gate, J1', () => {
  const stateAt = (plan_now: GateInput['plan_now']) => {
    const found = judgeGate(go({ plan_now })).items.find(({ id }) => id === 'J1')
    return [found?.state, found?.codes, found?.detail]
  }
  const held = holding(toItem('J1'))
  test('passes while the plan holds', () => expect(stateAt(held)).toEqual(['pass', [], '']))
  test.each(Object.keys(held))('fails where %s does not hold now, whatever was recorded', (name) =>
    expect(stateAt({ ...held, [name]: name === 'on_call' ? 0 : 1e9 })).toEqual([
      'fail',
      ['limit_broken'],
      name,
    ]),
  )
  test('is judged by its record alone without a plan', () =>
    expect(stateAt(null)).toEqual(['pass', [], '']))
})
