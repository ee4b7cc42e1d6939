import { describe, expect, test } from 'vitest'
import { COMMANDS } from '../../src/commands/declarations/index.ts'
import { createRepeat, repeatInHint, repeatInReport } from '../../src/commands/repeat-options.ts'
import { buildCheckReport } from '../../src/core/report/check-report.ts'
import type { GateReport } from '../../src/core/report/types.ts'
import { FfError } from '../../src/errors.ts'

const none = { checklist: null, evidence: null }
const repeat = createRepeat(COMMANDS, { checklist: 'my list.json', evidence: 'logs' })

describe('a proposed command repeats', () => {
  test.each([
    ['ff probe run A1 E1', "ff probe run --checklist 'my list.json' --evidence logs A1 E1"],
    ['ff gate', "ff gate --checklist 'my list.json' --evidence logs"],
    ['ff evidence seal --first', 'ff evidence seal --evidence logs --first'],
    ['ff checklist explain A1', "ff checklist explain --checklist 'my list.json' A1"],
    ['ff signoff request', 'ff signoff request'],
    [
      'ff gate --checklist other.json && ff gate',
      "ff gate --evidence logs --checklist other.json && ff gate --checklist 'my list.json' --evidence logs",
    ],
    ['ff probe list', "ff probe list --checklist 'my list.json'"],
    ['mv .ff/evidence/KID .ff/', 'mv logs/KID .ff/'],
    ['Keep .ff/evidence/KID.', 'Keep logs/KID.'],
    [
      'Run `ff gate` or ff gate.',
      "Run `ff gate --checklist 'my list.json' --evidence logs` or ff gate.",
    ],
    [
      'First `rm .ff/runner.pem && ff evidence seal`.',
      'First `rm .ff/runner.pem && ff evidence seal --evidence logs`.',
    ],
  ])('%s', (text, repeated) => {
    expect(repeat(text)).toBe(repeated)
    expect(createRepeat(COMMANDS, none)(text)).toBe(text)
    expect(createRepeat(COMMANDS, {})(text)).toBe(text)
  })
  test('one option alone, and a value with a dollar sign as it is', () => {
    const one = createRepeat(COMMANDS, { ...none, evidence: '$&' })
    expect(one('ff probe run')).toBe("ff probe run --evidence '$&'")
    expect(one('mv .ff/evidence/a b')).toBe("mv '$&'/a b")
  })
})

test('the hint of an error repeats them, and nothing else changes', () => {
  const cause = new Error('why')
  const error = new FfError('log_not_here', 'No `ff gate`.', {
    hint: 'Run `ff evidence seal`.',
    details: ['d'],
    cause,
  })
  const { code, message, hint, details, stack } = repeatInHint(error, repeat) as FfError
  expect([code, message, details, stack]).toEqual([error.code, error.message, ['d'], error.stack])
  expect(hint).toBe('Run `ff evidence seal --evidence logs`.')
  expect((repeatInHint(error, repeat) as FfError).cause).toBe(cause)
  expect(repeatInHint(error, (text) => text)).toBe(error)
  expect(repeatInHint(cause, repeat)).toBe(cause)
})

test('each command of a report repeats them', () => {
  const item = {
    id: 'A1',
    title: 't',
    state: 'pending',
    findings: [],
    next: 'ff probe run',
  } as const
  const check = buildCheckReport('evidence_list', [item, { ...item, next: null }])
  const { items } = repeatInReport(check, repeat) as typeof check
  expect(items.map(({ next }) => next)).toEqual([repeat('ff probe run'), null])
  const step = { fix: '`ff gate`', next: 'ff gate' }
  const given = { kind: 'gate', ...step, remeasure: 'ff probe run', items: [step] }
  const gate = given as unknown as GateReport
  const done = { fix: repeat('`ff gate`'), next: repeat('ff gate') }
  expect(repeatInReport(gate, repeat)).toEqual({
    kind: 'gate',
    ...done,
    remeasure: repeat('ff probe run'),
    items: [done],
  })
  const over = { ...gate, fix: null, next: null, remeasure: null, items: [] }
  expect(repeatInReport(over, repeat)).toEqual(over)
  const detail = { chains: [], rows: {}, reproduce: 'ff parity run --vector PV-01' }
  const parity = { kind: 'parity_run', items: [{ detail }, { detail: null }] } as never
  const sides = createRepeat(COMMANDS, {
    baseline: 'file:my store',
    allowSameKind: true,
    vectors: ['a.json', 'b.json'],
    candidate: null,
  })
  expect(repeatInReport(parity, sides)).toMatchObject({
    items: [
      {
        detail: {
          reproduce:
            "ff parity run --baseline 'file:my store' --allow-same-kind --vectors a.json b.json --vector PV-01",
        },
      },
      { detail: null },
    ],
  })
})
