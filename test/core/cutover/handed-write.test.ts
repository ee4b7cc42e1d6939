import { expect, test } from 'vitest'
import {
  type HandedEvent,
  startHandedWrite,
  stepHandedWrite,
} from '../../../src/core/cutover/handed-write.ts'

const acknowledged: HandedEvent = { type: 'answered', answer: { status: 'acknowledged', seq: 7 } }
const applied = (seq: number): HandedEvent => ({ type: 'applied', seq })
const late: HandedEvent = { type: 'late' }
const gone: HandedEvent = { type: 'writer_gone' }
const refused: HandedEvent = { type: 'answered', answer: { status: 'outcome_unknown' } }

test.each<[string, readonly HandedEvent[], string | null]>([
  ['is handed over', [], 'hand_over'],
  ['waits until the follower has applied it', [acknowledged], 'await_applied'],
  ['is acknowledged then', [acknowledged, applied(7)], 'acknowledged'],
  ['is not acknowledged before', [acknowledged, applied(6)], null],
  ['is not acknowledged by the log alone', [applied(9)], null],
  ['passes another answer on', [refused], 'outcome_unknown'],
  ['is handed to the successor of a writer that is gone', [gone], 'hand_over'],
  ['stays with its answer', [acknowledged, gone], null],
  ['takes one answer', [acknowledged, acknowledged], null],
  ['is unknown late', [late], 'outcome_unknown'],
  ['is in effect late once it was acknowledged', [acknowledged, late], 'mirror_behind'],
  ['has one answer', [refused, late], null],
])('a handed write %s', (_what, events, expected) => {
  let [state, effect] = startHandedWrite('w')
  for (const event of events) [state, effect] = stepHandedWrite(state, event)
  expect(effect?.do === 'answer' ? effect.answer.status : (effect?.do ?? null)).toBe(expected)
})
