import { expect, test } from 'vitest'
import { checkTriggers } from '../../../src/core/gate/trigger-rules.ts'

const TRIGGER = {
  id: 'RT-1',
  metric: 'ff_store_up',
  action: 'ff cutover rollback',
  owner: 'on-call',
}

test('finds triggers without an action or an owner, and metrics that are not served', () => {
  const triggers = [
    TRIGGER,
    { ...TRIGGER, id: 'RT-2', owner: ' To be named ' },
    { ...TRIGGER, id: 'RT-3', action: '' },
    { ...TRIGGER, id: 'RT-4', metric: 'ff_none' },
  ]
  expect(checkTriggers(triggers, new Set(['ff_store_up']))).toEqual({
    incomplete: ['RT-2', 'RT-3'],
    missing: ['ff_none'],
  })
  expect(checkTriggers([TRIGGER], new Set(['ff_store_up']))).toEqual({
    incomplete: [],
    missing: [],
  })
})
