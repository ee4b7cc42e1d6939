import { expect, test } from 'vitest'
import { judgeGate } from '../../../src/core/gate/judge-gate.ts'
import { selectInputs } from '../../../src/core/gate/inputs.ts'
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
