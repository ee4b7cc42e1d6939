import { describe, expect, test } from 'vitest'
import {
  type LossCommand,
  type LossEffect,
  refuseLoss,
  startLoss,
  stepLoss,
} from '../../../src/core/cutover/loss.ts'
import { makeRecord } from './records.ts'

const served = makeRecord({ phase: 'db_authoritative', epoch: 4, drillEndsAt: 9 })
type Start = Pick<LossCommand, 'lost' | 'record' | 'intent'>

function run(start: Start): readonly LossEffect[] {
  const effects: LossEffect[] = []
  let [state, effect] = startLoss(start)
  while (effect !== null) {
    effects.push(effect)
    ;[state, effect] = stepLoss(state, 'done')
  }
  return effects
}

describe('a command that decides with one side', () => {
  test('goes on with the file after a lease, and leaves the database', () => {
    const intent = { epoch: 7, phase: 'shadow_read' } as const
    const record = makeRecord({ epoch: 8, attempt: 2, database: null })
    expect(run({ lost: 'database_lost', record: served, intent })).toEqual([
      { do: 'end_writer' },
      { do: 'await_lease' },
      { do: 'take_lines' },
      { do: 'write_record', side: 'file', record, over: 4 },
    ])
    expect(run({ lost: 'database_lost', record: served, intent: null }).at(-1)).toMatchObject({
      record: { epoch: 5 },
    })
  })
  test('goes on with the database after a lease', () => {
    const record = makeRecord({ phase: 'complete', epoch: 5 })
    expect(run({ lost: 'file_lost', record: served, intent: null })).toEqual([
      { do: 'end_writer' },
      { do: 'await_lease' },
      { do: 'write_record', side: 'database', record, over: 4 },
    ])
  })
  test('ends where an effect fails', () => {
    const [state] = startLoss({ lost: 'file_lost', record: served, intent: null })
    expect(stepLoss(state, 'failed')).toEqual([{ ...state, failed: true }, null])
  })
})

const complete = { epoch: 5, phase: 'complete' } as const
test.each<[string, Start, boolean, ReturnType<typeof refuseLoss>]>([
  [
    'the survivor needs no word',
    { lost: 'database_lost', record: served, intent: null },
    false,
    null,
  ],
  [
    'the other one does',
    { lost: 'file_lost', record: served, intent: null },
    false,
    'needs_stopped',
  ],
  ['and has it', { lost: 'file_lost', record: served, intent: null }, true, null],
  [
    'a database that survives needs no word',
    { lost: 'file_lost', record: { ...served, survivor: 'database' }, intent: null },
    false,
    null,
  ],
  [
    'against it the file needs one',
    { lost: 'database_lost', record: { ...served, survivor: 'database' }, intent: null },
    false,
    'needs_stopped',
  ],
  [
    'a database that may be alone already needs one',
    { lost: 'database_lost', record: served, intent: complete },
    false,
    'needs_stopped',
  ],
  [
    'and one that was, while the mirror is not whole yet',
    {
      lost: 'database_lost',
      record: served,
      intent: { epoch: 5, phase: 'db_authoritative' },
    },
    false,
    'needs_stopped',
  ],
  [
    'and one that is',
    { lost: 'database_lost', record: { ...served, phase: 'complete' }, intent: null },
    false,
    'needs_stopped',
  ],
  [
    'a file that is alone has lost nothing',
    { lost: 'database_lost', record: makeRecord(), intent: null },
    true,
    'one_side_only',
  ],
  [
    'a file that serves is not lost',
    { lost: 'file_lost', record: makeRecord({ phase: 'dual_write' }), intent: null },
    true,
    'one_side_only',
  ],
])('%s', (_what, start, stopped, refusal) => {
  expect(refuseLoss(start, stopped)).toBe(refusal)
})
