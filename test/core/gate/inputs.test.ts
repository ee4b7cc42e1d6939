import { expect, test } from 'vitest'
import { judgeGate } from '../../../src/core/gate/judge-gate.ts'
import { compareInputs, listCommandWords, selectInputs } from '../../../src/core/gate/inputs.ts'
import { go, goBut, INPUTS, toItem } from './builders.ts'

const stateOf = (id: string, input: ReturnType<typeof go>) => {
  const found = judgeGate(input).items.find((one) => one.id === id)
  return [found?.state, found?.codes, found?.detail]
}
const PAIRS = Object.entries(INPUTS.floor).flatMap(([id, paths = []]) =>
  paths.map((path) => [id, path] as const),
)

test.each(PAIRS)('%s without the digest of %s is inconclusive', (id, path) => {
  const { [path]: _gone, ...inputs } = selectInputs(toItem(id), INPUTS)
  expect(stateOf(id, goBut(id, { inputs }))).toEqual(['inconclusive', ['input_missing'], path])
})

test('a record without any input, as of an earlier version, is inconclusive', () => {
  const input = go()
  if (input.evidence.status !== 'whole') throw new Error('no logs')
  const logs = input.evidence.logs.map((log) => ({
    ...log,
    entries: log.entries.map((entry) => {
      const { inputs: _none, ...record } = entry.record
      return { ...entry, record }
    }),
  }))
  const old = { ...input, evidence: { status: 'whole', logs } } as const
  expect(stateOf('J1', old)).toEqual([
    'inconclusive',
    ['input_missing'],
    'checklists/plan.json; checklists/runbook.md',
  ])
  expect(stateOf('A1', old)).toEqual(['pass', [], ''])
})

test('an input that the gate does not know is a changed one', () => {
  const inputs = { constructor: 'f'.repeat(64) }
  expect(stateOf('A1', goBut('A1', { inputs }))).toEqual([
    'stale',
    ['input_changed'],
    'constructor',
  ])
})

test('the inputs of a team command are its words that are files', () => {
  const params = { argv: ['./check', '--all'], control_argv: ['./check', './broken', 7] }
  const item = { ...toItem('H2'), probe: { name: 'command', version: 1, params } }
  const terms = {
    floor: { H2: ['alerts.json', 'none.json'] },
    present: { './check': 'a', './broken': 'b', 'alerts.json': 'c', 'other.json': 'd' },
  }
  expect(listCommandWords(item)).toEqual(['./check', '--all', './check', './broken', '7'])
  expect(listCommandWords({ probe: { ...item.probe, name: 'other' } })).toEqual([])
  const own = { 'alerts.json': 'c', './check': 'a', './broken': 'b' }
  expect(selectInputs(item, terms)).toEqual(own)
  expect(compareInputs(item, { inputs: own }, terms)).toEqual({
    changed: [],
    missing: ['none.json'],
  })
  expect(compareInputs(item, {}, terms)).toEqual({
    changed: [],
    missing: ['alerts.json', 'none.json', './check', './broken'],
  })
  const inputs = { ...own, './check': 'x', 'gone.json': 'y', 'none.json': 'z' }
  expect(compareInputs(item, { inputs }, terms).changed).toEqual([
    './check',
    'gone.json',
    'none.json',
  ])
})
