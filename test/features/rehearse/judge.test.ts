import { expect, test } from 'vitest'
import type { GateReport } from '../../../src/core/report/types.ts'
import { judgeRehearsal } from '../../../src/features/rehearse/judge.ts'
import type { Rehearsed } from '../../../src/features/rehearse/rehearsal.ts'
import { findUnmeasured } from '../../../src/features/rehearse/steps.ts'
import { CHECKLIST } from '../../core/gate/builders.ts'

const { items } = CHECKLIST
const DONE: Rehearsed = { unexpected: [], finished: true }
const FULL = { quick: false, sign: true, items }
type States = Readonly<Record<string, readonly [state: string, ...codes: string[]]>>
/** A report in which open is what a rehearsal cannot decide, and what is given. */
const report = (given: States, { quick, sign }: { quick: boolean; sign: boolean } = FULL) => ({
  items: items.map((item) => {
    const people = item.kind === 'signature' || item.kind === 'probe_and_attestation'
    const isOpen = findUnmeasured(item, quick) !== null || quick || (!sign && people)
    const [state, ...codes] = given[item.id] ?? [isOpen ? 'pending' : 'pass']
    return { id: item.id, state, codes, detail: '' }
  }) as unknown as GateReport['items'],
})

test.each([
  ['with all measured and signed', FULL],
  ['without signatures', { ...FULL, sign: false }],
  ['of a sample', { ...FULL, quick: true }],
])('a rehearsal %s goes as expected', (_what, terms) => {
  const { exitName, open } = judgeRehearsal(DONE, report({}, terms), terms)
  expect([exitName, open.filter(({ expected }) => expected === null)]).toEqual(['ok', []])
  expect(open.map(({ id }) => id)).toEqual(expect.arrayContaining(['H3', 'H4']))
})

test.each<[what: string, states: States]>([
  ['an item that fails', { A1: ['fail', 'limit_broken'] }],
  ['an item that was not measured', { A1: ['pending', 'no_record'] }],
  ['48 hours that fail', { H3: ['fail', 'limit_broken'] }],
  ['a sign-off that is stale', { J2: ['stale', 'identity_changed'] }],
  ['another item without its target', { B1: ['inconclusive', 'target_missing'] }],
])('%s is against expectation', (_what, states) => {
  const { exitName, open } = judgeRehearsal(DONE, report(states), FULL)
  expect(exitName).toBe('not_ready')
  const against = open.filter(({ expected }) => expected === null)
  expect(against.map(({ id }) => id)).toEqual(Object.keys(states))
})

test('a restore without pg_dump is told, and expected', () => {
  const states: States = { I3: ['inconclusive', 'target_missing'] }
  const { exitName, open } = judgeRehearsal(DONE, report(states), FULL)
  expect([exitName, open.find(({ id }) => id === 'I3')?.expected]).toEqual([
    'ok',
    expect.stringContaining('pg_dump'),
  ])
})

test('48 hours that pass are no rehearsal', () => {
  const states: States = { H3: ['pass'], H4: ['pass'] }
  expect(judgeRehearsal(DONE, report(states), FULL).exitName).toBe('internal')
})

test.each([
  [20, 'no_go'],
  [22, 'inconclusive'],
  [99, 'internal'],
])('a command that ends %s decides', (status, exit) => {
  const unexpected = [{ command: 'ff probe run A1', status, said: '' }]
  expect(judgeRehearsal({ unexpected, finished: false }, null, FULL).exitName).toBe(exit)
  const whole = judgeRehearsal({ unexpected, finished: true }, report({}), FULL)
  expect(whole.exitName).toBe(exit)
})
