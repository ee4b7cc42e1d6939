import { describe, expect, test } from 'vitest'
import {
  changesAuthority,
  CUTOVER_PHASES,
  PHASE_RULES,
  stepTowards,
} from '../../../src/core/cutover/phases.ts'
import { chooseRecord, followRecord, isIntentOpen } from '../../../src/core/cutover/record.ts'
import { makeRecord } from './records.ts'

describe('the phases', () => {
  test('each is the neighbour of its neighbours, and the ends have one', () => {
    expect(CUTOVER_PHASES.map((phase) => PHASE_RULES[phase].back)).toEqual([
      null,
      ...CUTOVER_PHASES.slice(0, -1),
    ])
    expect(CUTOVER_PHASES.map((phase) => PHASE_RULES[phase].forth)).toEqual([
      ...CUTOVER_PHASES.slice(1),
      null,
    ])
  })
  test('the second side is never the authority', () => {
    for (const phase of CUTOVER_PHASES)
      expect(PHASE_RULES[phase].second).not.toBe(PHASE_RULES[phase].authority)
  })
  test('only the step between shadow_read and db_authoritative changes the authority', () => {
    const changing = CUTOVER_PHASES.slice(1).filter((phase, at) =>
      changesAuthority(CUTOVER_PHASES[at] ?? phase, phase),
    )
    expect(changing).toEqual(['db_authoritative'])
  })
  test('a way passes through each phase in between', () => {
    expect(stepTowards('complete', 'file')).toBe('db_authoritative')
    expect(stepTowards('file', 'complete')).toBe('dual_write')
    expect(stepTowards('shadow_read', 'shadow_read')).toBe('shadow_read')
  })
})

describe('a phase record', () => {
  test('the next one has a higher epoch and is disarmed', () => {
    const armed = makeRecord({ epoch: 4, armed: true })
    expect(followRecord(armed, { phase: 'dual_write' })).toEqual(
      makeRecord({ epoch: 5, phase: 'dual_write' }),
    )
    expect(followRecord(armed, { armed: true }).armed).toBe(true)
  })
  test('the next one is above what was promised', () => {
    expect(followRecord(makeRecord({ epoch: 4 }), {}, 9).epoch).toBe(10)
  })
  test('of two copies the one with the higher epoch decides', () => {
    const [older, newer] = [makeRecord({ epoch: 1 }), makeRecord({ epoch: 2 })]
    expect([chooseRecord(older, newer), chooseRecord(newer, older)]).toEqual([newer, newer])
  })
  test('an intent stands until the file has a record of its epoch', () => {
    const intent = { epoch: 3, phase: 'complete' } as const
    expect(isIntentOpen(makeRecord({ epoch: 2 }), intent)).toBe(true)
    expect(isIntentOpen(makeRecord({ epoch: 3 }), intent)).toBe(false)
    expect(isIntentOpen(makeRecord(), null)).toBe(false)
  })
})
